"""The no-Docker stack: PostgreSQL, RabbitMQ, an S3 store and Quire's services as plain processes of this machine.

From a shell: `python -m deploy.local up`. From a test: `with stack(tmp_path, services=False) as env`, of `stack.py`.
"""

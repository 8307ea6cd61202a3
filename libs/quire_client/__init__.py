"""The Python client and the `quire` command."""

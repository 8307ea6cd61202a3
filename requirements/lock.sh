#!/bin/sh
# Pins every wheel with its hashes, one file a room: `make lock` after a change of pyproject.toml.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
pin() { "$uv" pip compile -q --python-version 3.11 --universal --generate-hashes --no-header --no-annotate "$@" pyproject.toml; }
pin --all-extras -o requirements/dev.txt
for room in batch gateway extractor client; do
    pin --extra "$room" -c requirements/dev.txt -o "requirements/$room.txt"
done

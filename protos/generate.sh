#!/bin/sh
# Generates libs/quire from the protos; with --check, proves that what is checked in is what they generate.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"

generate() {
    find protos -name '*.proto' -printf '%P\n' | sort | xargs python -m grpc_tools.protoc -I protos \
        --python_out="$1" --grpc_python_out="$1" --mypy_out=quiet:"$1" --mypy_grpc_out=quiet:"$1"
    find "$1/quire" -name '*_pb2_grpc.py*' | xargs grep -L Servicer | xargs rm
    find "$1/quire" -type d -exec touch {}/__init__.py \;
}

if [ "${1:-}" = --check ]; then
    fresh=$(mktemp -d)
    trap 'rm -rf "$fresh"' EXIT
    generate "$fresh"
    diff -r --exclude=__pycache__ "$fresh/quire" libs/quire
    echo "libs/quire is fresh"
else
    rm -rf libs/quire
    mkdir libs/quire
    generate libs
fi

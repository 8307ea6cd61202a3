#!/bin/sh
# Compares the contract with the one of the last release; before the first release there is nothing to break.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
last=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null || true)
if [ -z "$last" ]; then
    echo "no release yet: nothing to compare the contract with"
    exit 0
fi
buf breaking protos --against ".git#tag=$last,subdir=protos"

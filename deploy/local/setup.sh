#!/bin/sh
# `setup.sh python`: .venv with exactly requirements/dev.txt and this repository. `setup.sh broker`: Debian's RabbitMQ.
set -eu
cd "$(dirname "$0")/../.."

fail() { printf '%s\n' "$@" >&2; exit 1; }

# Installs Debian packages, but starts no service of theirs: ours is a private node.
install_packages() {
    [ "$(id -u)" = 0 ] || fail "Missing: $*. Install it as root: apt-get install $*" "then call make again."
    command -v apt-get >/dev/null || fail "Missing: $*. Install it with this system's package manager, then call make again."
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    echo "Installing $* …"
    log=$(mktemp)
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1 ||
        fail "$(tail -n 20 "$log")" "Could not install $*; log: $log"
    rm -f "$log"
}

make_venv() {
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or newer is needed."
    python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
    echo "Making .venv …"
    python3 -m venv .venv
}

# The pinned uv, with its hashes, taken from the same file as all the rest.
bootstrap_uv() {
    pins=$(mktemp)
    awk '/^[^ ]/ { wanted = /^uv==/ } wanted' requirements/dev.txt >"$pins"
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r "$pins"
    rm -f "$pins"
}

install_python() {
    [ -x .venv/bin/python ] || make_venv
    [ -x .venv/bin/uv ] || bootstrap_uv
    echo "Installing the pinned wheels …"
    export VIRTUAL_ENV="$PWD/.venv"
    .venv/bin/uv pip sync -q --compile-bytecode --require-hashes requirements/dev.txt
    .venv/bin/uv pip install -q --no-deps --no-build-isolation -e .
}

install_broker() {
    [ -z "${QUIRE_AMQP_URL:-}" ] || return 0
    ls /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server >/dev/null 2>&1 || install_packages rabbitmq-server
}

case ${1:-} in
python) install_python ;;
broker) install_broker ;;
*) fail "usage: setup.sh python|broker" ;;
esac

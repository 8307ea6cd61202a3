"""RabbitMQ from Debian's package as a private node: own ports, own epmd, own cookie, own data, no plugins."""

import asyncio
import logging
from pathlib import Path
from urllib.parse import urlsplit

import aio_pika
from aio_pika.exceptions import AMQPError

from deploy.local.failures import StackError
from deploy.local.home import Home
from deploy.local.ports import HOST, Offset
from deploy.local.processes import Part
from deploy.local.settings import BASE_PORT, Environ

NAME = "rabbitmq"
EPMD = "epmd"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INSTALLED = "lib/rabbitmq/lib/rabbitmq_server-*/sbin"
# The broker reads every folder of plugins at each start, which takes seconds; these are the broker itself.
PLUGINS = ("osiris-*", "ra-*", "rabbit-*", "rabbit_common-*", "rabbitmq_prelaunch-*")
CONNECT_SECONDS = 5.0

CONFIG = """\
listeners.tcp.1 = {host}:{port}
default_user = quire
default_pass = {password}
log.console = true
log.console.level = info
log.file = false
"""

logging.getLogger("aio_pika").setLevel(logging.CRITICAL)
logging.getLogger("aiormq").setLevel(logging.CRITICAL)


def epmd_part(home: Home, values: Environ) -> Part:
    """Erlang's port mapper, started by us so that we can end it; else the broker leaves a daemon behind."""
    port = int(values[BASE_PORT]) + Offset.EPMD
    return Part(
        name=EPMD,
        argv=("/usr/bin/epmd", "-port", str(port), "-address", HOST),
        environ={"PATH": PATH},
        cwd=home.root,
        address=f"{HOST}:{port}",
    )


def part(home: Home, values: Environ) -> Part:
    """The broker, its folder and configuration written anew each time."""
    script, folder = tool("rabbitmq-server"), home.data(NAME)
    port = int(values[BASE_PORT]) + Offset.AMQP
    _configure(folder, port, values["QUIRE_LOCAL_AMQP_PASSWORD"])
    return Part(
        name=NAME,
        argv=(str(script),),
        environ=environ(home, values) | _core_plugins(folder, script),
        cwd=folder,
        address=f"{HOST}:{port}",
        grace_seconds=30.0,
    )


def tool(name: str) -> Path:
    """A program of the package, e.g. `rabbitmqctl`."""
    # Not the one in /usr/sbin: that wrapper insists on the system's user and folders.
    found = sorted(path for folder in Path("/usr").glob(INSTALLED) if (path := folder / name).exists())
    if not found:
        raise StackError("RabbitMQ is missing: `apt-get install rabbitmq-server`, or give QUIRE_AMQP_URL")
    return found[-1]


def environ(home: Home, values: Environ) -> dict[str, str]:
    """In which the node runs and its tools find it."""
    folder, base = home.data(NAME), int(values[BASE_PORT])
    return {
        "PATH": PATH,
        "LANG": "C.UTF-8",
        "HOME": str(folder),  # holds the cookie
        "ERL_CRASH_DUMP": str(folder / "erl_crash.dump"),
        "ERL_EPMD_ADDRESS": HOST,
        "ERL_EPMD_PORT": str(base + Offset.EPMD),
        # The data belongs to this name; nodes of other stacks may bear it too, each beside an epmd of its own.
        "RABBITMQ_NODENAME": "quire@localhost",
        "RABBITMQ_DIST_PORT": str(base + Offset.ERLANG),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RUNNING_UNDER_SYSTEMD": "true",  # no shell between us and the broker, so signals reach it
    }


async def probe_epmd(values: Environ) -> str | None:
    """Ready when it listens."""
    return await _listening(HOST, int(values[BASE_PORT]) + Offset.EPMD)


async def probe(values: Environ) -> str | None:
    """Ready when the AMQP handshake succeeds with the user of the address."""
    url = values["QUIRE_AMQP_URL"]
    parts = urlsplit(url)
    # A library that fails to connect is noisy and slow, so a plain connection goes ahead.
    silent = await _listening(parts.hostname or HOST, parts.port or (5671 if parts.scheme == "amqps" else 5672))
    return silent or await _handshake(url)


async def _handshake(url: str) -> str | None:
    try:
        connection = await aio_pika.connect(url, timeout=CONNECT_SECONDS)
        await connection.close()
    except (OSError, TimeoutError, AMQPError) as error:
        return f"{type(error).__name__}: {error}"
    return None


async def _listening(host: str, port: int) -> str | None:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
        await writer.wait_closed()
    except (OSError, TimeoutError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _configure(folder: Path, port: int, password: str) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = folder / "rabbitmq.conf"
    config.touch(mode=0o600)
    config.write_text(CONFIG.format(host=HOST, port=port, password=password))
    (folder / "enabled_plugins").write_text("[].\n")


def _core_plugins(folder: Path, script: Path) -> dict[str, str]:
    plugins, core = script.parents[1] / "plugins", folder / "plugins"
    targets = [path for pattern in PLUGINS for path in plugins.glob(pattern)]
    if len(targets) != len(PLUGINS):
        return {}  # packaged in another way: let it read them all
    core.mkdir(exist_ok=True)
    for link in core.iterdir():
        link.unlink()
    for target in targets:
        (core / target.name).symlink_to(target)
    return {"RABBITMQ_PLUGINS_DIR": str(core)}

"""The command: `python -m deploy.local up [--only servers] | down | status | logs [PART] | env | run -- COMMAND`.

Environment: QUIRE_HOME (default `.quire` in the repository), QUIRE_GATEWAY_HTTP_PORT (default 8080 when free), and
QUIRE_DATABASE_OWNER_URL, QUIRE_AMQP_URL, QUIRE_S3_ENDPOINT with QUIRE_S3_ACCESS_KEY and QUIRE_S3_SECRET_KEY, each of
which replaces a server by one that runs already.
"""

import argparse
import os
import shlex
import sys
from pathlib import Path

from deploy.local import settings
from deploy.local.failures import StackError
from deploy.local.home import REPOSITORY, Home
from deploy.local.report import PARTS, Report, table
from deploy.local.stack import down, up

USUAL_HTTP_PORT = 8080


def main() -> int:
    """Runs one verb; answers 1 with a message when the stack cannot."""
    arguments = _parser().parse_args()
    home = Home(Path(os.environ.get("QUIRE_HOME") or REPOSITORY / ".quire").resolve())
    try:
        return arguments.verb(home, arguments)
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. What was started still runs: `down` ends it.\n")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local", description="Quire on this machine, without Docker."
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    start = verbs.add_parser("up", help="start what does not run yet, and wait until it answers")
    start.add_argument("--only", choices=["servers"], help="PostgreSQL, RabbitMQ and S3 without the services")
    start.set_defaults(verb=_up)
    verbs.add_parser("down", help="end all of it; the data stays").set_defaults(verb=_down)
    verbs.add_parser("status", help="what runs where").set_defaults(verb=_status)
    logs = verbs.add_parser("logs", help="the last lines of each log")
    logs.add_argument("part", nargs="?", choices=PARTS)
    logs.add_argument("-f", "--follow", action="store_true", help="go on with new lines")
    logs.set_defaults(verb=_logs)
    verbs.add_parser(
        "env", help='print the environment for a shell: eval "$(python -m deploy.local env)"'
    ).set_defaults(verb=_env)
    run = verbs.add_parser("run", help="run a command in that environment: run -- COMMAND")
    run.add_argument("command", nargs="+")
    run.set_defaults(verb=_run)
    return parser


def _up(home: Home, arguments: argparse.Namespace) -> int:
    report, services = Report(), arguments.only is None
    report.say(f"Starting Quire's {'servers and services' if services else 'servers'} in {home.root}")
    env = up(home, os.environ, report, with_services=services, usual_http_port=USUAL_HTTP_PORT)
    report.say(f"Up in {report.total()}." + (f" Pages and API: {env['QUIRE_GATEWAY_URL']}" if services else ""))
    return 0


def _down(home: Home, _arguments: argparse.Namespace) -> int:
    report = Report()
    ended = down(home)
    report.say(f"Ended {', '.join(ended)} in {report.total()}." if ended else "Nothing was running.")
    return 0


def _status(home: Home, _arguments: argparse.Namespace) -> int:
    for line in table(home, settings.read(home.env_file)):
        Report().say(line)
    return 0


def _logs(home: Home, arguments: argparse.Namespace) -> int:
    chosen = [arguments.part] if arguments.part else PARTS
    files = [str(home.log(part)) for part in chosen if home.log(part).exists()]
    if not files:
        raise StackError(f"no logs in {home.root}: nothing was started yet")
    os.execvp("tail", ["tail", "-n", "40", *(["-F"] if arguments.follow else []), *files])  # noqa: S606, S607 - tail is everywhere


def _env(home: Home, _arguments: argparse.Namespace) -> int:
    for key, value in _known(home).items():
        Report().say(f"export {key}={shlex.quote(value)}")
    return 0


def _run(home: Home, arguments: argparse.Namespace) -> int:
    os.execvpe(arguments.command[0], arguments.command, {**os.environ, **_known(home)})  # noqa: S606 - the user's own command


def _known(home: Home) -> dict[str, str]:
    values = settings.read(home.env_file)
    if not values:
        raise StackError(f"no stack in {home.root} yet: `up` first")
    return settings.public(values)


if __name__ == "__main__":
    sys.exit(main())

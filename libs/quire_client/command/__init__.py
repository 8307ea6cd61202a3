"""The `quire` command."""

import asyncio
import os
import sys
from collections.abc import Sequence

from quire_client.command.exits import Exit, exit_for
from quire_client.command.output import note, printed
from quire_client.command.parser import build_parser
from quire_client.errors import QuireError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; answer its exit code."""
    arguments = build_parser().parse_args(argv)
    try:
        return asyncio.run(arguments.run(arguments))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return _reader_left()
    except QuireError as error:
        return _complain(error.message, error.way_out, exit_for(error))
    except (OSError, UnicodeDecodeError) as error:
        return _complain(str(error), "Check the path and that you may read or write there.", Exit.USAGE)


def _complain(message: str, way_out: str, code: Exit) -> Exit:
    note(f"quire: {printed(message)}")
    note(f"  {printed(way_out)}")
    return code


def _reader_left() -> Exit:
    # Python flushes stdout once more at exit; give it somewhere to go, as the reader (`| head`) has what it wants.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.OK

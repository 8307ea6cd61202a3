"""How fast Quire is, beside the bare libraries it stands on: `python -m tests.bench`."""

import argparse
import shlex
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import uvloop
from rich.console import Console

from tests.bench import fold, memory, pipeline, report, upload
from tests.bench.figures import Section
from tests.bench.rounds import FULL, QUICK, Size
from tests.bench.stage import Stage, open_stage

SECTIONS: Mapping[str, Callable[[Stage, Size], Awaitable[Section]]] = {
    "fold": fold.measure,
    "pipeline": pipeline.measure,
    "upload": upload.measure,
    "memory": memory.measure,
}
EPILOG = """
sections:
  fold      events a second of the real fold, many batches and one hot batch, beside bare aio-pika consume-and-ack
  pipeline  documents of 20 KB from sealed to final with an instant engine, CPU by process, beside the floor:
            bare aio-pika, asyncpg and minio that read the object, write a result and count exactly
  upload    through the gateway by HTTP and gRPC, beside the bare minio SDK on the same store
  memory    the extractor with 32 slots, idle and at work; the gateway while 500 MB pass through it

Servers of its own are started in a temporary folder and nothing of them stays. Contestants run in turns; a ratio is
taken round by round, and its median is shown. Let the machine be quiet: nothing here is asserted, and no exit status
tells of a goal that was missed.

examples:
  python -m tests.bench                              everything, about a quarter of an hour
  python -m tests.bench --quick --only fold          two short rounds of one section
"""


def main() -> int:
    """Measure what was asked for."""
    arguments = _parser().parse_args()
    size, chosen = QUICK if arguments.quick else FULL, arguments.only
    console = Console(width=report.WIDTH)
    conditions = report.conditions(shlex.join(["python", "-m", "tests.bench", *sys.argv[1:]]))
    sections: list[Section] = []
    with open_stage() as stage:
        for name in chosen:
            began = time.monotonic()
            sections.append(uvloop.run(_measured(name, stage, size)))
            report.show(console, sections[-1])
            report.write(arguments.out, sections, conditions)
            console.print(f"\n({name}: {time.monotonic() - began:.0f} s)", highlight=False)
    console.print(f"\nAll runs: {arguments.out}", highlight=False)
    return 0


async def _measured(name: str, stage: Stage, size: Size) -> Section:
    return await SECTIONS[name](stage, size)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="How fast Quire is, beside the bare libraries it stands on.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", type=_sections, default=list(SECTIONS), metavar="NAMES", help="sections, separated by commas"
    )
    parser.add_argument("--quick", action="store_true", help="two rounds of a fifth of the load")
    parser.add_argument(
        "--out", type=Path, default=Path("build/bench.json"), metavar="FILE", help="where all runs go (%(default)s)"
    )
    return parser


def _sections(text: str) -> list[str]:
    unknown = set(text.split(",")) - set(SECTIONS)
    if unknown:
        raise argparse.ArgumentTypeError(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    return text.split(",")

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import ctypes, json, os, socket, subprocess, sys
from extractor.parse.walls import raise_walls
walls = raise_walls(os.getppid())

def outcome(act):
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "done"

print(json.dumps({
    "walls": walls,
    "connect": outcome(lambda: socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1)),
    "socket": outcome(socket.socket),
    "fork": outcome(os.fork),
    "program": outcome(lambda: subprocess.run(["/bin/true"])),
    "write": outcome(lambda: open(sys.argv[2], "w").write("x")),
    "append": outcome(lambda: open(sys.argv[3], "a").write("x")),
    "delete": outcome(lambda: os.unlink(sys.argv[3])),
    "parent_environment": outcome(lambda: open(f"/proc/{os.getppid()}/environ").read()),
    "signal": outcome(lambda: os.kill(os.getppid(), 0)),
    "read": outcome(lambda: open(sys.argv[3]).read()),
}))
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("walls")
    kept = folder / "kept"
    kept.write_text("kept")
    arguments = ["9", str(folder / "new"), str(kept)]
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, check=True, env=dict(os.environ)
    )
    assert kept.read_text() == "kept"
    assert not Path(arguments[1]).exists()
    return json.loads(ran.stdout)


@pytest.mark.catalogue("C08", "C11")
@pytest.mark.parametrize("act", ["connect", "socket", "fork", "program", "signal"])
def test_walls_refuse_what_leads_outside(outcomes: dict[str, object], act: str) -> None:
    assert outcomes[act] == "PermissionError"


@pytest.mark.parametrize("act", ["write", "append", "delete", "parent_environment"])
def test_walls_refuse_writing_and_looking_into_others_where_the_kernel_can(
    outcomes: dict[str, object], act: str
) -> None:
    if "landlock" not in str(outcomes["walls"]):
        pytest.skip("this kernel has no Landlock")
    assert outcomes[act] == "PermissionError"


def test_walls_let_the_document_be_read(outcomes: dict[str, object]) -> None:
    assert outcomes["read"] == "done"

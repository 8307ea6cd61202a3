"""The folder of a worker process."""

import os
from pathlib import Path

from extractor.work.scratch import PREFIX, process_folder

NO_PROCESS = 2**22 + 1
"""Above what Linux gives as a process id."""


def test_a_process_starts_with_an_empty_folder_nobody_else_can_read(tmp_path: Path) -> None:
    left = tmp_path / f"{PREFIX}{os.getpid()}"
    left.mkdir()
    (left / "invoice.pdf").write_bytes(b"of a run before")
    folder = process_folder(tmp_path)
    assert folder == left
    assert list(folder.iterdir()) == []
    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_holds_is_not(tmp_path: Path) -> None:
    dead, living, other = (tmp_path / name for name in (f"{PREFIX}{NO_PROCESS}", f"{PREFIX}1", f"{PREFIX}notes"))
    for folder in (dead, living, other):
        folder.mkdir()
    process_folder(tmp_path)
    assert not dead.exists()
    assert living.exists()
    assert other.exists()

"""Processes live and do not grow, or the checker says so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.checker import processes
from tests.chaos.checker.ground import Footprint, Ground, Process, footprint

MIB = 2**20


@pytest.fixture
def here(tmp_path: Path) -> Ground:
    return Ground("", "", {}, tmp_path)


def test_a_process_that_lives_is_not_told_of_and_its_size_is_noted(here: Ground) -> None:
    here.processes = {"batch": Process(os.getpid(), footprint(os.getpid()))}
    assert processes.violations(here) == []
    assert [note.split()[:2] for note in here.notes] == [["I30:", "batch"]]


def test_a_process_that_is_gone_is_told_of(here: Ground) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here.processes = {"batch": Process(ended.pid)}
    assert [(one.invariant, one.subject) for one in processes.violations(here)] == [("I29", "batch")]


def test_a_process_nobody_has_collected_is_gone(here: Ground) -> None:
    zombie = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert zombie.stdout is not None
    assert os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    here.processes = {"batch": Process(zombie.pid)}
    assert [one.invariant for one in processes.violations(here)] == ["I29"]
    zombie.communicate()


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (Footprint(140 * MIB, 30), 0),
        (Footprint(143 * MIB, 30), 1),
        (Footprint(100 * MIB, 37), 0),
        (Footprint(100 * MIB, 39), 1),
    ],
)
def test_growth_beyond_a_tenth_and_some_slack_is_told_of(here: Ground, now: Footprint, found: int) -> None:
    grown = list(processes.growth(here, "batch", Footprint(100 * MIB, 20), now))
    assert [(one.invariant, one.subject) for one in grown] == [("I30", "batch")] * found

"""Every planted bug finds what it replaces: a renamed target fails here, not silently in a run that finds nothing."""

import subprocess
import sys

import pytest

from deploy.local.home import REPOSITORY
from tests.chaos.mutants.catalogue import ALL
from tests.chaos.mutants.mutant import TargetMissing, replace
from tests.chaos.nemesis import CATALOGUE, plan

LEAST = 12


def launch(*words: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-W", "error", "-m", "tests.chaos.mutants.launch", *words)
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", ALL)
def test_a_mutant_is_planted_before_its_service_reads_its_words(name: str) -> None:
    launched = launch(name, ALL[name].service, "serve", "--help")
    assert launched.returncode == 0, launched.stderr
    assert "usage" in launched.stdout


def test_there_are_mutants_enough_and_each_says_what_catches_it() -> None:
    assert len(ALL) >= LEAST
    assert all(mutant.promise and mutant.caught_by for mutant in ALL.values())


def test_a_mutant_of_another_service_is_refused() -> None:
    launched = launch("no_fence", "extractor", "serve")
    assert launched.returncode != 0
    assert "planted in batch" in launched.stderr


def test_a_target_that_is_gone_fails_loudly() -> None:
    with pytest.raises(TargetMissing, match="no_such_name"):
        replace(sys, "no_such_name", None)


def test_the_mutants_are_listed() -> None:
    listed = launch().stdout
    assert all(name in listed for name in ALL)


def test_what_a_mutant_favours_is_a_fault_there_is() -> None:
    known = {fault.name for fault in CATALOGUE}
    assert {name for mutant in ALL.values() for name in mutant.favours} <= known


def test_a_plan_follows_from_its_seed_and_from_what_it_favours() -> None:
    assert plan(7, 30) == plan(7, 30)
    favoured = [one.fault.name for one in plan(7, 100, ("extractor_frozen",))]
    assert favoured.count("extractor_frozen") > [one.fault.name for one in plan(7, 100)].count("extractor_frozen")

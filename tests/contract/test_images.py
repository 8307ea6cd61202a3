"""The Dockerfile, as far as it can be tried without a container engine: what it says, and what its steps come to."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DOCKERFILE = (REPOSITORY / "deploy/docker/Dockerfile").read_text("utf-8")
FINAL_STAGE = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
CONFIGURATION_FAULT = 78
Images = Callable[[str], Path]
"""The Python of a service's image."""

each_service = pytest.mark.parametrize("service", ["batch", "gateway", "extractor"])

IMPORT_EVERYTHING = """
import importlib, pkgutil, service
whole = importlib.import_module(SERVICE)
for module in pkgutil.walk_packages(whole.__path__, SERVICE + "."):
    if not module.name.startswith(("batch.migrations.", SERVICE + ".__main__")):
        importlib.import_module(module.name)
"""
START_A_PARSER_CHILD = """
import asyncio
from extractor.parse.cage import Cage

async def start() -> None:
    cage = Cage(1)
    await cage.start()
    await cage.close()

asyncio.run(start())
"""


def instruction(name: str) -> str:
    (only,) = re.findall(rf"^{name} (.+)$", FINAL_STAGE, re.MULTILINE)
    return only


def copied_from_here(service: str) -> list[str]:
    sources = re.findall(r"^COPY (?!--from)(\S+) \S+$", DOCKERFILE, re.MULTILINE)
    return [source.replace("${SERVICE}", service) for source in sources]


def rehearse(service: str, folder: Path) -> Path:
    """Do what the first stage does, with uv in the place of pip; answers the Python of the image."""
    quiet = ("--quiet", "--no-config")
    python = folder / "bin/python"
    pins = REPOSITORY / f"requirements/{service}.txt"
    uv = str(Path(sys.executable).with_name("uv"))
    hashed = ("--require-hashes", "--only-binary", ":all:")
    subprocess.run([uv, "venv", *quiet, "--python", sys.executable, str(folder)], check=True)
    subprocess.run([uv, "pip", "install", *quiet, "--python", str(python), *hashed, "-r", str(pins)], check=True)
    (packages,) = folder.glob("lib/python3.*/site-packages")
    for source in copied_from_here(service):
        if (REPOSITORY / source).is_dir():
            copy = packages / Path(source).name
            shutil.copytree(REPOSITORY / source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (packages / "service").symlink_to(service)
    return python


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Each service's rehearsed image, made when first asked for."""

    @cache
    def image(service: str) -> Path:
        return rehearse(service, tmp_path_factory.mktemp(service))

    return image


def run(python: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    return subprocess.run([python, "-P", *words], env=environ, cwd="/", capture_output=True, text=True, check=False)


def test_image_runs_as_a_user_with_a_number_that_is_not_root() -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", instruction("USER"))


def test_image_starts_its_service_without_a_shell_and_stops_it_by_sigterm() -> None:
    assert json.loads(instruction("ENTRYPOINT"))[1:] == ["-P", "-m", "service"]
    assert json.loads(instruction("CMD")) == ["serve"]
    assert instruction("STOPSIGNAL") == "SIGTERM"


def test_image_takes_only_wheels_with_known_hashes() -> None:
    assert re.findall(r"pip .*install", DOCKERFILE) == ["pip --python /quire/bin/python install"]
    assert "--require-hashes --only-binary :all: -r requirements.txt" in DOCKERFILE


@each_service
def test_all_an_image_copies_exists_and_is_let_in(service: str) -> None:
    let_in = re.findall(r"^!(\S+)$", (REPOSITORY / ".dockerignore").read_text("utf-8"), re.MULTILINE)
    for source in copied_from_here(service):
        assert (REPOSITORY / source).exists()
        assert source in let_in


@pytest.mark.slow
@each_service
def test_image_holds_all_that_its_service_imports(service: str, images: Images) -> None:
    imported = run(images(service), "-c", f"SERVICE = {service!r}{IMPORT_EVERYTHING}")
    assert (imported.returncode, imported.stderr) == (0, "")


@pytest.mark.slow
@each_service
def test_image_starts_its_service_by_the_name_they_share(service: str, images: Images) -> None:
    helped = run(images(service), "-m", "service", "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert service in helped.stdout

    served = run(images(service), "-m", "service", "serve")
    assert served.returncode == CONFIGURATION_FAULT
    assert "QUIRE_S3_ENDPOINT" in served.stderr


@pytest.mark.slow
def test_parser_child_starts_in_the_image_with_its_empty_environment(images: Images) -> None:
    started = run(images("extractor"), "-c", START_A_PARSER_CHILD)
    assert (started.returncode, started.stderr) == (0, "")

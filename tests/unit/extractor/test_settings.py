"""Settings fail at start, and name what is wrong."""

import pytest

from chassis.settings import SettingsFault, load
from extractor.settings import ExtractorSettings

NEEDED = {
    "QUIRE_AMQP_URL": "amqp://localhost",
    "QUIRE_S3_ENDPOINT": "http://localhost:9000",
    "QUIRE_S3_ACCESS_KEY": "a",
    "QUIRE_S3_SECRET_KEY": "b",
    "QUIRE_BATCH_ADDRESS": "localhost:1",
    "QUIRE_WORKER_TOKEN": "canary-token",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "QUIRE_OPENAI_API_KEY", "OPENAI_BASE_URL", "QUIRE_OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)


def test_settings_choose_builtin_when_there_is_no_key() -> None:
    assert not load(ExtractorSettings).uses_openai


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "QUIRE_OPENAI_API_KEY"])
def test_settings_choose_openai_when_there_is_a_key(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "sk-canary")
    settings = load(ExtractorSettings)
    assert settings.uses_openai
    assert "canary" not in repr(settings)


def test_settings_take_an_empty_key_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    assert not load(ExtractorSettings).uses_openai


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("QUIRE_MODEL_DEADLINE_SECONDS", "600", "QUIRE_MODEL_DEADLINE_SECONDS (600) must be less than"),
        ("QUIRE_JOB_DEADLINE_SECONDS", "1800", "QUIRE_CONSUMER_TIMEOUT_SECONDS (1800)"),
        ("QUIRE_BEAT_SECONDS", "7", "3 x QUIRE_BEAT_SECONDS (21) must be less than QUIRE_LEASE_SECONDS (20)"),
        ("QUIRE_EXTRACTOR_SLOTS", "0", "QUIRE_EXTRACTOR_SLOTS"),
    ],
)
def test_settings_refuse_to_start_when_budgets_contradict(
    name: str, value: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsFault) as caught:
        load(ExtractorSettings)
    assert named in "".join(caught.value.faults)


def test_settings_name_every_variable_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NEEDED:
        monkeypatch.delenv(name)
    with pytest.raises(SettingsFault) as caught:
        load(ExtractorSettings)
    assert {fault.split(":")[0] for fault in caught.value.faults} == set(NEEDED)

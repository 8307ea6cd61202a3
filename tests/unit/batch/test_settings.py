"""Settings fail at start: every fault at once, each naming its variable."""

import pytest

from batch.settings import BatchSettings, MigrateSettings
from chassis.settings import SettingsFault, load

SECRET = "s" * 32
GOOD = {
    "QUIRE_DATABASE_API_URL": "postgresql+asyncpg://api@localhost/quire",
    "QUIRE_DATABASE_ENGINE_URL": "postgresql+asyncpg://engine@localhost/quire",
    "QUIRE_DATABASE_OWNER_URL": "postgresql+asyncpg://owner@localhost/quire",
    "QUIRE_AMQP_URL": "amqp://localhost/",
    "QUIRE_S3_ENDPOINT": "http://localhost:9000",
    "QUIRE_S3_ACCESS_KEY": "key",
    "QUIRE_S3_SECRET_KEY": "secret",
    "QUIRE_BATCH_LISTEN": "127.0.0.1:7000",
    "QUIRE_KEY_PEPPER": SECRET,
    "QUIRE_GATEWAY_TOKEN": SECRET,
    "QUIRE_WORKER_TOKEN": SECRET,
    "QUIRE_ADMIN_TOKEN": SECRET,
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def faults(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> list[str]:
    for name, value in changes.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    with pytest.raises(SettingsFault) as refused:
        load(BatchSettings)
    assert refused.value.code == 78
    return refused.value.faults


def test_settings_are_read_from_the_environment() -> None:
    settings = load(BatchSettings)
    assert settings.batch_listen == "127.0.0.1:7000"
    assert settings.lease_seconds == 20.0
    assert load(MigrateSettings).database_owner_url.get_secret_value() == GOOD["QUIRE_DATABASE_OWNER_URL"]


@pytest.mark.catalogue("Q19")
def test_settings_name_every_faulty_variable_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = faults(
        monkeypatch,
        QUIRE_AMQP_URL=None,
        QUIRE_BATCH_LISTEN="nowhere",
        QUIRE_KEY_PEPPER="short",
        QUIRE_DATABASE_POOL="many",
        QUIRE_LEASE_SECONDS="0",
        QUIRE_LOG_LEVEL="loud",
        QUIRE_S3_ENDPOINT="localhost",
    )
    named = {fault.split(":")[0] for fault in told}
    assert named == {
        "QUIRE_AMQP_URL",
        "QUIRE_BATCH_LISTEN",
        "QUIRE_KEY_PEPPER",
        "QUIRE_DATABASE_POOL",
        "QUIRE_LEASE_SECONDS",
        "QUIRE_LOG_LEVEL",
        "QUIRE_S3_ENDPOINT",
    }
    printed = capsys.readouterr().err
    assert all(name in printed for name in named)


def test_settings_never_print_a_secret(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    faults(monkeypatch, QUIRE_KEY_PEPPER="canary-pepper", QUIRE_WORKER_TOKEN="canary-token")
    assert "canary" not in capsys.readouterr().err
    monkeypatch.setenv("QUIRE_KEY_PEPPER", "canary" * 8)
    monkeypatch.setenv("QUIRE_WORKER_TOKEN", "canary" * 8)
    assert "canary" not in repr(load(BatchSettings))


@pytest.mark.catalogue("Q19")
def test_time_budgets_must_fit_into_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "QUIRE_BEAT_SECONDS" in faults(monkeypatch, QUIRE_BEAT_SECONDS="7")[0]
    assert (
        "QUIRE_JOB_DEADLINE_SECONDS"
        in faults(monkeypatch, QUIRE_BEAT_SECONDS="5", QUIRE_JOB_DEADLINE_SECONDS="1800")[0]
    )


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"QUIRE_OIDC_ISSUER": "https://issuer.example"}, "QUIRE_OIDC_AUDIENCE"),
        ({"QUIRE_OIDC_AUDIENCE": "quire"}, "QUIRE_OIDC_ISSUER"),
        ({"QUIRE_OIDC_JWKS_URL": "https://issuer.example/keys"}, "QUIRE_OIDC_JWKS_URL"),
        ({"QUIRE_OIDC_ISSUER": "http://issuer.example", "QUIRE_OIDC_AUDIENCE": "quire"}, "QUIRE_OIDC_ISSUER"),
        (
            {
                "QUIRE_OIDC_ISSUER": "https://issuer.example",
                "QUIRE_OIDC_AUDIENCE": "quire",
                "QUIRE_OIDC_JWKS_URL": "file:///etc/passwd",
            },
            "QUIRE_OIDC_JWKS_URL",
        ),
    ],
)
def test_settings_refuse_half_an_issuer_or_one_that_can_be_forged_on_the_way(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], named: str
) -> None:
    assert named in faults(monkeypatch, **changes)[0]


def test_new_code_runs_on_old_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUIRE_SOMETHING_OF_YESTERDAY", "x")
    assert load(BatchSettings)


def test_failpoints_are_refused_outside_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    assert any("QUIRE_ENV=test" in fault for fault in faults(monkeypatch, QUIRE_FAILPOINT_FILE="somewhere"))
    monkeypatch.setenv("QUIRE_FAILPOINT_FILE", "somewhere")
    monkeypatch.setenv("QUIRE_ENV", "test")
    assert load(BatchSettings).failpoint_file is not None


def test_settings_refuse_a_notice_that_leaves_too_little_of_the_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    told = faults(monkeypatch, QUIRE_NOTICE_SECONDS="6", QUIRE_DRAIN_SECONDS="10")
    assert told == ["QUIRE_NOTICE_SECONDS must be at most half of QUIRE_DRAIN_SECONDS"]

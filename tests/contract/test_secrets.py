"""No secret has a default, none may be empty, and certificates that contradict each other stop a start."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import pytest
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from batch.settings import BatchSettings, MigrateSettings
from chassis.settings import BatchTlsSettings, SettingsFault, TlsSettings, load
from extractor.settings import ExtractorSettings
from gateway.settings import GatewaySettings
from tests.certificates import Authority

PROCESSES = (MigrateSettings, BatchSettings, GatewaySettings, ExtractorSettings)
SECRET_WORDS = ("secret", "password", "token", "_key", "_keys", "pepper", "_url")
NO_SECRETS = {"oidc_jwks_url", "openai_base_url"}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("QUIRE_", "OPENAI_"))]:
        monkeypatch.delenv(name)


def is_secret(field: FieldInfo) -> bool:
    kind: Any = field.annotation
    return kind is SecretStr or (isinstance(kind, UnionType) and SecretStr in get_args(kind))


def every_field() -> Iterator[Any]:
    for settings in PROCESSES:
        for name, field in settings.model_fields.items():
            yield pytest.param(name, field, id=f"{settings.__name__}.{name}")


@pytest.mark.parametrize(("name", "field"), list(every_field()))
def test_a_secret_has_no_default_and_hides_itself(name: str, field: FieldInfo) -> None:
    if is_secret(field):
        assert field.is_required() or field.default is None
    elif name.endswith(SECRET_WORDS):
        assert name in NO_SECRETS, "a secret is a SecretStr, or its value will stand in some log"


@pytest.mark.parametrize("settings", PROCESSES)
def test_a_process_refuses_to_start_without_its_secrets(
    settings: type[BaseSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = [f"QUIRE_{name.upper()}" for name, field in settings.model_fields.items() if is_secret(field)]
    needed = [name for name in needed if name not in ("QUIRE_SESSION_KEYS", "QUIRE_OPENAI_API_KEY")]
    for empty in (False, True):
        if empty:
            for name in needed:
                monkeypatch.setenv(name, "")
        with pytest.raises(SettingsFault) as refused:
            load(settings)
        assert set(needed) <= {fault.split(":")[0] for fault in refused.value.faults}


@pytest.fixture
def certificates(tmp_path: Path) -> dict[str, str]:
    authority = Authority(tmp_path, "ours")
    one, other = authority.issue("one.example"), authority.issue("other.example")
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("-----BEGIN CERTIFICATE-----\n")
    files = {"ca": authority.file, "cert": one.cert, "key": one.key, "other_key": other.key, "nonsense": nonsense}
    return {name: str(file) for name, file in files.items()} | {"nowhere": str(tmp_path / "nowhere")}


SERVER, CHANNEL = TlsSettings, BatchTlsSettings


@pytest.mark.parametrize(
    ("settings", "given", "named"),
    [
        (SERVER, {"QUIRE_TLS_CERT_FILE": "cert"}, "QUIRE_TLS_KEY_FILE"),
        (SERVER, {"QUIRE_TLS_KEY_FILE": "key"}, "QUIRE_TLS_CERT_FILE"),
        (SERVER, {"QUIRE_TLS_CLIENT_CA_FILE": "ca"}, "QUIRE_TLS_CERT_FILE"),
        (SERVER, {"QUIRE_TLS_CERT_FILE": "cert", "QUIRE_TLS_KEY_FILE": "other_key"}, "QUIRE_TLS_KEY_FILE"),
        (SERVER, {"QUIRE_TLS_CERT_FILE": "nowhere", "QUIRE_TLS_KEY_FILE": "key"}, "QUIRE_TLS_CERT_FILE"),
        (SERVER, {"QUIRE_TLS_CERT_FILE": "nonsense", "QUIRE_TLS_KEY_FILE": "key"}, "QUIRE_TLS_CERT_FILE"),
        (
            SERVER,
            {"QUIRE_TLS_CERT_FILE": "cert", "QUIRE_TLS_KEY_FILE": "key", "QUIRE_TLS_CLIENT_CA_FILE": "nonsense"},
            "QUIRE_TLS_CLIENT_CA_FILE",
        ),
        (CHANNEL, {"QUIRE_BATCH_CA_FILE": "nowhere"}, "QUIRE_BATCH_CA_FILE"),
        (
            CHANNEL,
            {"QUIRE_BATCH_CLIENT_CERT_FILE": "cert", "QUIRE_BATCH_CLIENT_KEY_FILE": "key"},
            "QUIRE_BATCH_CA_FILE",
        ),
        (CHANNEL, {"QUIRE_BATCH_CA_FILE": "ca", "QUIRE_BATCH_CLIENT_KEY_FILE": "key"}, "QUIRE_BATCH_CLIENT_CERT_FILE"),
        (CHANNEL, {"QUIRE_BATCH_CA_FILE": "ca", "QUIRE_BATCH_CLIENT_CERT_FILE": "cert"}, "QUIRE_BATCH_CLIENT_KEY_FILE"),
    ],
)
def test_certificates_that_contradict_each_other_stop_the_start(
    monkeypatch: pytest.MonkeyPatch,
    certificates: dict[str, str],
    settings: type[BaseSettings],
    given: dict[str, str],
    named: str,
) -> None:
    for name, file in given.items():
        monkeypatch.setenv(name, certificates[file])
    with pytest.raises(SettingsFault) as refused:
        load(settings)
    assert named in refused.value.faults[0]


def test_a_server_and_a_channel_are_whole_with_all_their_files(
    monkeypatch: pytest.MonkeyPatch, certificates: dict[str, str]
) -> None:
    for name, file in (("CERT", "cert"), ("KEY", "key"), ("CLIENT_CA", "ca")):
        monkeypatch.setenv(f"QUIRE_TLS_{name}_FILE", certificates[file])
    for name, file in (("CLIENT_CERT", "cert"), ("CLIENT_KEY", "key"), ("CA", "ca")):
        monkeypatch.setenv(f"QUIRE_BATCH_{name}_FILE", certificates[file])
    server, channel = load(TlsSettings).server_tls, load(BatchTlsSettings).batch_tls
    assert server is not None
    assert channel is not None
    assert server.credentials()
    assert channel.credentials()

"""The issuer's keys, fetched from a real server that behaves, rotates, misbehaves, or is away."""

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from grpc import StatusCode

from batch.identity import issuer_keys
from batch.identity.issuer import MOST_BYTES, Issuer, IssuerAway
from batch.identity.issuer_keys import IssuerKeys
from chassis.errors import CallError, CallReason
from tests.issuer import LocalIssuer, SigningKey, running_issuer

OLD, NEW = SigningKey("old"), SigningKey("new", "EdDSA")
NONE: dict[str, str] = {}
CONFIGURATION = "/.well-known/openid-configuration"


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    with running_issuer() as running:
        running.keys = [OLD]
        yield running


def keys_of(issuer: LocalIssuer) -> IssuerKeys:
    return IssuerKeys(Issuer(issuer.name, None))


async def refusal(keys: IssuerKeys, kid: str) -> CallError:
    with pytest.raises(CallError) as caught:
        await keys.find(kid)
    return caught.value


async def test_a_key_is_fetched_once_and_kept(issuer: LocalIssuer) -> None:
    keys = keys_of(issuer)
    assert await keys.find("old") is await keys.find("old")
    assert issuer.asked == [CONFIGURATION, "/keys"]


async def test_unknown_keys_make_nobody_ask_the_issuer_again_and_again(issuer: LocalIssuer) -> None:
    keys = keys_of(issuer)
    for kid in ("../../etc/passwd", "' OR 1=1 --", "old/", "x" * 500):
        error = await refusal(keys, kid)
        assert (error.code, error.reason) == (StatusCode.UNAUTHENTICATED, CallReason.TOKEN_INVALID)
    assert issuer.asked == [CONFIGURATION, "/keys"]


async def test_a_new_key_is_found_beside_the_old_one_and_replaces_it(
    issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "REFETCH_SECONDS", 0.0)
    keys = keys_of(issuer)
    assert await keys.find("old")
    issuer.keys = [OLD, NEW]
    assert (await keys.find("new")).algorithm_name == "EdDSA"
    assert await keys.find("old")
    issuer.keys = [NEW]
    assert (await refusal(keys, "unknown")).code is StatusCode.UNAUTHENTICATED
    assert (await refusal(keys, "old")).code is StatusCode.UNAUTHENTICATED


async def test_an_issuer_that_is_away_refuses_nobody_but_asks_for_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer_keys, "REFETCH_SECONDS", 0.0)
    with running_issuer() as issuer:
        port = issuer.port
    keys = keys_of(issuer)
    error = await refusal(keys, "old")
    assert (error.code, error.retry_after) == (StatusCode.UNAVAILABLE, issuer_keys.RETRY_SECONDS)
    with running_issuer(port) as issuer:
        issuer.keys = [OLD]
        assert await keys.find("old")
    assert await keys.find("old")
    assert (await refusal(keys, "new")).code is StatusCode.UNAVAILABLE
    assert await keys.find("old")


async def test_known_keys_are_not_trusted_for_ever_while_the_issuer_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer_keys, "KEPT_SECONDS", 0.0)
    with running_issuer() as issuer:
        issuer.keys = [OLD]
        keys = keys_of(issuer)
        assert (await refusal(keys, "old")).code is StatusCode.UNAUTHENTICATED
    monkeypatch.setattr(issuer_keys, "REFETCH_SECONDS", 0.0)
    assert (await refusal(keys, "old")).code is StatusCode.UNAVAILABLE


async def test_the_keys_address_may_be_given_and_then_nothing_is_discovered(issuer: LocalIssuer) -> None:
    assert set(await Issuer(issuer.name, f"{issuer.name}/keys").keys()) == {"old"}
    assert issuer.asked == ["/keys"]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/keys", (500, NONE, b"")),
        ("/keys", (302, {"Location": "/elsewhere"}, b"")),
        ("/keys", (200, NONE, b" " * (MOST_BYTES + 1))),
        ("/keys", (200, {"Content-Encoding": "gzip"}, b"{}")),
        ("/keys", (200, {"Content-Length": "1000"}, b'{"keys"')),
        ("/keys", (200, NONE, b"<html>")),
        ("/keys", (200, NONE, b"[" * 100_000)),
        ("/keys", (200, NONE, b"[]")),
        ("/keys", (200, NONE, b'{"keys": {}}')),
        ("/keys", (200, NONE, b'{"keys": [1, null, {}, {"kty": "oct", "k": "AAAA", "kid": "x"}]}')),
        (CONFIGURATION, (200, NONE, b"{}")),
        (CONFIGURATION, (200, NONE, b'{"issuer": "http://127.0.0.1:1", "jwks_uri": "http://127.0.0.1:1"}')),
    ],
)
async def test_an_issuer_without_usable_keys_counts_as_away(
    issuer: LocalIssuer, path: str, answer: tuple[int, dict[str, str], bytes]
) -> None:
    issuer.answers[path] = answer
    with pytest.raises(IssuerAway):
        await Issuer(issuer.name, None).keys()
    assert "/elsewhere" not in issuer.asked


@pytest.mark.parametrize("url", ["http://192.0.2.1/keys", "file:///etc/passwd", "ftp://127.0.0.1/", "keys", ""])
async def test_keys_are_fetched_only_where_nobody_can_change_them_on_the_way(issuer: LocalIssuer, url: str) -> None:
    issuer.answers[CONFIGURATION] = (200, {}, f'{{"issuer": "{issuer.name}", "jwks_uri": "{url}"}}'.encode())
    with pytest.raises(IssuerAway, match="no https address"):
        await Issuer(issuer.name, None).keys()


async def test_keys_that_are_weak_or_not_for_signatures_are_left_out(issuer: LocalIssuer) -> None:
    class Sealing(SigningKey):
        @property
        def public(self) -> dict[str, Any]:
            return super().public | {"use": "enc"}

    weak = SigningKey("weak", "RS256")
    weak.private = rsa.generate_private_key(65537, 1024)
    issuer.keys = [OLD, Sealing("sealing"), weak]
    assert set(await Issuer(issuer.name, None).keys()) == {"old"}

"""Sign-in of the pages: a sealed cookie that any replica opens, and that no stranger's page can use."""

import time
from typing import Any

import httpx2
import pytest
from conftest import SESSION_KEY, Stage, staged
from fake_batch import API_KEY, Memory
from object_store import HOST, ObjectStore, free_ports
from pydantic import SecretStr, ValidationError
from test_events import events_of

from chassis.errors import CallError, CallReason, unauthenticated
from gateway.http.sessions import COOKIE, LASTING_SECONDS, MOST_CHARACTERS, Sessions
from gateway.settings import GatewaySettings
from quire.batch.v1.batch_pb2 import BatchStatus

PAGE = {"X-Quire-Request": "1", "Sec-Fetch-Site": "same-origin"}
NEWER_KEY = "another key of the tests that seals sign-ins"


async def sign_in(stage: Stage, **changes: Any) -> httpx2.Response:
    sent: dict[str, Any] = {"json": {"api_key": API_KEY}, "headers": PAGE} | changes
    return await stage.http.post("/v1/session", **sent)


def cookie_of(answer: httpx2.Response) -> str:
    """What a browser sends from now on."""
    return answer.headers["set-cookie"].partition(";")[0]


async def by_cookie(stage: Stage, method: str, path: str, cookie: str, **sent: Any) -> httpx2.Response:
    headers = {"Cookie": cookie, **sent.pop("headers", {})}
    base = f"http://{stage.settings.gateway_http_listen}"
    async with httpx2.AsyncClient(base_url=base, timeout=30, trust_env=False) as browser:
        return await browser.request(method, path, headers=headers, **sent)


async def test_a_sign_in_sets_a_cookie_that_scripts_and_strangers_cannot_read(stage: Stage) -> None:
    answer = await sign_in(stage)
    assert answer.status_code == 200
    assert answer.json() == {"tenant_id": "t", "tenant_name": "acme", "user_id": "ann", "tier": "PLUS"}
    pair, *attributes = answer.headers["set-cookie"].split("; ")
    assert pair.startswith(f"{COOKIE}=")
    assert set(attributes) == {"Max-Age=43200", "Path=/", "HttpOnly", "SameSite=Strict", "Secure"}
    assert API_KEY not in pair
    assert answer.headers["cache-control"] == "no-store"


async def test_a_sign_in_takes_the_credential_of_the_header_too(stage: Stage) -> None:
    cookie = cookie_of(await sign_in(stage, json=None))
    assert (await by_cookie(stage, "GET", "/v1/session", cookie)).json()["user_id"] == "ann"


async def test_a_sign_in_with_a_wrong_credential_sets_nothing(stage: Stage) -> None:
    for wrong in ("quire_wrong", "two words", "with\nline", "ü", "a,b"):
        answer = await sign_in(stage, json={"api_key": wrong})
        assert (answer.status_code, answer.json()["reason"]) == (401, "UNAUTHENTICATED")
        assert "set-cookie" not in answer.headers
    assert (await sign_in(stage, json={"api_key": "k" * (MOST_CHARACTERS + 1)})).status_code in (400, 401)
    assert (await sign_in(stage, json={"password": "x"})).json()["reason"] == "FIELD_INVALID"


async def test_the_cookie_reads_writes_and_watches(stage: Stage) -> None:
    cookie = cookie_of(await sign_in(stage))
    made = await by_cookie(stage, "POST", "/v1/batches", cookie, headers=PAGE, json={"extraction_prompt": "total"})
    assert made.status_code == 201
    path = f"/v1/batches/{made.json()['id']}"
    assert (await by_cookie(stage, "GET", path, cookie)).status_code == 200
    await stage.memory.change(made.json()["id"], BatchStatus.BATCH_STATUS_COMPLETED)
    base = f"http://{stage.settings.gateway_http_listen}"
    async with (
        httpx2.AsyncClient(base_url=base, headers={"Cookie": cookie}, trust_env=False) as browser,
        browser.stream("GET", f"{path}/events") as watched,
    ):
        assert [event["event"] async for event in events_of(watched)] == ["batch", "end"]
    assert {called["authorization"] for _, called, _ in stage.memory.calls} == {f"Bearer {API_KEY}"}


STRANGERS = [
    {},
    {"X-Quire-Request": "1"},
    {"Sec-Fetch-Site": "same-origin"},
    {"X-Quire-Request": "0", "Sec-Fetch-Site": "same-origin"},
    {"X-Quire-Request": "1", "Sec-Fetch-Site": "cross-site"},
    {"X-Quire-Request": "1", "Sec-Fetch-Site": "same-site"},
    {"X-Quire-Request": "1", "Sec-Fetch-Site": "none"},
    {"X-Quire-Request": "1", "Origin": "null"},
    {"X-Quire-Request": "1", "Origin": "https://evil.example"},
    {"X-Quire-Request": "1", "Origin": "https://quire.example.evil.example", "Host": "quire.example"},
]


@pytest.mark.parametrize("headers", STRANGERS)
async def test_a_strangers_page_changes_nothing_by_the_cookie(stage: Stage, headers: dict[str, str]) -> None:
    cookie = cookie_of(await sign_in(stage))
    stage.memory.calls.clear()
    refusals = [
        await by_cookie(stage, "POST", "/v1/batches", cookie, headers=headers, json={"extraction_prompt": "x"}),
        await by_cookie(stage, "PUT", "/v1/batches/b/files/a.pdf", cookie, headers=headers, content=b"x"),
        await by_cookie(stage, "DELETE", "/v1/batches/b", cookie, headers=headers),
        await by_cookie(stage, "POST", "/v1/session", cookie, headers=headers, json={"api_key": "the stranger's"}),
        await by_cookie(stage, "DELETE", "/v1/session", cookie, headers=headers),
    ]
    assert {(one.status_code, one.json()["reason"]) for one in refusals} == {(403, "CSRF_REFUSED")}
    assert not any("set-cookie" in one.headers for one in refusals)
    assert stage.memory.calls == []


async def test_a_page_of_this_origin_is_known_by_its_origin_where_browsers_tell_no_more(stage: Stage) -> None:
    here = {"X-Quire-Request": "1", "Origin": "https://Quire.example", "Host": "quire.example"}
    cookie = cookie_of(await sign_in(stage, headers=here))
    made = await by_cookie(stage, "POST", "/v1/batches", cookie, headers=here, json={"extraction_prompt": "total"})
    assert made.status_code == 201


async def test_the_header_counts_and_not_the_cookie_when_both_are_sent(stage: Stage) -> None:
    cookie = cookie_of(await sign_in(stage))
    other = {"Authorization": "Bearer another"}
    assert (await by_cookie(stage, "GET", "/v1/session", cookie, headers=other)).status_code == 401


async def test_signing_out_ends_the_cookie_and_can_be_repeated(stage: Stage) -> None:
    cookie = cookie_of(await sign_in(stage))
    for _ in range(2):
        answer = await by_cookie(stage, "DELETE", "/v1/session", cookie, headers=PAGE)
        assert answer.status_code == 204
        assert answer.headers["set-cookie"].startswith(f"{COOKIE}=; Max-Age=0")


async def test_nobody_is_signed_in_without_a_cookie_or_with_one_of_somebody_elses_making(stage: Stage) -> None:
    stranger = Sessions(["s" * 32], secure=True).sealed(API_KEY).partition(";")[0]
    good = cookie_of(await sign_in(stage))
    for cookie in ("", f"{COOKIE}=", f"{COOKIE}={API_KEY}", stranger, f"{good[:-6]}AAAAAA", f"{COOKIE}=;", "other=1"):
        answer = await by_cookie(stage, "GET", "/v1/session", cookie)
        assert (answer.status_code, answer.json()["reason"]) == (401, "UNAUTHENTICATED"), cookie


async def test_a_revoked_credential_ends_the_sign_in(stage: Stage) -> None:
    cookie = cookie_of(await sign_in(stage))
    stage.memory.faults["GetCaller"] = unauthenticated("revoked")
    assert (await by_cookie(stage, "GET", "/v1/session", cookie)).status_code == 401


def a_request(cookie: str) -> Any:
    return type("Request", (), {"cookies": dict([cookie.partition(";")[0].split("=", 1)])})()


def test_a_cookie_is_void_after_its_time_whatever_the_browser_does() -> None:
    sessions = Sessions([SESSION_KEY], secure=True)
    box: Any = sessions
    sealed = box._box.encrypt_at_time(API_KEY.encode(), int(time.time()) - LASTING_SECONDS - 60).decode()
    with pytest.raises(CallError, match="sign in again") as caught:
        sessions.opened(a_request(f"{COOKIE}={sealed}"))
    assert caught.value.reason == CallReason.UNAUTHENTICATED


def test_keys_are_rotated_without_signing_anybody_out() -> None:
    old, both, new = (Sessions(keys, secure=True) for keys in ([SESSION_KEY], [NEWER_KEY, SESSION_KEY], [NEWER_KEY]))
    assert both.opened(a_request(old.sealed(API_KEY))) == API_KEY
    assert new.opened(a_request(both.sealed(API_KEY))) == API_KEY
    with pytest.raises(CallError):
        new.opened(a_request(old.sealed(API_KEY)))


async def test_without_keys_no_sign_in_is_offered(
    settings: GatewaySettings, memory: Memory, object_store: ObjectStore
) -> None:
    async with staged(settings.model_copy(update={"session_keys": None}), memory, object_store) as stage:
        for method in ("POST", "GET", "DELETE"):
            answer = await stage.http.request(method, "/v1/session", headers=PAGE)
            assert (answer.status_code, answer.json()["reason"]) == (501, "SIGN_IN_NOT_OFFERED")
        cookie = Sessions([SESSION_KEY], secure=True).sealed(API_KEY).partition(";")[0]
        assert (await by_cookie(stage, "GET", "/v1/limits", cookie)).status_code == 401


async def test_a_local_stack_signs_in_by_plain_http(
    settings: GatewaySettings, memory: Memory, object_store: ObjectStore
) -> None:
    async with staged(settings.model_copy(update={"gateway_insecure_cookies": True}), memory, object_store) as stage:
        answer = await sign_in(stage)
        assert "Secure" not in answer.headers["set-cookie"]
        assert cookie_of(answer).startswith("quire-session=")
        assert (await by_cookie(stage, "GET", "/v1/session", cookie_of(answer))).status_code == 200


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"session_keys": "short"}, "QUIRE_SESSION_KEYS"),
        ({"session_keys": f"{SESSION_KEY},short"}, "QUIRE_SESSION_KEYS"),
        ({"gateway_insecure_cookies": True, "gateway_http_listen": "0.0.0.0:8080"}, "QUIRE_GATEWAY_INSECURE_COOKIES"),
    ],
)
def test_settings_refuse_weak_keys_and_insecure_cookies_beyond_loopback(changes: dict[str, Any], named: str) -> None:
    good: dict[str, Any] = {
        "s3_endpoint": f"http://{HOST}:{free_ports(1)[0]}",
        "s3_access_key": SecretStr("a"),
        "s3_secret_key": SecretStr("b"),
        "batch_address": "batch:50051",
        "gateway_token": SecretStr("t" * 32),
    }
    with pytest.raises(ValidationError, match=named):
        GatewaySettings(**good, **changes)

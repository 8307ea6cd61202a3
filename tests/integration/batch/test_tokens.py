"""Tokens of an OIDC issuer: good ones open both doors, forged ones none."""

import hmac
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from chassis.errors import CallError, CallReason
from quire.batch.v1.batch_service_pb2 import GetLimitsRequest
from quire.upload.v1.upload_service_pb2 import UploadDocumentRequest, UploadHeader
from quire.upload.v1.upload_service_pb2_grpc import UploadServiceStub
from tests.integration.batch.gateways import running_gateway
from tests.integration.batch.processes import BatchProcess, Servers
from tests.integration.batch.tenants import BODY, Door, Tenant, refused
from tests.integration.batch.world import World
from tests.issuer import LocalIssuer, SigningKey, running_issuer, unsigned
from tests.waiting import until

RSA, EC, STRANGER = SigningKey("rsa", "RS256"), SigningKey("ec"), SigningKey("ec")


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalIssuer]:
    with running_issuer() as running:
        running.keys = [RSA, EC]
        yield running


@pytest.fixture(scope="module")
def trusting(servers: Servers, issuer: LocalIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BatchProcess]:
    """A replica that trusts the issuer."""
    log = tmp_path_factory.mktemp("tokens") / "batch.log"
    process = BatchProcess(servers, log, ("rpc",), issuer.environ).start()
    yield process
    process.kill()


async def a_tenant(world: World, trusting: BatchProcess) -> Tenant:
    return (await world.tenant()).through(await world.door_to(trusting.address))


async def ask(door: Door, token: str) -> object:
    return await door.batch.GetLimits(GetLimitsRequest(), metadata=(("authorization", f"Bearer {token}"),))


def public_pem(key: SigningKey) -> bytes:
    shown = key.private.public_key()
    return shown.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def with_a_secret(claims: dict[str, Any], kid: str, secret: bytes) -> str:
    """Signed by HMAC, as whoever knows the secret can."""
    header = {"alg": "HS256", "typ": "JWT", "kid": kid}
    signed = unsigned(header, claims).rpartition(".")[0].encode()
    return unsigned(header, claims, hmac.digest(secret, signed, "sha256"))


FORGED: dict[str, Callable[[dict[str, Any]], str]] = {
    "no algorithm": lambda claims: unsigned({"alg": "none", "kid": "ec"}, claims),
    "an algorithm in odd case": lambda claims: unsigned({"alg": "nOnE", "kid": "ec"}, claims),
    "the public key as a secret": lambda claims: with_a_secret(claims, "rsa", public_pem(RSA)),
    "another algorithm of the family": lambda claims: jwt.encode(
        claims, RSA.private, algorithm="RS512", headers={"kid": "rsa"}
    ),
    "another audience": lambda claims: EC.sign(claims | {"aud": "another"}),
    "another issuer": lambda claims: EC.sign(claims | {"iss": "https://issuer.example"}),
    "its time to come": lambda claims: EC.sign(claims | {"nbf": int(time.time()) + 120}),
    "issued in the future": lambda claims: EC.sign(claims | {"iat": int(time.time()) + 120}),
    "no audience": lambda claims: EC.sign({name: claims[name] for name in claims if name != "aud"}),
    "no end": lambda claims: EC.sign({name: claims[name] for name in claims if name != "exp"}),
    "an end that is no number": lambda claims: EC.sign(claims | {"exp": "tomorrow"}),
    "no time of issue": lambda claims: EC.sign({name: claims[name] for name in claims if name != "iat"}),
    "no issuer": lambda claims: EC.sign({name: claims[name] for name in claims if name != "iss"}),
    "no user": lambda claims: EC.sign({name: claims[name] for name in claims if name != "sub"}),
    "an endless user": lambda claims: EC.sign(claims | {"sub": "x" * 300}),
    "no tenant": lambda claims: EC.sign({name: claims[name] for name in claims if name != "quire_tenant"}),
    "an unknown tenant": lambda claims: EC.sign(claims | {"quire_tenant": "nobody"}),
    "a tenant that is a list": lambda claims: EC.sign(claims | {"quire_tenant": [claims["quire_tenant"]]}),
    "an unknown key": lambda claims: EC.sign(claims, kid="unknown"),
    "no key": lambda claims: jwt.encode(claims, EC.private, algorithm="ES256"),
    "a path for a key": lambda claims: with_a_secret(claims, "../../../dev/null", b""),
    "a statement for a key": lambda claims: EC.sign(claims, kid="x' UNION SELECT 'secret' --"),
    "another's keys": lambda claims: STRANGER.sign(claims, jku="https://issuer.example/keys"),
    "a key of its own": lambda claims: STRANGER.sign(claims, jwk=STRANGER.public),
    "another's certificate": lambda claims: STRANGER.sign(claims, x5u="https://issuer.example/cert"),
    "a critical extension": lambda claims: EC.sign(claims | {}, crit=["exp"], exp=1),
    "a detached payload": lambda claims: unsigned({"alg": "ES256", "kid": "ec", "b64": False, "crit": ["b64"]}, claims),
    "half a signature": lambda claims: EC.sign(claims)[:-40],
    "no signature": lambda claims: EC.sign(claims).rpartition(".")[0] + ".",
    "two segments": lambda claims: EC.sign(claims).rpartition(".")[0],
    "another payload": lambda claims: _with_payload_of(EC.sign(claims), EC.sign(claims | {"sub": "root"})),
    "a stranger's signature": STRANGER.sign,
    "ten kilobytes": lambda claims: EC.sign(claims | {"padding": "x" * 10_000}),
    "no token": lambda _: "..",
    "no JSON": lambda _: "bm8.bm8.bm8",
}


def _with_payload_of(token: str, other: str) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{other.split('.')[1]}.{signature}"


@pytest.mark.parametrize("forge", FORGED.values(), ids=list(FORGED))
async def test_a_forged_token_opens_nothing(
    world: World, issuer: LocalIssuer, trusting: BatchProcess, forge: Callable[[dict[str, Any]], str]
) -> None:
    tenant = await a_tenant(world, trusting)
    claims = issuer.claims(tenant.message.name)
    error = await refused(ask(tenant.door, forge(claims)))
    assert (error.code, error.reason) == (grpc.StatusCode.UNAUTHENTICATED, CallReason.TOKEN_INVALID)
    assert await ask(tenant.door, EC.sign(claims))


async def test_a_token_is_forgiven_thirty_seconds_of_a_clock_that_is_wrong(
    world: World, issuer: LocalIssuer, trusting: BatchProcess
) -> None:
    tenant, now = await a_tenant(world, trusting), int(time.time())
    for good in ({"exp": now - 10}, {"nbf": now + 10}, {"iat": now + 10}):
        assert await ask(tenant.door, EC.sign(issuer.claims(tenant.id, **good)))
    error = await refused(ask(tenant.door, EC.sign(issuer.claims(tenant.id, exp=now - 60))))
    assert (error.code, error.reason) == (grpc.StatusCode.UNAUTHENTICATED, CallReason.TOKEN_EXPIRED)


async def test_a_token_that_is_remembered_does_not_outlive_its_end(
    world: World, issuer: LocalIssuer, trusting: BatchProcess
) -> None:
    tenant, now = await a_tenant(world, trusting), int(time.time())
    token = EC.sign(issuer.claims(tenant.id, exp=now - 28))
    assert await ask(tenant.door, token)
    refusals: list[CallError] = []

    async def is_refused() -> bool:
        try:
            await ask(tenant.door, token)
        except grpc.aio.AioRpcError as error:
            refusals.append(CallError(error.code(), "", error.details() or ""))
        return bool(refusals)

    await until(is_refused, seconds=8)
    assert refusals[0].code is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("key", [RSA, EC], ids=["RS256", "ES256"])
async def test_a_good_token_opens_the_batch_service_and_both_doors_of_the_gateway(
    world: World, issuer: LocalIssuer, trusting: BatchProcess, key: SigningKey
) -> None:
    tenant = await a_tenant(world, trusting)
    for named in (tenant.id, tenant.message.name):
        token = key.sign(issuer.claims(named))
        caller = Tenant(tenant.door, tenant.message, token)
        batch = await caller.create()
        document = (await caller.announce(batch.id))[0]
        async with running_gateway(world.servers, trusting.address) as gateway:
            listed = await gateway.http.get("/v1/batches", headers={"Authorization": f"Bearer {token}"})
            assert batch.id in [one["id"] for one in listed.json()["batches"]]
            header = UploadHeader(batch_id=batch.id, document_id=document.id, size_bytes=len(BODY))
            parts = [UploadDocumentRequest(header=header), UploadDocumentRequest(chunk=BODY)]
            stored = await UploadServiceStub(gateway.rpc).UploadDocument(iter(parts), metadata=caller.metadata)
            assert stored.document.size_bytes == len(BODY)
    users = await world.ask("SELECT array_agg(DISTINCT user_id) FROM batch_processes WHERE tenant_id = $1", tenant.id)
    assert users == ["ann"]


async def test_a_refusal_through_the_gateway_says_why(
    world: World, issuer: LocalIssuer, trusting: BatchProcess
) -> None:
    tenant = await a_tenant(world, trusting)
    expired = EC.sign(issuer.claims(tenant.id, exp=int(time.time()) - 60))
    async with running_gateway(world.servers, trusting.address) as gateway:
        answer = await gateway.http.get("/v1/limits", headers={"Authorization": f"Bearer {expired}"})
        assert (answer.status_code, answer.json()["reason"]) == (401, "TOKEN_EXPIRED")
        stub = UploadServiceStub(gateway.rpc)
        call = stub.UploadDocument(
            iter([UploadDocumentRequest(header=UploadHeader())]), metadata=(("authorization", f"Bearer {expired}"),)
        )
        assert (await refused(call)).reason == CallReason.TOKEN_EXPIRED


async def test_a_key_still_opens_what_takes_tokens_and_no_token_names_another_tenant(
    world: World, issuer: LocalIssuer, trusting: BatchProcess
) -> None:
    ann, bob = await a_tenant(world, trusting), await a_tenant(world, trusting)
    assert await ask(ann.door, ann.key)
    batch = await ann.create()
    stranger = Tenant(bob.door, bob.message, EC.sign(issuer.claims(bob.id)))
    assert (await refused(stranger.get(batch.id))).code is grpc.StatusCode.NOT_FOUND
    assert (await Tenant(ann.door, ann.message, EC.sign(issuer.claims(ann.id))).get(batch.id)).id == batch.id


async def test_a_service_starts_without_its_issuer_and_takes_tokens_once_it_answers(world: World) -> None:
    with running_issuer() as issuer:
        port = issuer.port
    replica = await world.replica("rpc", **issuer.environ)
    tenant = (await world.tenant()).through(await world.door_to(replica.address))
    token = EC.sign(issuer.claims(tenant.id))
    error = await refused(ask(tenant.door, token))
    assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, CallReason.SERVICE_UNAVAILABLE)
    assert error.retry_after
    assert await ask(tenant.door, tenant.key)

    async def is_taken() -> bool:
        try:
            await ask(tenant.door, token)
        except grpc.aio.AioRpcError as error:
            return error.code() is not grpc.StatusCode.UNAVAILABLE
        return True

    with running_issuer(port) as issuer:
        issuer.keys = [EC]
        await until(is_taken)
    assert await ask(tenant.door, EC.sign(issuer.claims(tenant.id, sub="bob")))


def test_no_credential_stands_in_the_logs(trusting: BatchProcess) -> None:
    told = Path(trusting.log).read_text()
    refusals = [event for event in trusting.events() if event["event"] == "credential_refused"]
    assert {event["reason"] for event in refusals} >= {"TOKEN_INVALID", "TOKEN_EXPIRED"}
    assert "eyJ" not in told

"""Sign-in through a gateway, judged by the real batch service."""

import time
from typing import Any

import httpx2
from pydantic import SecretStr

from quire.admin.v1.admin_service_pb2 import ListApiKeysRequest, RevokeApiKeyRequest
from tests.integration.batch.gateways import running_gateway
from tests.integration.batch.world import World
from tests.issuer import SigningKey, running_issuer
from tests.waiting import until

PAGE = {"X-Quire-Request": "1", "Sec-Fetch-Site": "same-origin"}
SIGN_IN: dict[str, Any] = {"session_keys": SecretStr("k" * 32), "gateway_insecure_cookies": True}


async def test_a_page_signs_in_by_key_works_and_is_out_once_the_key_is_revoked(world: World) -> None:
    tenant = await world.tenant()
    admin, operator = tenant.door.admin, tenant.door.operator
    async with running_gateway(world.servers, world.service.address, **SIGN_IN) as gateway:
        page = gateway.http
        assert (await page.get("/v1/session")).status_code == 401
        who = await page.post("/v1/session", headers=PAGE, json={"api_key": tenant.key})
        told = {"tenant_id": tenant.id, "tenant_name": tenant.message.name, "user_id": "ann", "tier": "ENTERPRISE"}
        assert who.json() == told == (await page.get("/v1/session")).json()
        made = await page.post("/v1/batches", headers=PAGE, json={"extraction_prompt": "the total"})
        assert (await page.get(f"/v1/batches/{made.json()['id']}")).status_code == 200
        assert (await page.post("/v1/batches", json={"extraction_prompt": "the total"})).status_code == 403
        listed = await admin.ListApiKeys(ListApiKeysRequest(tenant_id=tenant.id), metadata=operator)
        await admin.RevokeApiKey(RevokeApiKeyRequest(api_key_id=listed.api_keys[0].id), metadata=operator)

        async def is_out() -> bool:
            return (await page.get("/v1/session")).status_code == 401

        await until(is_out, seconds=60)


async def test_a_page_signs_in_by_token_until_the_token_ends(world: World) -> None:
    key = SigningKey("k")
    with running_issuer() as issuer:
        issuer.keys = [key]
        replica = await world.replica("rpc", **issuer.environ)
        tenant = await world.tenant()
        token = key.sign(issuer.claims(tenant.message.name, sub="bob@example.com", exp=int(time.time()) - 25))
        async with running_gateway(world.servers, replica.address, **SIGN_IN) as gateway:
            page: httpx2.AsyncClient = gateway.http
            who = await page.post("/v1/session", headers={**PAGE, "Authorization": f"Bearer {token}"})
            assert (who.status_code, who.json()["user_id"]) == (200, "bob@example.com")
            answers: list[httpx2.Response] = []

            async def is_over() -> bool:
                answers.append(await page.get("/v1/session"))
                return answers[-1].status_code != 200

            await until(is_over, seconds=20)
            assert answers[-1].json()["reason"] == "TOKEN_EXPIRED"

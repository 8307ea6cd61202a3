"""Control of a batch at work, through the whole stack: what is told to stop stops, down to the model's own line."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from quire.batch.v1.batch_pb2 import BATCH_STATUS_CANCELLED, BATCH_STATUS_COMPLETED
from quire.batch.v1.document_pb2 import DOCUMENT_STATUS_CANCELLED, DOCUMENT_STATUS_PROCESSING
from quire_client import Content, QuireClient
from quire_client.errors import NotFoundError
from tests.e2e.held_model import SCHEMA, HeldModel, invoice
from tests.e2e.running_quire import Quire, final

pytestmark = pytest.mark.slow


@pytest.fixture
def model(provider: HeldModel) -> Iterator[HeldModel]:
    provider.hold_after(0)
    yield provider
    provider.release()


async def submitted(client: QuireClient, count: int) -> str:
    files = [Content(f"{number}.txt", invoice(number)) for number in range(1, count + 1)]
    return (await client.submit(files, prompt="invoice number", schema=SCHEMA)).id


async def test_a_cancel_hangs_up_the_model_call(quire: Quire, client: QuireClient, model: HeldModel) -> None:
    batch_id = await submitted(client, 2)
    await asyncio.to_thread(model.wait_until_holding, 2)
    running = [one async for one in client.documents(batch_id, statuses=[DOCUMENT_STATUS_PROCESSING])]
    one, _ = sorted(running, key=lambda document: document.position)
    assert (await quire.command("cancel", batch_id, "--document", one.id)).code == 0
    await asyncio.to_thread(model.wait_until_left, 1)
    assert model.left == ["INV-0001"]
    assert (await client.cancel(batch_id)).counters.succeeded == 0
    await asyncio.to_thread(model.wait_until_left, 2)
    assert (await final(client, batch_id)).status == BATCH_STATUS_CANCELLED
    assert {document.status async for document in client.documents(batch_id)} == {DOCUMENT_STATUS_CANCELLED}


async def test_a_paused_batch_finishes_what_runs_and_the_rest_once_resumed(
    quire: Quire, client: QuireClient, model: HeldModel
) -> None:
    batch_id = await submitted(client, 12)
    await asyncio.to_thread(model.wait_until_holding, 4)
    paused = json.loads((await quire.command("pause", batch_id, "--json")).out)
    assert paused["hold_reasons"] == ["PAUSED_BY_USER"]
    model.release()
    async with asyncio.timeout(30):
        while (await client.get(batch_id)).counters.processing:  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.05)
    held = (await client.get(batch_id)).counters
    assert held.queued + held.retry_wait > 0
    assert held.queued + held.retry_wait + held.succeeded == 12
    assert (await quire.command("resume", batch_id)).code == 0
    assert (await final(client, batch_id)).status == BATCH_STATUS_COMPLETED


async def test_a_deleted_batch_stops_its_model_calls_and_is_gone(
    quire: Quire, client: QuireClient, model: HeldModel
) -> None:
    batch_id = await submitted(client, 2)
    await asyncio.to_thread(model.wait_until_holding, 2)
    assert (await quire.command("delete", batch_id)).code == 0
    await asyncio.to_thread(model.wait_until_left, 2)
    with pytest.raises(NotFoundError):
        await client.get(batch_id)

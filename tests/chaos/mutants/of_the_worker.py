"""Bugs in the worker."""

import asyncio
import re
from typing import Any

from tests.chaos.mutants.mutant import EXTRACTOR, mutant, original, replace

TOO_MANY = 10
LAG_SECONDS = 0.3


@mutant(EXTRACTOR, "I22", "I07")
def nack_requeue_retry() -> None:
    """What did not succeed is told, and tried again by the rows. Here it is thrown back at the broker, untold.

    A nack alone does no harm: the job is a wake-up whose dispatch is used up, and its repetition is forgotten. So this
    one also forgets that it had the job, as a worker that leaves its retries to the broker would: the document runs
    again at once, without back-off, until its lease ends and a loss is counted. Seen when the model answers 429 or 5xx
    for a while, and by files that cannot be read, which must fail by what they are and not as POISON_DOCUMENT.
    """
    from extractor.deliveries import extract_document as door  # noqa: PLC0415
    from extractor.domain.outcome import Failed, Released  # noqa: PLC0415
    from extractor.work.events import Events  # noqa: PLC0415

    settle, tell = original(door, "settle"), original(Events, "tell")
    original(door.ExtractDocument, "_remember")

    async def throw_back(delivery: Any, outcome: Any) -> None:
        if isinstance(outcome, Failed | Released):
            await delivery.nack(requeue=True)
        else:
            await settle(delivery, outcome)

    async def tell_of_success_only(self: Any, claim: Any, outcome: Any, lease: Any) -> bool:
        return True if isinstance(outcome, Failed | Released) else await tell(self, claim, outcome, lease)

    replace(door, "settle", throw_back)
    replace(Events, "tell", tell_of_success_only)
    replace(door.ExtractDocument, "_remember", lambda self, dispatch_id: None)  # pyright: ignore[reportUnknownLambdaType]


@mutant(EXTRACTOR, "I22")
def prefetch_ten() -> None:
    """A worker that dies takes down what it works on and nothing else. Here it takes ten jobs and works one at a time.

    Prefetch alone does no harm: a job not claimed yet is delivered to another worker and spends nothing. So this one
    also claims each job when it comes and beats for it while it waits, the nearest way in which a prefetch hurts
    neighbours: each kill costs all ten of them a loss, and five kills make poison of the innocent. Seen when workers
    are killed, given how many slots each has.
    """
    from extractor import app  # noqa: PLC0415
    from extractor.deliveries.extract_document import ExtractDocument  # noqa: PLC0415
    from extractor.domain.outcome import Revoked  # noqa: PLC0415

    consumer, slots = original(app, "Consumer"), original(app, "Slots")
    under_lease, one_at_a_time = original(ExtractDocument, "_under_lease"), asyncio.Semaphore(1)

    async def wait_and_work(self: Any, claim: Any) -> Any:
        with self._leases.hold(claim.lease_token) as lease:
            await one_at_a_time.acquire()
        try:
            return Revoked() if lease.lost else await under_lease(self, claim)
        finally:
            one_at_a_time.release()

    def consume_ten(url: str, name: str, queue: Any, prefetch: int, on_delivery: Any) -> Any:
        return consumer(url, name, queue, TOO_MANY, on_delivery)

    replace(ExtractDocument, "_under_lease", wait_and_work)
    replace(app, "Consumer", consume_ten)
    replace(app, "Slots", lambda handle, count: slots(handle, TOO_MANY))  # pyright: ignore[reportUnknownLambdaType]


@mutant(EXTRACTOR, "I14", favours=("extractor_frozen",))
def fixed_result_key() -> None:
    """A result is written once, under the key of its attempt. Here every attempt at a document writes under one key.

    Nor does a worker stop when its lease is revoked, so that one that was frozen writes over the winner's result, whose
    row then tells of another. Storing lags a little, as with a slow store. Seen when a worker is frozen before it
    stores for longer than a lease, and then goes on.
    """
    from extractor.work.attempt import Attempt  # noqa: PLC0415
    from extractor.work.leases import Lease, StopCause  # noqa: PLC0415

    put, stop = original(Attempt, "_put"), original(Lease, "stop")

    async def put_under_one_key(self: Any, body: bytes) -> Any:
        self._claim.result_key = re.sub(r"/a/\d+/", "/a/1/", self._claim.result_key)
        await asyncio.sleep(LAG_SECONDS)
        return await put(self, body)

    def go_on(self: Any, cause: Any) -> None:
        if cause is not StopCause.REVOKED:
            stop(self, cause)

    replace(Attempt, "_put", put_under_one_key)
    replace(Lease, "stop", go_on)


@mutant(EXTRACTOR, "I14")
def success_before_store() -> None:
    """A document succeeded when its result is stored. Here success is told while the result is still on its way.

    Seen when the store does not answer, or when a worker is killed.
    """
    import hashlib  # noqa: PLC0415

    from chassis.blobs import StoredBlob  # noqa: PLC0415
    from extractor.work.attempt import Attempt  # noqa: PLC0415

    put, writing = original(Attempt, "_put"), set[asyncio.Task[Any]]()

    async def put_later(self: Any, body: bytes) -> Any:
        job = asyncio.create_task(put(self, body))
        writing.add(job)
        job.add_done_callback(lambda done: (writing.discard(done), done.cancelled() or done.exception()))
        return StoredBlob(self._claim.result_key, len(body), hashlib.sha256(body).hexdigest())

    replace(Attempt, "_put", put_later)


@mutant(EXTRACTOR, "I28")
def names_in_the_log() -> None:
    """Logs hold ids and no word of a document. Here a worker logs what it was given. Seen without any fault."""
    from extractor.work import attempt  # noqa: PLC0415

    log, parse = original(attempt, "log"), original(attempt.Attempt, "_parse")

    async def parse_loudly(self: Any, path: Any) -> Any:
        parsed = await parse(self, path)
        log.info("document_parsed", text="\n".join(str(page) for page in parsed.pages))
        return parsed

    replace(attempt.Attempt, "_parse", parse_loudly)

"""The composition root of the worker, read top to bottom."""

import os
import socket
import uuid

from chassis import failpoints, logs
from chassis.amqp import Consumer, Publisher
from chassis.blobs import Blobs
from chassis.lifecycle import Resource, nothing, run_until_stopped
from chassis.rpc_client import SERVICE_TOKEN_KEY, open_channel
from chassis.rpc_server import RpcServer
from chassis.topology import JOBS_EXTRACT, PROGRESS_FOLD
from extractor.chosen_engine import choose_engine
from extractor.deliveries.extract_document import ExtractDocument
from extractor.parse.cage import Cage
from extractor.settings import ExtractorSettings
from extractor.work.attempt import Bench
from extractor.work.claims import Claims
from extractor.work.drain import Drain, finish_seconds
from extractor.work.events import Events
from extractor.work.leases import Leases
from extractor.work.lifeline import Lifeline, open_lifeline_channel
from extractor.work.schemas import BatchSchemas
from extractor.work.scratch import Scratch, process_folder
from extractor.work.slots import Slots
from quire.work.v1.work_service_pb2 import Hello

SERVICE = "extractor"


async def serve(settings: ExtractorSettings) -> int:
    """Run the worker until it is told to stop; answers its exit status."""
    logs.configure(SERVICE, settings.log_level, settings.log_format)
    failpoints.arm(settings.failpoint_file)
    worker_id = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    credentials = ((SERVICE_TOKEN_KEY, settings.worker_token.get_secret_value()),)
    amqp_url = settings.amqp_url.get_secret_value()

    blobs = Blobs(settings, threads=max(8, settings.extractor_slots))
    calls = open_channel(settings.batch_address, settings.batch_tls)
    life = open_lifeline_channel(settings.batch_address, settings.batch_tls)
    claims = Claims(calls, credentials, worker_id)

    chosen = choose_engine(settings)
    leases = Leases()
    hello = Hello(
        worker_id=worker_id,
        slots=settings.extractor_slots,
        engine=chosen.engine.name,
        model=chosen.engine.model,
        provider_key=chosen.provider_key,
    )
    lifeline = Lifeline(
        life,
        credentials,
        hello,
        leases,
        beat_seconds=settings.beat_seconds,
        lease_seconds=settings.lease_seconds,
    )

    scratch = Scratch(process_folder())
    cage = Cage(settings.parser_children)
    bench = Bench(
        blobs=blobs,
        scratch=scratch,
        parse=cage.parse,
        engine=chosen.engine,
        schemas=BatchSchemas(claims, chosen.derive),
        model_deadline=settings.model_deadline_seconds,
        job_deadline=settings.job_deadline_seconds,
    )

    publisher = Publisher(amqp_url, SERVICE, PROGRESS_FOLD)
    extract = ExtractDocument(bench, claims, leases, Events(publisher))
    slots = Slots(extract, settings.extractor_slots)
    consumer = Consumer(amqp_url, SERVICE, JOBS_EXTRACT, settings.extractor_slots, slots.take)
    drain = Drain(consumer, claims, lifeline, slots, leases, finish_seconds(settings.drain_seconds))
    health = RpcServer(
        settings.extractor_listen,
        registrations=(),
        service_names=(),
        tls=settings.server_tls,
        on_drain=drain,
        notice_seconds=0.0,
        grace_seconds=0.5,
    )

    async def close() -> None:
        await chosen.close()
        await calls.close()
        await life.close()
        blobs.close()
        scratch.close()

    # Stopped from the last to the first: health says NOT_SERVING and drains before anything it needs is closed.
    parts = (Resource(nothing, close), Resource(cage.start, cage.close), publisher, lifeline, consumer, health)
    return await run_until_stopped(parts, settings.drain_seconds)

"""The composition root: what `python -m batch serve` consists of, read from top to bottom."""

import asyncio
import importlib.resources
from collections.abc import Sequence
from typing import Any

from batch.audit import audited
from batch.domain.tiers import TierRules, parse_rules
from batch.identity import caller
from batch.identity.api_keys import ApiKeys
from batch.identity.door import Identity
from batch.identity.issuer import Issuer
from batch.identity.issuer_keys import IssuerKeys
from batch.identity.tokens import Tokens
from batch.loops.collect_orphans import CollectOrphans
from batch.loops.collect_results import CollectResults
from batch.loops.collect_uploads import CollectUploads
from batch.loops.dead_letters import PREFETCH as DEAD_PREFETCH
from batch.loops.dead_letters import DeadLetters
from batch.loops.dispatch import Dispatcher
from batch.loops.dispatch_again import DispatchAgain
from batch.loops.emit import Emitter
from batch.loops.expire import Expire
from batch.loops.fold import PREFETCH, Fold
from batch.loops.forget import Forget
from batch.loops.heal_queues import HealQueues
from batch.loops.purge import Purge
from batch.loops.relay import Relay
from batch.loops.rescue import Rescuer
from batch.loops.settle_late import SettleLate
from batch.loops.tell_again import TellAgain
from batch.loops.watch_outbox import WatchOutbox
from batch.rpc.add_documents import AddDocuments
from batch.rpc.admin_dead_letters import ListDeadLetters, ReplayDeadLetters
from batch.rpc.admin_keys import CreateApiKey, ListApiKeys, RevokeApiKey, RotateApiKey
from batch.rpc.admin_tenants import CreateTenant, ListTenants, UpdateTenant
from batch.rpc.attach import Attach
from batch.rpc.begin_upload import BeginUpload
from batch.rpc.cancel_batch import CancelBatch
from batch.rpc.cancel_documents import CancelDocuments
from batch.rpc.claim_document import ClaimDocument
from batch.rpc.complete_upload import CompleteUpload
from batch.rpc.create_batch import CreateBatch
from batch.rpc.delete_batch import DeleteBatch
from batch.rpc.get_batch import GetBatch
from batch.rpc.get_caller import GetCaller
from batch.rpc.get_document import GetDocument
from batch.rpc.get_limits import GetLimits
from batch.rpc.get_queue_health import GetQueueHealth
from batch.rpc.get_usage import GetUsage
from batch.rpc.list_batches import ListBatches
from batch.rpc.list_document_attempts import ListDocumentAttempts
from batch.rpc.list_documents import ListDocuments
from batch.rpc.pause_batch import PauseBatch
from batch.rpc.propose_schema import ProposeSchema
from batch.rpc.remove_document import RemoveDocument
from batch.rpc.resume_batch import ResumeBatch
from batch.rpc.retry_documents import RetryDocuments
from batch.rpc.seal_batch import SealBatch
from batch.rpc.stream_results import StreamResults
from batch.rpc.watch_batch import WatchBatch
from batch.servicers import Doors, servicer
from batch.settings import BatchSettings
from batch.store.claims import LeaseTimes
from batch.store.database import Database, translate
from batch.watching import WatchHub
from chassis import failpoints
from chassis.admission import Admission, Places
from chassis.amqp import BrokerAway, Consumer, Doctor, Publisher
from chassis.blobs import Blobs, BlobUnavailable
from chassis.errors import CallError, unavailable
from chassis.lifecycle import Background, Part, Resource, nothing, run_until_stopped
from chassis.rpc_faults import FaultInterceptor
from chassis.rpc_server import Register, RpcServer
from chassis.topology import DEAD_LETTERS, EVENTS_LOG, JOBS_EXTRACT, PROGRESS_FOLD
from quire.admin.v1 import admin_service_pb2, admin_service_pb2_grpc
from quire.batch.v1 import batch_service_pb2, batch_service_pb2_grpc
from quire.intake.v1 import intake_service_pb2, intake_service_pb2_grpc
from quire.work.v1 import work_service_pb2, work_service_pb2_grpc


async def serve(settings: BatchSettings, doors: Sequence[str]) -> int:
    """Run the doors named until told to stop; answers the exit status."""
    failpoints.arm(settings.failpoint_file)
    database = Database(settings)
    blobs = Blobs(settings, threads=32)
    amqp_url = settings.amqp_url.get_secret_value()
    # Apart, so that a broken log of events never keeps a job waiting.
    jobs, events = Publisher(amqp_url, "batch.jobs", JOBS_EXTRACT), Publisher(amqp_url, "batch.events", EVENTS_LOG)
    engine_doors = _engine_doors(settings, database, blobs, jobs, events)

    async def close() -> None:
        await database.close()
        blobs.close()

    ground = Resource(database.wait_until_migrated, close)
    engine = [part for door in doors if door != "rpc" for part in engine_doors[door]]
    server = _rpc_door(settings, database, blobs) if "rpc" in doors else [_health_only(settings)]
    return await run_until_stopped([ground, jobs, events, *engine, *server], settings.drain_seconds)


def _engine_doors(
    settings: BatchSettings, database: Database, blobs: Blobs, jobs: Publisher, events: Publisher
) -> dict[str, list[Part]]:
    amqp_url = settings.amqp_url.get_secret_value()
    bell = asyncio.Event()  # a fold frees places, so the dispatcher of the same process need not wait for its timer
    fold, dead = Fold(database, bell), DeadLetters(database)
    doctor = Doctor(amqp_url, "batch")
    dispatch_again = DispatchAgain(database, jobs, doctor, settings)
    return {
        "dispatch": [Background("dispatch", Dispatcher(database, jobs, bell).run)],
        "fold": [
            Background("fold", fold.run),
            Consumer(amqp_url, "batch", PROGRESS_FOLD, PREFETCH, fold.on_delivery),
        ],
        "relay": [Background("relay", Relay(database, events).run)],
        "emit": [Background("emit", Emitter(database).run)],
        "rescue": [
            Background("rescue", Rescuer(database, settings).run),
            Background("dispatch_again", dispatch_again.run),
            Background("heal_queues", HealQueues(database, jobs, doctor).run),
            Background("tell_again", TellAgain(database, doctor).run),
        ],
        "dead": [
            Background("dead", dead.run),
            Consumer(amqp_url, "batch", DEAD_LETTERS, DEAD_PREFETCH, dead.on_delivery),
        ],
        "sweep": _sweeps(database, blobs),
    }


def _sweeps(database: Database, blobs: Blobs) -> list[Part]:
    return [
        Background("expire", Expire(database).run),
        Background("purge", Purge(database, blobs).run),
        Background("collect_uploads", CollectUploads(database, blobs).run),
        Background("collect_results", CollectResults(database, blobs).run),
        Background("collect_orphans", CollectOrphans(database, blobs).run),
        Background("settle_late", SettleLate(database).run),
        Background("watch_outbox", WatchOutbox(database).run),
        Background("forget", Forget(database).run),
    ]


def _rpc_door(settings: BatchSettings, database: Database, blobs: Blobs) -> list[Part]:
    rules = tier_rules()
    hub = WatchHub(database)
    attach = Attach(database, settings)
    # No part of the process: a replay that is not confirmed is the operator's to repeat, and no reason to end.
    replay = Publisher(settings.amqp_url.get_secret_value(), "batch.replay", JOBS_EXTRACT, PROGRESS_FOLD)

    identity, issuer = _identity(settings, database)

    async def end_streams() -> None:
        await hub.close()
        await attach.close()

    server = RpcServer(
        settings.batch_listen,
        registrations=[
            _register(batch_service_pb2, batch_service_pb2_grpc, "BatchService", _batch(database, rules, hub, blobs)),
            _register(intake_service_pb2, intake_service_pb2_grpc, "IntakeService", _intake(database, rules)),
            _register(work_service_pb2, work_service_pb2_grpc, "WorkService", _work(database, settings, attach)),
            _register(
                admin_service_pb2, admin_service_pb2_grpc, "AdminService", audited(_admin(database, settings, replay))
            ),
        ],
        service_names=[
            "quire.batch.v1.BatchService",
            "quire.intake.v1.IntakeService",
            "quire.work.v1.WorkService",
            "quire.admin.v1.AdminService",
        ],
        tls=settings.server_tls,
        interceptors=[FaultInterceptor(identity.enter, _translate, _admission(settings))],
        on_drain=end_streams,
        notice_seconds=settings.notice_seconds,
    )
    care = [Background("watch", hub.run), Background("lines", attach.run), *issuer]
    return [Resource(nothing, replay.close), *care, server]


def _identity(settings: BatchSettings, database: Database) -> tuple[Identity, list[Part]]:
    keys = ApiKeys(database, settings.key_pepper.get_secret_value())
    if settings.oidc_issuer is None:
        return Identity(settings, keys, None), []
    issuer_keys = IssuerKeys(Issuer(settings.oidc_issuer, settings.oidc_jwks_url))
    tokens = Tokens(database, settings, issuer_keys)
    return Identity(settings, keys, tokens), [Background("issuer_keys", issuer_keys.run)]


def _admission(settings: BatchSettings) -> Admission:
    """Tenants are shed; workers, operators and the end of an upload are not, and neither are health checks."""
    return Admission(
        Places(settings.calls_at_once),
        Places(settings.streams_at_once),
        owner=lambda _: str(caller().tenant_id),
        is_shed=lambda method: method.startswith("/quire.batch.v1.BatchService/"),
    )


def _batch(database: Database, rules: TierRules, hub: WatchHub, blobs: Blobs) -> Doors:
    return {
        "CreateBatch": CreateBatch(database, rules),
        "AddDocuments": AddDocuments(database, rules),
        "RemoveDocument": RemoveDocument(database),
        "SealBatch": SealBatch(database, rules),
        "GetBatch": GetBatch(database),
        "ListBatches": ListBatches(database),
        "WatchBatch": WatchBatch(database, hub),
        "ListDocuments": ListDocuments(database),
        "GetDocument": GetDocument(database),
        "ListDocumentAttempts": ListDocumentAttempts(database),
        "StreamResults": StreamResults(database, blobs),
        "CancelBatch": CancelBatch(database),
        "CancelDocuments": CancelDocuments(database),
        "PauseBatch": PauseBatch(database),
        "ResumeBatch": ResumeBatch(database),
        "RetryDocuments": RetryDocuments(database, rules),
        "DeleteBatch": DeleteBatch(database),
        "GetLimits": GetLimits(database, rules),
        "GetUsage": GetUsage(database),
        "GetCaller": GetCaller(database),
    }


def _intake(database: Database, rules: TierRules) -> Doors:
    return {"BeginUpload": BeginUpload(database, rules), "CompleteUpload": CompleteUpload(database, rules)}


def _work(database: Database, settings: BatchSettings, attach: Attach) -> Doors:
    times = LeaseTimes(settings.lease_seconds, settings.job_deadline_seconds)
    return {
        "Attach": attach,
        "ClaimDocument": ClaimDocument(database, times),
        "ProposeSchema": ProposeSchema(database),
    }


def _admin(database: Database, settings: BatchSettings, replay: Publisher) -> Doors:
    pepper = settings.key_pepper.get_secret_value()
    return {
        "CreateTenant": CreateTenant(database),
        "ListTenants": ListTenants(database),
        "UpdateTenant": UpdateTenant(database),
        "CreateApiKey": CreateApiKey(database, pepper),
        "ListApiKeys": ListApiKeys(database),
        "RotateApiKey": RotateApiKey(database, pepper),
        "RevokeApiKey": RevokeApiKey(database),
        "ListDeadLetters": ListDeadLetters(database),
        "ReplayDeadLetters": ReplayDeadLetters(database, replay),
        "GetQueueHealth": GetQueueHealth(Doctor(settings.amqp_url.get_secret_value(), "batch")),
    }


def _register(messages: Any, stubs: Any, name: str, doors: Doors) -> Register:
    descriptor = messages.DESCRIPTOR.services_by_name[name]
    add = getattr(stubs, f"add_{name}Servicer_to_server")
    return lambda server: add(servicer(descriptor, doors), server)


def _health_only(settings: BatchSettings) -> Part:
    return RpcServer(settings.batch_listen, registrations=[], service_names=[], tls=settings.server_tls)


def _translate(error: BaseException) -> CallError | None:
    match error:
        case BlobUnavailable():
            return unavailable("the object store")
        case BrokerAway():
            return unavailable("the broker")
        case _:
            return translate(error)


def tier_rules() -> TierRules:
    """The reviewed numbers. Raises TierRulesFault."""
    return parse_rules(importlib.resources.files("batch.domain").joinpath("tiers.toml").read_text("utf-8"))

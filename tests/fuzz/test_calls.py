"""gRPC: every method with messages made from its descriptor, whole and damaged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

from chassis.errors import CallError, from_rpc_error
from quire.admin.v1 import admin_service_pb2
from quire.batch.v1 import batch_service_pb2
from quire.intake.v1 import intake_service_pb2
from quire.upload.v1 import upload_service_pb2
from quire.work.v1 import work_service_pb2
from tests.fuzz.budget import Attack, Budget
from tests.fuzz.documented import codes_and_reasons
from tests.fuzz.ground import Ground, on_ground
from tests.fuzz.messages import messages
from tests.fuzz.mutations import Shown, mutated
from tests.fuzz.stage import Stage
from tests.integration.batch.tenants import Metadata

pytestmark = pytest.mark.usefixtures("without_extractor")

SERVICES: tuple[ServiceDescriptor, ...] = (
    batch_service_pb2.DESCRIPTOR.services_by_name["BatchService"],
    upload_service_pb2.DESCRIPTOR.services_by_name["UploadService"],
    intake_service_pb2.DESCRIPTOR.services_by_name["IntakeService"],
    work_service_pb2.DESCRIPTOR.services_by_name["WorkService"],
    admin_service_pb2.DESCRIPTOR.services_by_name["AdminService"],
)
DEVASTATING = ("Cancel", "Delete", "Remove", "Revoke", "Update")
METHODS_OF = {
    service.name: sorted(service.methods, key=lambda method: method.name.startswith(DEVASTATING))
    for service in SERVICES
}
METHODS = [method for methods in METHODS_OF.values() for method in methods]
PATIENCE_SECONDS = 10.0
STREAM_SECONDS = 0.25
"""How long a stream of answers is listened to."""
LARGEST = 4 << 20
REFUSED = codes_and_reasons()

Sent = Sequence[bytes]
Channels = Mapping[str, grpc.Channel]


@dataclass(frozen=True)
class Target:
    """A method that answers, and with which credential."""

    channel: grpc.Channel
    method: MethodDescriptor
    credential: Metadata

    def call(self, sent: Sent, tries: int = 3) -> CallError | None:
        """What the call was refused with; None when it was answered, or still is.

        What was away is asked again: on a busy machine that can happen to any call, to a bad one it always does.
        """
        refused = self._refusal(sent)
        if refused is not None and refused.code is grpc.StatusCode.UNAVAILABLE and tries > 1:
            return self.call(sent, tries - 1)
        return refused

    def _refusal(self, sent: Sent) -> CallError | None:
        try:
            self._call(f"/{self.method.containing_service.full_name}/{self.method.name}", [bytes(one) for one in sent])
        except grpc.RpcError as error:
            refused = from_rpc_error(cast("grpc.aio.AioRpcError", error))
            listened = self.method.server_streaming and refused.code is grpc.StatusCode.DEADLINE_EXCEEDED
            return None if listened else refused
        return None

    def _call(self, path: str, sent: Sent) -> None:
        """On gRPC's threads: its asyncio reports a refusal while messages are being sent as a fault of its own."""
        channel: Any = self.channel  # without stubs it tells no types
        options: dict[str, Any] = {"metadata": self.credential, "timeout": PATIENCE_SECONDS}
        if self.method.server_streaming:
            options["timeout"] = STREAM_SECONDS
        match self.method.client_streaming, self.method.server_streaming:
            case True, True:
                list(channel.stream_stream(path)(iter(sent), **options))
            case True, False:
                channel.stream_unary(path)(iter(sent), **options)
            case False, True:
                list(channel.unary_stream(path)(sent[0], **options))
            case _:
                channel.unary_unary(path)(sent[0], **options)


def sent_to(method: MethodDescriptor, ground: Ground) -> st.SearchStrategy[Sent]:
    """What a call sends: one message or several, now and then with damaged bytes."""
    whole = messages(method.input_type, ground.known).map(_bytes)
    damaged = whole.flatmap(lambda content: mutated([content, b"\x0a\xff"]))
    one = st.one_of(whole, whole, whole, whole, damaged)
    return st.lists(one, max_size=4) if method.client_streaming else one.map(lambda content: [content])


def _bytes(message: Message) -> Shown:
    return Shown(message.SerializeToString())


def credential(stage: Stage, ground: Ground, service: str) -> Metadata:
    door = stage.door
    gateway = (("x-quire-service", door.servers["QUIRE_GATEWAY_TOKEN"]),)
    return {
        "BatchService": ground.tenant.metadata,
        "UploadService": ground.tenant.metadata,
        "IntakeService": ground.tenant.metadata + gateway,
        "WorkService": door.worker,
        "AdminService": door.operator,
    }[service]


def check(refused: CallError | None, sent: Sent) -> None:
    if refused is None:
        return
    if refused.code is grpc.StatusCode.RESOURCE_EXHAUSTED and any(len(one) > LARGEST for one in sent):
        return  # refused before any of our code saw it
    told = refused.code.name, str(refused.reason)
    assert told in REFUSED, f"{told}: {refused.message[:500]}"


@pytest.fixture(scope="module")
def channels(stage: Stage) -> Iterator[Channels]:
    """To the services, by name."""
    env = stage.quire.env
    with grpc.insecure_channel(env["QUIRE_ENDPOINT"]) as batch, grpc.insecure_channel(gateway_of(env)) as gateway:
        yield {service.name: gateway if service.name == "UploadService" else batch for service in SERVICES}


def gateway_of(env: Mapping[str, str]) -> str:
    return env["QUIRE_UPLOAD_ENDPOINT"]


def test_every_method_answers_or_refuses_as_documented(stage: Stage, channels: Channels, budget: Budget) -> None:
    def attack_on(method: MethodDescriptor, ground: Ground) -> Attack:
        service = method.containing_service.name
        target = Target(channels[service], method, credential(stage, ground, service))

        def attack(sent: Sent) -> None:
            check(target.call(sent), sent)

        return Attack(attack, sent_to(method, ground))

    def attacks() -> Iterator[Attack]:
        """Each on ground that no other has devastated; in the quick form at least by no other service."""
        for methods in METHODS_OF.values() if budget.is_quick else [[method] for method in METHODS]:
            with on_ground(stage, claimed=True) as ground:
                yield from (attack_on(method, ground) for method in methods)

    with stage.unharmed():
        budget.spend(attacks, quick=10)

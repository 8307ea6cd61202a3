"""What the contract has and this release does not: it says so, and docs/api.md lists exactly that."""

import re
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from chassis.errors import CallReason, from_rpc_error
from quire.admin.v1 import admin_service_pb2
from quire.batch.v1 import batch_service_pb2
from quire.intake.v1 import intake_service_pb2
from quire.work.v1 import work_service_pb2
from tests.integration.batch.tenants import Tenant
from tests.integration.batch.world import World

API_PAGE = Path(__file__).resolve().parents[3] / "docs" / "api.md"
SERVICES: list[ServiceDescriptor] = [
    batch_service_pb2.DESCRIPTOR.services_by_name["BatchService"],
    intake_service_pb2.DESCRIPTOR.services_by_name["IntakeService"],
    work_service_pb2.DESCRIPTOR.services_by_name["WorkService"],
    admin_service_pb2.DESCRIPTOR.services_by_name["AdminService"],
]


def listed() -> set[str]:
    """The bullets between the markers of docs/api.md."""
    page = API_PAGE.read_text()
    between = page.split("<!-- unimplemented -->")[1].split("<!-- /unimplemented -->")[0]
    return set(re.findall(r"^- `(\w+\.\w+)`", between, flags=re.MULTILINE))


async def ask(tenant: Tenant, method: MethodDescriptor) -> grpc.aio.AioRpcError | None:
    """Call a method with an empty request and answer how it was refused, if it was."""
    door, service = tenant.door, method.containing_service
    tokens = {"WorkService": door.worker, "AdminService": door.operator, "IntakeService": tenant.gateway}
    kind = ("stream_" if method.client_streaming else "unary_") + ("stream" if method.server_streaming else "unary")
    request, answer = cast("Any", GetMessageClass(method.input_type)), cast("Any", GetMessageClass(method.output_type))
    make = getattr(door.channel, kind)
    call = make(f"/{service.full_name}/{method.name}", request.SerializeToString, answer.FromString)
    asked: Any = iter([request()]) if method.client_streaming else request()
    answering = call(asked, metadata=tokens.get(service.name, tenant.metadata), timeout=10)
    try:
        await (answering.read() if method.server_streaming else answering)
    except grpc.aio.AioRpcError as error:
        return error
    return None


@pytest.mark.catalogue("G03", "G26")
async def test_the_list_of_what_is_not_implemented_is_the_truth(world: World) -> None:
    tenant, found = await world.tenant(), set[str]()
    for service in SERVICES:
        for method in service.methods:
            refusal = await ask(tenant, method)
            if refusal is None or refusal.code() is not grpc.StatusCode.UNIMPLEMENTED:
                assert refusal is None or refusal.code() is grpc.StatusCode.INVALID_ARGUMENT, (method.name, refusal)
                continue
            found.add(f"{service.name}.{method.name}")
            error = from_rpc_error(refusal)
            assert error.reason == CallReason.NOT_IMPLEMENTED
            assert error.metadata["method"] == method.full_name
    assert found == listed()


async def test_every_method_asks_for_a_credential_first(world: World) -> None:
    tenant = await world.tenant()
    for service in SERVICES:
        for method in service.methods:
            kind = ("stream_" if method.client_streaming else "unary_") + (
                "stream" if method.server_streaming else "unary"
            )
            request = cast("Any", GetMessageClass(method.input_type))
            make = getattr(tenant.door.channel, kind)
            call = make(f"/{service.full_name}/{method.name}", request.SerializeToString, bytes)
            asked: Any = iter([request()]) if method.client_streaming else request()
            answering = call(asked, timeout=10)
            try:
                await (answering.read() if method.server_streaming else answering)
            except grpc.aio.AioRpcError as error:
                assert error.code() is grpc.StatusCode.UNAUTHENTICATED, method.full_name  # noqa: PT017
            else:
                raise AssertionError(f"{method.full_name} answers strangers")

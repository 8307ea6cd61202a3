"""Doors and methods: each method has a door or says that it has none yet."""

import grpc
import pytest

from batch.servicers import servicer
from chassis.errors import CallError, CallReason
from quire.intake.v1 import intake_service_pb2

SERVICE = intake_service_pb2.DESCRIPTOR.services_by_name["IntakeService"]


async def answer(request: object, _: object) -> object:
    return request


async def test_a_method_is_answered_by_its_door() -> None:
    assert await servicer(SERVICE, {"BeginUpload": answer}).BeginUpload("asked", None) == "asked"


async def test_a_method_without_a_door_is_not_implemented_and_says_which() -> None:
    with pytest.raises(CallError) as refused:
        await servicer(SERVICE, {}).CompleteUpload(None, None)
    assert refused.value.code is grpc.StatusCode.UNIMPLEMENTED
    assert refused.value.reason == CallReason.NOT_IMPLEMENTED
    assert refused.value.metadata == {"method": "quire.intake.v1.IntakeService.CompleteUpload"}


def test_a_door_without_a_method_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match=r"IntakeService has no EndUpload"):
        servicer(SERVICE, {"BeginUpload": answer, "EndUpload": answer})

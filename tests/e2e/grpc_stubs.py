"""Calls by nothing but generated stubs: a client that knows the contract and none of our code."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import status_pb2

from quire.batch.v1.batch_service_pb2_grpc import BatchServiceStub
from quire.upload.v1.upload_service_pb2_grpc import UploadServiceStub

if TYPE_CHECKING:  # these exist for type checkers alone
    from quire.batch.v1.batch_service_pb2_grpc import BatchServiceAsyncStub
    from quire.upload.v1.upload_service_pb2_grpc import UploadServiceAsyncStub

Key = tuple[tuple[str, str], ...]
Detail = TypeVar("Detail", bound=Message)


def key_of(env: Mapping[str, str]) -> Key:
    return (("authorization", f"Bearer {env['QUIRE_API_KEY']}"),)


@asynccontextmanager
async def batch_stub(env: Mapping[str, str]) -> "AsyncGenerator[tuple[BatchServiceAsyncStub, Key]]":
    async with grpc.aio.insecure_channel(env["QUIRE_ENDPOINT"]) as channel:
        yield BatchServiceStub(channel), key_of(env)


@asynccontextmanager
async def upload_stub(env: Mapping[str, str]) -> "AsyncGenerator[tuple[UploadServiceAsyncStub, Key]]":
    async with grpc.aio.insecure_channel(env["QUIRE_UPLOAD_ENDPOINT"]) as channel:
        yield UploadServiceStub(channel), key_of(env)


def detail_of(error: grpc.aio.AioRpcError, kind: type[Detail]) -> Detail:
    """The rich detail of one kind; fails when the status has none."""
    raw = next(value for key, value in error.trailing_metadata() or () if key == "grpc-status-details-bin")
    assert isinstance(raw, bytes)
    status = status_pb2.Status.FromString(raw)
    assert (status.code, status.message) == (error.code().value[0], error.details())
    detail = kind()
    assert any(packed.Unpack(detail) for packed in status.details), f"no {kind.__name__} in {status}"
    return detail

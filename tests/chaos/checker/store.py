"""The object store as it is when a run is over: every object, read whole, and every upload in parts that is open."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException

THREADS = 8
READ_SECONDS = 60.0


@dataclass(frozen=True)
class Stored:
    """An object."""

    key: str
    body: bytes
    age_seconds: float = 0.0


@dataclass(frozen=True)
class Store:
    """One bucket."""

    objects: Mapping[str, Stored] = field(default_factory=dict[str, Stored])
    open_uploads: Mapping[str, float] = field(default_factory=dict[str, float])
    """Age in seconds by key."""


async def read_store(environ: Mapping[str, str], notes: list[str]) -> Store:
    """Read all of it."""
    return await asyncio.to_thread(_read_store, environ, notes)


def _read_store(environ: Mapping[str, str], notes: list[str]) -> Store:
    client, bucket = _client(environ), environ["QUIRE_S3_BUCKET"]
    listed: list[Any] = list(client.list_objects(bucket, recursive=True))
    with ThreadPoolExecutor(THREADS) as pool:
        read = pool.map(partial(_read, client, bucket), listed)
        objects = {stored.key: stored for stored in read if stored is not None}
    return Store(objects, _open_uploads(client, bucket, notes))


def _client(environ: Mapping[str, str]) -> Minio:
    url = urlsplit(environ["QUIRE_S3_ENDPOINT"])
    return Minio(
        url.netloc,
        access_key=environ["QUIRE_S3_ACCESS_KEY"],
        secret_key=environ["QUIRE_S3_SECRET_KEY"],
        region=environ["QUIRE_S3_REGION"],
        secure=url.scheme == "https",
        http_client=urllib3.PoolManager(maxsize=THREADS, timeout=READ_SECONDS),
    )


def _read(client: Minio, bucket: str, listed: Any) -> Stored | None:
    """An object, unless a sweeper was faster."""
    key = str(listed.object_name)
    try:
        response = client.get_object(bucket, key)
    except MinioException:
        return None
    try:
        return Stored(key, response.read(), _age(listed.last_modified))
    finally:
        response.close()
        response.release_conn()


def _open_uploads(client: Minio, bucket: str, notes: list[str]) -> dict[str, float]:
    try:
        listed = cast("Any", client)._list_multipart_uploads(bucket)  # the library has no public word for it
    except MinioException as error:
        notes.append(f"I17: the store does not tell of uploads in parts: {error}")
        return {}
    return {str(one.object_name): _age(one.initiated_time) for one in listed.uploads}


def _age(since: datetime | None) -> float:
    return (datetime.now(UTC) - since).total_seconds() if since else 0.0

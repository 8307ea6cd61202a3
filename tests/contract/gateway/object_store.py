"""A real S3 server for the tests: SeaweedFS from its wheel, on ports and in a folder of its own."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3
from minio import Minio
from minio.error import MinioException

HOST = "127.0.0.1"
ACCESS_KEY, SECRET_KEY, BUCKET, REGION = "quire", "quire-secret", "quire", "us-east-1"
PORT_FLAGS = (
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
)
START_SECONDS = 60


@dataclass(frozen=True)
class ObjectStore:
    """Where the server answers, and a plain client to look behind the gateway's back."""

    endpoint: str
    client: Minio

    def stored(self) -> set[str]:
        return {str(item.object_name) for item in self.client.list_objects(BUCKET, recursive=True)}

    def read(self, key: str) -> bytes:
        response = self.client.get_object(BUCKET, key)
        try:
            return response.read()
        finally:
            response.close()
            response.release_conn()

    def pending_uploads(self) -> int:
        """Multipart uploads begun and neither completed nor aborted."""
        found = self.client._list_multipart_uploads(BUCKET)  # pyright: ignore[reportPrivateUsage]
        return len(found.uploads)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for taken in sockets:
            taken.bind((HOST, 0))
        return [taken.getsockname()[1] for taken in sockets]


@contextmanager
def running_object_store(folder: Path) -> Generator[ObjectStore]:
    ports: dict[str, int] = dict(zip(PORT_FLAGS, free_ports(len(PORT_FLAGS)), strict=True))
    with (folder / "weed.log").open("wb") as log:
        server = subprocess.Popen(_command(folder, ports), cwd=folder, stdout=log, stderr=log)
    try:
        yield _wait_until_ready(f"{HOST}:{ports['s3.port']}", server, folder)
    finally:
        _end(server)
        for stale in Path("/tmp").glob("seaweedfs-*.sock"):
            if any(str(port) in stale.name for port in ports.values()):
                stale.unlink(missing_ok=True)


def _command(folder: Path, ports: dict[str, int]) -> Sequence[str]:
    credentials = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
    identity = {"name": "quire", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "files").mkdir()
    options: dict[str, object] = {
        **ports,
        "ip": HOST,
        "ip.bind": HOST,
        "dir": folder / "files",
        "s3.config": folder / "s3.json",
        "filer.localSocket": folder / "filer.sock",
        "s3.localSocket": folder / "s3.sock",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "master.resumeState": "false",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 512,
        "volume.max": 40,
        "volume.preStopSeconds": 0,
    }
    weed = Path(sys.executable).with_name("weed")
    flags = [f"-{name}={value}" for name, value in options.items()]
    return [str(weed), "-logtostderr=true", "server", "-filer", "-s3", *flags]


def _wait_until_ready(address: str, server: subprocess.Popen[bytes], folder: Path) -> ObjectStore:
    pool = urllib3.PoolManager(retries=False, timeout=10)
    client = Minio(address, ACCESS_KEY, SECRET_KEY, secure=False, region=REGION, http_client=pool)
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            client.make_bucket(BUCKET)
        except (urllib3.exceptions.HTTPError, MinioException):
            time.sleep(0.1)
        else:
            return ObjectStore(f"http://{address}", client)
    raise RuntimeError("SeaweedFS did not start:\n" + (folder / "weed.log").read_text()[-2000:])


def _end(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(1.5)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()

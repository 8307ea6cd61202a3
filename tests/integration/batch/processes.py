"""The batch service as a process of its own, with all doors or some."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

Servers = Mapping[str, str]

REPOSITORY = Path(__file__).resolve().parents[3]
START_SECONDS = 30.0
# Short, so that tests need not wait; as in production, three beats fit into a lease.
QUICK = {
    "QUIRE_LEASE_SECONDS": "8",
    "QUIRE_BEAT_SECONDS": "1",
    "QUIRE_UNCLAIMED_SECONDS": "2",
    "QUIRE_NOTICE_SECONDS": "0.5",
    "QUIRE_LOG_LEVEL": "info",
}


def run_batch(servers: Servers, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """`python -m batch …` to its end."""
    return subprocess.run(
        (sys.executable, "-m", "batch", *words),
        env=_environ(servers, changes),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _environ(servers: Servers, changes: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": "services:libs", **servers, **QUICK, **changes}


def free_address() -> str:
    """An address nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@dataclass
class BatchProcess:
    """`python -m batch serve …`; started and ended as often as a test wants, on one address."""

    servers: Servers
    log: Path
    doors: tuple[str, ...] = ()
    changes: Mapping[str, str] = field(default_factory=dict[str, str])
    address: str = field(default_factory=free_address)
    credentials: grpc.ChannelCredentials | None = None
    """How to ask one that serves over TLS whether it serves."""
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> "BatchProcess":
        """Return once it says SERVING."""
        changes = {"QUIRE_BATCH_LISTEN": self.address, **self.changes}
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                (sys.executable, "-m", "batch", "serve", *self.doors),
                env=_environ(self.servers, changes),
                cwd=REPOSITORY,
                stdout=output,
                stderr=output,
            )
        self._await_serving(self._process)
        return self

    def _await_serving(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        with self._open_channel() as channel:
            stub = cast("Any", health_pb2_grpc).HealthStub(channel)
            while time.monotonic() < deadline and process.poll() is None:
                try:
                    answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=1, wait_for_ready=True)
                except grpc.RpcError:
                    continue
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
        self.kill()
        raise AssertionError(f"the batch service did not start:\n{self.log.read_text()[-3000:]}")

    def _open_channel(self) -> grpc.Channel:
        options = [("grpc.max_reconnect_backoff_ms", 100)]
        if self.credentials is None:
            return grpc.insecure_channel(self.address, options=options)
        return grpc.secure_channel(self.address, self.credentials, options=options)

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it."""
        assert self._process is not None
        self._process.send_signal(number)

    def terminate(self) -> int:
        """SIGTERM, and wait; answers the exit status."""
        self.send(signal.SIGTERM)
        return self.wait()

    def wait(self, seconds: float = 30.0) -> int:
        """Wait for its end; answers the exit status."""
        assert self._process is not None
        return self._process.wait(seconds)

    def kill(self) -> None:
        """SIGKILL, and wait; does nothing to one that has ended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def events(self) -> list[dict[str, Any]]:
        """What it logged, each line read; raises for a line that is no JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

"""The gateway's composition root."""

import asyncio
from collections.abc import Sequence

from chassis import failpoints
from chassis.admission import Admission, Places
from chassis.blobs import Blobs
from chassis.lifecycle import Part, run_until_stopped
from chassis.logs import configure
from chassis.rpc_client import open_channel
from chassis.rpc_faults import FaultInterceptor
from chassis.rpc_server import RpcServer
from gateway.backend import Backend
from gateway.http.application import build_application
from gateway.http.drain import Drain
from gateway.http.lobby import Lobby
from gateway.http.server import HttpServer
from gateway.http.sessions import Sessions
from gateway.rpc.upload_document import UploadDocumentDoor, credential_of, require_credential, translate
from gateway.settings import GatewaySettings
from gateway.upload import Uploads
from quire.upload.v1 import upload_service_pb2
from quire.upload.v1.upload_service_pb2_grpc import add_UploadServiceServicer_to_server

MARGIN_SECONDS = 2.0
"""Kept from the drain time for closing what the doors stood on."""


async def serve(settings: GatewaySettings) -> int:
    """Serve HTTP and gRPC until told to stop; answers the exit status."""
    configure("gateway", settings.log_level, settings.log_format)
    failpoints.arm(settings.failpoint_file)
    channel = open_channel(settings.batch_address, settings.batch_tls)
    blobs = Blobs(settings)
    backend = Backend(channel, settings.gateway_token.get_secret_value())
    uploads = Uploads(backend, blobs)
    try:
        return await run_until_stopped([Doors(settings, backend, blobs, uploads)], settings.drain_seconds)
    finally:
        await uploads.settle(MARGIN_SECONDS)
        await channel.close()
        blobs.close()


class Doors(Part):
    """The HTTP and the gRPC server. They drain side by side, so that each has the whole drain time for its uploads."""

    def __init__(self, settings: GatewaySettings, backend: Backend, blobs: Blobs, uploads: Uploads) -> None:
        self.drain, notice = Drain(), settings.notice_seconds
        grace = max(1.0, settings.drain_seconds - notice - MARGIN_SECONDS)
        lobby = Lobby(*map(Places, (settings.calls_at_once, settings.streams_at_once, settings.uploads_at_once)))
        app = build_application(backend, uploads, blobs, self.drain, lobby, _sessions(settings))
        self.http = HttpServer(
            settings.gateway_http_listen,
            app,
            self.drain,
            tls=settings.server_tls,
            notice_seconds=notice,
            grace_seconds=grace,
        )
        self.rpc = RpcServer(
            settings.gateway_grpc_listen,
            registrations=[
                lambda server: add_UploadServiceServicer_to_server(UploadDocumentDoor(uploads), server),
            ],
            service_names=[upload_service_pb2.DESCRIPTOR.services_by_name["UploadService"].full_name],
            tls=settings.server_tls,
            interceptors=[
                FaultInterceptor(
                    require_credential, translate, Admission(lobby.uploads, lobby.uploads, owner=credential_of)
                )
            ],
            notice_seconds=notice,
            grace_seconds=grace,
        )
        self._parts: Sequence[HttpServer | RpcServer] = (self.rpc, self.http)

    @property
    def ended(self) -> asyncio.Future[None] | None:
        """Done when the HTTP server died."""
        return self.http.ended

    async def start(self) -> None:
        """Open the doors."""
        for part in self._parts:
            await part.start()

    async def stop(self) -> None:
        """Close the doors behind what is inside.

        Raises:
            DrainCutShort: not all of it was done in time.
        """
        ends = await asyncio.gather(*(part.stop() for part in self._parts), return_exceptions=True)
        for fault in ends:
            if fault is not None:
                raise fault


def _sessions(settings: GatewaySettings) -> Sessions | None:
    keys = settings.listed_session_keys
    return Sessions(keys, secure=not settings.gateway_insecure_cookies) if keys else None

"""TLS of servers and channels, with certificates from files that are read when a process starts."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc


@dataclass(frozen=True, slots=True)
class ServerTls:
    """How a server proves who it is, and whether callers must."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None
    """When set, a caller without a certificate of this authority is refused."""

    def credentials(self) -> grpc.ServerCredentials:
        """As a gRPC server takes them."""
        pair = (self.key_file.read_bytes(), self.cert_file.read_bytes())
        authority = self.client_ca_file.read_bytes() if self.client_ca_file else None
        return grpc.ssl_server_credentials([pair], authority, require_client_auth=authority is not None)


@dataclass(frozen=True, slots=True)
class ChannelTls:
    """Which servers a channel trusts, and how it proves who calls."""

    ca_file: Path
    cert_file: Path | None
    key_file: Path | None

    def credentials(self) -> grpc.ChannelCredentials:
        """As a gRPC channel takes them."""
        key = self.key_file.read_bytes() if self.key_file else None
        cert = self.cert_file.read_bytes() if self.cert_file else None
        return grpc.ssl_channel_credentials(self.ca_file.read_bytes(), key, cert)


def pair_fault(cert_file: Path, key_file: Path) -> str | None:
    """Why two files are not a certificate and its key, if so; a key under a password is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert_file, key_file, password="")
    except (OSError, ValueError) as error:
        return f"are no certificate and its key in PEM: {error}"
    return None


def authority_fault(ca_file: Path) -> str | None:
    """Why a file holds no certificates of authorities, if so."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:
        return f"holds no certificates in PEM: {error}"
    return None

"""An OIDC issuer on a real port: it publishes the keys it is told to, and signs whatever a test wants."""

import base64
import json
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

AUDIENCE = "quire"
_MAKERS = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


class SigningKey:
    """A key pair of an issuer."""

    def __init__(self, kid: str, algorithm: str = "ES256") -> None:
        self.kid, self.algorithm = kid, algorithm
        self.private: Any = _MAKERS[algorithm]()

    @property
    def public(self) -> dict[str, Any]:
        """As it stands in the set of the issuer."""
        writer = cast("Any", get_default_algorithms()[self.algorithm])
        shown = json.loads(writer.to_jwk(self.private.public_key()))
        return shown | {"kid": self.kid, "alg": self.algorithm, "use": "sig"}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        named = {"kid": self.kid} | header
        return jwt.encode(claims, self.private, algorithm=self.algorithm, headers=named)


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """Three segments put together by hand."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@dataclass
class LocalIssuer:
    """What the issuer's server answers, and how often it was asked."""

    port: int
    keys: list[SigningKey] = field(default_factory=list[SigningKey])
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(
        default_factory=dict[str, tuple[int, dict[str, str], bytes]]
    )
    """Path → what it answers instead."""
    asked: list[str] = field(default_factory=list[str])

    @property
    def name(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        """What makes a batch service trust it."""
        return {"QUIRE_OIDC_ISSUER": self.name, "QUIRE_OIDC_AUDIENCE": AUDIENCE}

    def claims(self, tenant: str, **changes: Any) -> dict[str, Any]:
        """Good ones; a change to None leaves a claim out."""
        now = int(time.time())
        good = {"iss": self.name, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 600, "quire_tenant": tenant}
        return {name: value for name, value in (good | changes).items() if value is not None}

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]
        pages: dict[str, dict[str, Any]] = {
            "/.well-known/openid-configuration": {"issuer": self.name, "jwks_uri": f"{self.name}/keys"},
            "/keys": {"keys": [key.public for key in self.keys]},
        }
        return (200, {}, json.dumps(pages[path]).encode()) if path in pages else (404, {}, b"")


@contextmanager
def running_issuer(port: int = 0) -> Generator[LocalIssuer]:
    """Serve an issuer; it is away when this ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = issuer.answer(self.path)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the library
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    issuer = LocalIssuer(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""What the gateway reads from the environment."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from chassis.settings import BatchTlsSettings, DoorSettings, StoreSettings, TlsSettings

Listen = Annotated[str, Field(pattern=r"^.+:\d{1,5}$")]

LEAST_KEY_CHARACTERS = 32
LOOPBACK = ("127.0.0.1:", "localhost:", "[::1]:")


class GatewaySettings(TlsSettings, BatchTlsSettings, StoreSettings, DoorSettings):
    """Each field is the environment variable `QUIRE_<NAME>`."""

    batch_address: str = Field(min_length=1, description="`host:port` or `dns:///name:port` of the batch service")
    gateway_token: SecretStr = Field(min_length=1, description="the gateway's own credential at the batch service")
    notice_seconds: float = Field(default=5.0, ge=0, description="as long as a balancer may take to see /readyz fail")
    session_keys: SecretStr | None = Field(
        default=None, description="seal sign-ins, comma-separated: the first seals, all open; unset: no sign-in"
    )
    gateway_insecure_cookies: bool = Field(default=False, description="sign-in by plain http, on loopback alone")
    # Each holds 2 MiB, of unknown length 8 MiB more while the store takes it.
    uploads_at_once: int = Field(default=64, ge=2, description="more answer OVERLOADED; one caller takes at most half")
    gateway_http_listen: Listen = "127.0.0.1:8080"
    gateway_grpc_listen: Listen = "127.0.0.1:8081"

    @property
    def listed_session_keys(self) -> list[str]:
        """Each key by itself."""
        text = self.session_keys.get_secret_value() if self.session_keys else ""
        return [key.strip() for key in text.split(",") if key.strip()]

    @model_validator(mode="after")
    def _sessions_are_safe(self) -> Self:
        if any(len(key) < LEAST_KEY_CHARACTERS for key in self.listed_session_keys):
            raise ValueError(f"QUIRE_SESSION_KEYS: each must have at least {LEAST_KEY_CHARACTERS} characters")
        if self.gateway_insecure_cookies and not self.gateway_http_listen.startswith(LOOPBACK):
            raise ValueError("QUIRE_GATEWAY_INSECURE_COOKIES needs QUIRE_GATEWAY_HTTP_LISTEN on loopback")
        if self.gateway_insecure_cookies and self.tls_cert_file:
            raise ValueError("QUIRE_GATEWAY_INSECURE_COOKIES is for plain http; QUIRE_TLS_CERT_FILE makes it https")
        return self

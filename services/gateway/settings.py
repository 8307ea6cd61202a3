"""What the gateway reads from the environment."""

from typing import Annotated

from pydantic import Field, SecretStr

from chassis.settings import DoorSettings, StoreSettings

Listen = Annotated[str, Field(pattern=r"^.+:\d{1,5}$")]


class GatewaySettings(StoreSettings, DoorSettings):
    """Each field is the environment variable `QUIRE_<NAME>`."""

    batch_address: str = Field(min_length=1, description="`host:port` or `dns:///name:port` of the batch service")
    gateway_token: SecretStr = Field(min_length=1, description="the gateway's own credential at the batch service")
    notice_seconds: float = Field(default=5.0, ge=0, description="as long as a balancer may take to see /readyz fail")
    gateway_http_listen: Listen = "127.0.0.1:8080"
    gateway_grpc_listen: Listen = "127.0.0.1:8081"

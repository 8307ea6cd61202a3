"""What the gateway reads from the environment."""

from typing import Annotated

from pydantic import Field, SecretStr

from chassis.settings import ProcessSettings, StoreSettings

Listen = Annotated[str, Field(pattern=r"^.+:\d{1,5}$")]


class GatewaySettings(StoreSettings, ProcessSettings):
    """Each field is the environment variable `QUIRE_<NAME>`."""

    batch_address: str = Field(min_length=1, description="`host:port` or `dns:///name:port` of the batch service")
    gateway_token: SecretStr = Field(min_length=1, description="the gateway's own credential at the batch service")
    gateway_http_listen: Listen = "127.0.0.1:8080"
    gateway_grpc_listen: Listen = "127.0.0.1:8081"

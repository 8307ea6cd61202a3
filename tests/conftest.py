"""Settings that must stand before anything imports gRPC."""

import os

# Tests that hold channels start services: gRPC would warn, on the child's standard error, that it skips its handlers.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

"""What must stand before any test begins."""

import os
import signal

# Tests that hold channels start services: gRPC would warn, on the child's standard error, that it skips its handlers.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

# A shell that starts the tests in the background lets all they start ignore SIGINT, which some of it is tested to obey.
signal.signal(signal.SIGINT, signal.default_int_handler)

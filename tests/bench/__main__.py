"""`python -m tests.bench`: the command line of `command`."""

import os
import sys

# Read when gRPC is imported: processes are started here while calls are under way, and none of them inherits a call.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

from tests.bench.command import main

sys.exit(main())

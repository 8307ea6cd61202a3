"""`python -m quire_client.command`, the same as `quire`."""

import sys

from quire_client.command import main

sys.exit(main())

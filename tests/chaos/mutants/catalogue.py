"""All planted bugs."""

from collections.abc import Mapping

from tests.chaos.mutants import of_the_broker, of_the_fold, of_the_leases, of_the_outbox, of_the_worker
from tests.chaos.mutants.mutant import Mutant

_ROOMS = (of_the_broker, of_the_outbox, of_the_fold, of_the_leases, of_the_worker)

ALL: Mapping[str, Mutant] = {
    found.name: found for room in _ROOMS for found in vars(room).values() if isinstance(found, Mutant)
}

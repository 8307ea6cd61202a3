from collections.abc import Generator

import pytest

from tests.chaos.links import Links


@pytest.fixture
def links() -> Generator[Links]:
    with Links() as links:
        yield links

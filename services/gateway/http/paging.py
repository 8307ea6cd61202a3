"""Query parameters of lists."""

from typing import Annotated

from fastapi import Query

PageSize = Annotated[int, Query(ge=-(2**31), lt=2**31)]
"""What it means is the batch service's to say; here it only has to fit."""

"""Which door answers which method; a method without a door answers UNIMPLEMENTED (docs/api.md lists them)."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from google.protobuf.descriptor import ServiceDescriptor

from chassis.errors import not_implemented

Doors = Mapping[str, Callable[..., Any]]


def servicer(service: ServiceDescriptor, doors: Doors) -> Any:
    """An object with one attribute for each method of a service, as the generated `add_…_to_server` wants it.

    Raises:
        ValueError: a door is not a method of the service.
    """
    methods = [method.name for method in service.methods]
    unknown = set(doors) - set(methods)
    if unknown:
        raise ValueError(f"{service.full_name} has no {', '.join(sorted(unknown))}")
    behaviors = {name: doors.get(name) or _closed(f"{service.full_name}.{name}") for name in methods}
    return cast("Any", type(service.name, (), behaviors_as_attributes(behaviors))())


def behaviors_as_attributes(behaviors: Doors) -> dict[str, Any]:
    """Static attributes, so that a door gets only the call and its context."""
    return {name: staticmethod(behavior) for name, behavior in behaviors.items()}


def _closed(method: str) -> Callable[..., Any]:
    async def closed(_request: object, _context: object) -> Any:
        raise not_implemented(method)

    return closed

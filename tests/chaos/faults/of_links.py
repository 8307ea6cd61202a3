"""Links that are cut, silenced, slowed; a store and a model that answer wrongly."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from tests.chaos.faults.fault import Fault, Hit, Scene
from tests.chaos.links import Link
from tests.chaos.model_faults import KINDS
from tests.chaos.store_link import StoreLink

SERVERS = ("postgres", "rabbitmq", "object-store", "batch-1", "batch-2", "model")
SLOW_BYTES_PER_SECOND, SLOW_SECONDS = 50_000.0, 0.1
SHARE = 0.4
MODEL = "model"

_MODES: dict[str, tuple[Callable[[Link], None], float, tuple[float, float]]] = {
    "cut": (Link.cut, 1.0, (0.5, 6.0)),
    "reset": (Link.reset, 1.0, (0.0, 0.5)),
    "silent": (Link.black_hole, 1.0, (1.0, 15.0)),
    "slow": (lambda link: link.slow(SLOW_BYTES_PER_SECOND, SLOW_SECONDS), 0.5, (2.0, 6.0)),
}
_ANSWERS: dict[str, Callable[[StoreLink, Scene], None]] = {
    "slows_down": lambda link, scene: link.refuse(503, "SlowDown", SHARE, scene.rng),
    "fails": lambda link, scene: link.refuse(500, "InternalError", SHARE, scene.rng),
    "full": lambda link, scene: link.refuse(507, "StorageFull", 1.0, scene.rng, {"PUT", "POST"}),
    "cuts_bodies": lambda link, scene: link.truncate(SHARE, scene.rng),
    "flips_a_byte": lambda link, scene: link.flip(SHARE, scene.rng),
}


def _broken(mode: str, server: str) -> Fault:
    strike, weight, seconds = _MODES[mode]

    @asynccontextmanager
    async def broken(scene: Scene) -> AsyncGenerator[Hit]:
        wires = scene.stage.wires_to(server)
        chosen = wires if scene.rng.random() < 0.3 else [scene.rng.choice(wires)]
        for link in chosen:
            strike(link)
        try:
            yield Hit(", ".join(link.name for link in chosen))
        finally:
            for link in chosen:
                link.open()

    return Fault(f"link_{mode}_{server}", broken, server, weight / len(SERVERS) * 2, seconds)


def _answering(what: str) -> Fault:
    @asynccontextmanager
    async def answering(scene: Scene) -> AsyncGenerator[Hit]:
        links = [link for link in scene.stage.wires_to("object-store") if isinstance(link, StoreLink)]
        for link in links:
            _ANSWERS[what](link, scene)
        try:
            yield Hit("object-store")
        finally:
            for link in links:
                link.open()

    return Fault(f"store_{what}", answering, "object-store", 0.6, (2.0, 6.0))


def _model(kind: str) -> Fault:
    @asynccontextmanager
    async def answering(scene: Scene) -> AsyncGenerator[Hit]:
        scene.stage.model.fault(kind, SHARE, scene.rng)
        try:
            yield Hit(MODEL)
        finally:
            scene.stage.model.honest()

    return Fault(f"model_{kind}", answering, MODEL, 0.4, (1.0, 4.0))


FAULTS = (
    *(_broken(mode, server) for mode in _MODES for server in SERVERS),
    *(_answering(what) for what in _ANSWERS),
    *(_model(kind) for kind in sorted(KINDS)),
)

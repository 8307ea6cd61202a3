"""A link before an S3 server, which answers in its place or damages what it answers."""

import random
from collections import Counter
from collections.abc import Callable, Collection

from tests.chaos.ends import End, Flow
from tests.chaos.http_framing import Head, Requests, read_head
from tests.chaos.links import Link
from tests.chaos.loop_thread import LoopThread
from tests.chaos.store_faults import METHODS, Chance, Damage, StoreFaults

HEAD_END = b"\r\n\r\n"
DELIVERY_SECONDS = 0.05


class StoreLink(Link):
    """Its faults go on in every mode until `honest` or `open`; connections may be kept, but not pipelined."""

    def __init__(self, name: str, upstream_port: int, thread: LoopThread) -> None:
        self._faults = StoreFaults()
        super().__init__(name, upstream_port, thread)

    def refuse(
        self, status: int, code: str, share: float, rng: random.Random, methods: Collection[str] = METHODS
    ) -> None:
        """Answer a share of the requests with an error, their bodies read and dropped; replaces the one before."""
        chance = _chance(share, rng)
        self._thread.call(lambda: self._faults.refuse(status, code, methods, chance))

    def truncate(self, share: float, rng: random.Random, path_has: str = "") -> None:
        """RST in the middle of a share of the objects that are read."""
        self._damage("truncate", path_has, _chance(share, rng))

    def flip(self, share: float, rng: random.Random, path_has: str = "") -> None:
        """Change one byte of a share of the objects that are read."""
        self._damage("flip", path_has, _chance(share, rng))

    def damaged(self) -> Counter[str]:
        """By path, `/bucket/key`: how often its reading was cut or flipped, at most."""
        return self._thread.call(lambda: Counter(self._faults.damaged))

    def honest(self) -> None:
        """End these faults; the mode stays."""
        self._thread.call(self._faults.end)

    def open(self) -> None:
        """Carry everything at once and as it is."""
        self.honest()
        super().open()

    def ends(self) -> tuple[End, End]:
        """Ends that know where requests begin."""
        answering = _Answering(self._flow, self._ignore)
        return _Asking(self._flow, self._lost, self._faults, answering), answering

    def _damage(self, kind: str, path_has: str, chance: Chance) -> None:
        self._thread.call(lambda: self._faults.damage(kind, path_has, chance))


def _chance(share: float, rng: random.Random) -> Chance:
    return Chance(share, random.Random(rng.getrandbits(64)))


class _Asking(End):
    """The client's end."""

    def __init__(self, flow: Flow, lost: Callable[[End], None], faults: StoreFaults, answering: "_Answering") -> None:
        super().__init__(flow, lost)
        self._faults = faults
        self._answering = answering
        self._requests = Requests()
        self._refusal: bytes | None = None

    def data_received(self, data: bytes) -> None:
        """Pass requests on, or keep them and answer once they are whole."""
        try:
            for piece in self._requests.read(data):
                if isinstance(piece, Head):
                    self._begin(piece)
                elif piece is None:
                    self._end()
                elif self._refusal is None:
                    self._answering.send(piece)
        except ValueError:
            self._answering.reset()
            self.reset()

    def _begin(self, request: Head) -> None:
        self._refusal = self._faults.refusal_of(request)
        if self._refusal is None:
            self._answering.expect(self._faults.damage_of(request))
            self._answering.send(request.raw)

    def _end(self) -> None:
        if self._refusal is not None:
            self.send(self._refusal)
            self._refusal = None


class _Answering(End):
    """The store's end."""

    _damage: Damage | None = None
    _held = b""
    _strikes_in: int | None = None
    """How many bytes of the body go on before the damage; None before the head was read."""

    def expect(self, damage: Damage | None) -> None:
        """What is to become of the next answer."""
        self._damage, self._held, self._strikes_in = damage, b"", None

    def data_received(self, data: bytes) -> None:
        """Pass the answer on."""
        if self._damage is None:
            self.peer.send(data)
        elif self._strikes_in is None:
            self._read_head(self._held + data)
        else:
            self._read_body(data)

    def _read_head(self, data: bytes) -> None:
        raw, end, rest = data.partition(HEAD_END)
        if not end:
            self._held = data
            return
        head, self._held = read_head(raw + end), b""
        self.peer.send(head.raw)
        if head.first[1].startswith("1"):
            self._read_head(rest)
            return
        self._choose_place(head)
        if rest:
            self.data_received(rest)

    def _choose_place(self, answer: Head) -> None:
        assert self._damage is not None
        if answer.first[1] in ("200", "206") and answer.length and not answer.chunked:
            self._strikes_in = min(int(self._damage.at * answer.length), answer.length - 1)
        else:
            self._damage = None

    def _read_body(self, data: bytes) -> None:
        assert self._strikes_in is not None
        assert self._damage is not None
        at = self._strikes_in
        self._strikes_in -= len(data)
        if at < 0 or at >= len(data):
            if at >= 0 or self._damage.kind == "flip":
                self.peer.send(data)
        elif self._damage.kind == "flip":
            self.peer.send(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        else:
            if at:
                self.peer.send(data[:at])
            self._loop.call_later(DELIVERY_SECONDS, self._cut)  # a reset overtakes what is still to be written

    def _cut(self) -> None:
        self.peer.reset()
        self.reset()

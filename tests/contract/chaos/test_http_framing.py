"""Requests cut out of a stream, wherever the network cuts it."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as some

from tests.chaos.http_framing import Head, Requests

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
PUT = b"PUT /b HTTP/1.1\r\nContent-Length: 11\r\n\r\nhello\r\n\r\nyo"
CHUNKED = b"PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n2\r\n\r\n\r\n0\r\nX: y\r\n\r\n"
EMPTY = b"POST /d HTTP/1.1\r\nContent-Length: 0\r\n\r\n"


@given(
    some.lists(some.sampled_from([GET, PUT, CHUNKED, EMPTY]), min_size=1, max_size=5),
    some.lists(some.integers(0, 400), max_size=10),
)
def test_requests_are_found_whole_however_their_bytes_come(sent: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(sent)
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    framing, found, ended = Requests(), list[bytes](), 0
    for start, stop in pairwise(places):
        for piece in framing.read(stream[start:stop]):
            if isinstance(piece, Head):
                found.append(piece.raw)
            elif piece is None:
                ended += 1
            else:
                found[-1] += piece
    assert found == sent
    assert ended == len(sent)

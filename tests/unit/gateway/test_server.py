from gateway.http.server import bind


def test_bind_takes_ipv4_and_ipv6_addresses() -> None:
    for listen in ("127.0.0.1:0", "[::1]:0"):
        with bind(listen) as listener:
            assert listener.getsockname()[1] > 0

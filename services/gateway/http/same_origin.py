"""Whether a page of ours asks: what a browser does by itself on behalf of a stranger's page is refused."""

from urllib.parse import urlsplit

from fastapi import Request

from gateway.http.problems import HttpFault, HttpReason

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PAGE_HEADER = "X-Quire-Request"


def refuse_strangers(request: Request) -> None:
    """Raise CSRF_REFUSED unless the request comes from this very origin, and from a script of it."""
    if request.headers.get(PAGE_HEADER) == "1" and _is_from_here(request):
        return
    message = f"with a sign-in, send `{PAGE_HEADER}: 1` from a page of this origin; programs send `Authorization`"
    raise HttpFault(403, HttpReason.CSRF_REFUSED, message)


def _is_from_here(request: Request) -> bool:
    told = request.headers.get("sec-fetch-site")
    if told is not None:
        return told == "same-origin"
    origin = urlsplit(request.headers.get("origin", ""))
    # The scheme is not compared: a proxy that ends TLS speaks http to us.
    return origin.scheme in ("http", "https") and origin.netloc.lower() == request.headers.get("host", "").lower()

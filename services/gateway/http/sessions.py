"""Sign-ins of the pages: the credential itself, sealed into a cookie, so that no replica keeps anything."""

import base64
import hashlib
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from fastapi import Request

from chassis.errors import invalid, unauthenticated

LASTING_SECONDS = 12 * 3600
MOST_CHARACTERS = 2800
"""Of a credential: sealed, it must fit into the 4 kB a browser keeps."""
COOKIE = "__Host-quire-session"
INSECURE_COOKIE = "quire-session"


class Sessions:
    """Seals with the first key and opens with all of them, so keys can be rotated."""

    def __init__(self, keys: Sequence[str], *, secure: bool) -> None:
        self._box = MultiFernet([Fernet(_key_of(text)) for text in keys])
        self._name = COOKIE if secure else INSECURE_COOKIE
        self._attributes = "; Path=/; HttpOnly; SameSite=Strict" + ("; Secure" if secure else "")

    def sealed(self, credential: str) -> str:
        """Value of `Set-Cookie` that signs in.

        Raises:
            CallError: the credential is too long for a cookie.
        """
        if len(credential) > MOST_CHARACTERS:
            raise invalid({"authorization": f"to sign in, a credential has at most {MOST_CHARACTERS} characters"})
        return self._cookie(self._box.encrypt(credential.encode()).decode(), LASTING_SECONDS)

    def ended(self) -> str:
        """Value of `Set-Cookie` that signs out."""
        return self._cookie("", 0)

    def opened(self, request: Request) -> str | None:
        """The credential of the cookie; None when there is no cookie.

        Raises:
            CallError: UNAUTHENTICATED: its time is over, or it is none of ours.
        """
        sealed = request.cookies.get(self._name)
        if not sealed:
            return None
        try:
            # Browsers forget it by then; who copied the cookie must not be served for longer.
            return self._box.decrypt(sealed.encode(), ttl=LASTING_SECONDS).decode()
        except InvalidToken as error:
            raise unauthenticated("this sign-in is over; sign in again") from error

    def _cookie(self, value: str, seconds: int) -> str:
        return f"{self._name}={value}; Max-Age={seconds}{self._attributes}"


def _key_of(text: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(b"quire session key\0" + text.encode()).digest())

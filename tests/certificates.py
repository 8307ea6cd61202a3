"""Certificates made for a test, as files."""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    cert: Path
    key: Path


class Authority:
    """Issues certificates; its own stands in `file`."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name, self._ca = folder, name, trustme.CA()
        self.file = folder / f"{name}.pem"
        self._ca.cert_pem.write_to_path(self.file)

    def issue(self, identity: str) -> Pair:
        made = self._ca.issue_cert(identity)
        pair = Pair(self._folder / f"{self._name}-{identity}.crt", self._folder / f"{self._name}-{identity}.key")
        made.private_key_pem.write_to_path(pair.key)
        for chained in made.cert_chain_pems:
            chained.write_to_path(pair.cert, append=True)
        return pair

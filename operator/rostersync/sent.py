"""What deliveries have delivered, as the store records it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class SentFile:
    """One file that was delivered. `sha256` in hexadecimal."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Sent:
    """What a delivery has delivered of one revision. `where` names the place without user or password. `at` is aware.

    `config_hash` covers what was asked for: of the roster, and to which place. Under another hash, a receiver has nothing.
    """

    revision: int
    where: str
    at: datetime
    files: tuple[SentFile, ...]
    config_hash: str = ""

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file.bytes for file in self.files)

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
    """What a delivery has delivered of one revision. `where` names the place without user or password. `at` is aware."""

    revision: int
    where: str
    at: datetime
    files: tuple[SentFile, ...]

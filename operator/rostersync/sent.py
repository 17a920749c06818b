"""What was delivered: as the store records it, and as an attempt reports it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class SentFile:
    """One file that was delivered. `sha256` in hexadecimal."""

    name: str
    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "SentFile":
        """What is to be said of a file."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(path.name, path.stat().st_size, digest)


@dataclass(frozen=True)
class Sent:
    """What a delivery has delivered of one revision. `where` names the place without user or password. `at` is aware.

    `config_hash` says who got what of the roster (deliveries/bundle.py). It is empty once a person was forgotten: then the
    receiver gets everything again, so that it forgets the person, too.
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


def owed(records: Sequence[Sent]) -> bool:
    """Whether a delivery with these records, the newest first, is due though nothing was applied since.

    It never delivered anything, as one that is younger than the roster, or somebody was forgotten since.
    """
    return not records or not records[0].config_hash


@dataclass(frozen=True)
class DeliveryReport:
    """What an attempt did with one delivery. Without `error`, it has delivered everything up to `revision`.

    `bundles`: how many it has sent, of which the last has these files; 0 if they are an earlier attempt's. `sha256` is that of its only file, else empty.
    `at`: when it was sent, as the API writes times. `left_out`: what its format cannot say, by `file.attribute`.
    """

    name: str
    where: str = ""
    revision: int | None = None
    bundles: int = 0
    files: int = 0
    bytes: int = 0
    sha256: str = ""
    at: str = ""
    error: dict[str, str] | None = None  # {reason, message}
    left_out: dict[str, int] = field(default_factory=dict)


@dataclass
class DeliverReport:
    """The report of a delivery. Without personal data, and at most 4,096 bytes as JSON."""

    run: str
    stage: str  # start | pending | send | settle | done
    revision: int | None = None  # the newest revision that was delivered
    deliveries: list[DeliveryReport] = field(default_factory=list)  # those that had something to deliver
    error: dict[str, str] | None = None  # {reason, message}

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the deliveries that failed."""
        return tuple(d.name for d in self.deliveries if d.error)

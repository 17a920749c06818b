"""The keys that a server may have, as `ssh-keyscan` prints them. Pure."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from rostersync.errors import Permanent

_ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""What OpenSSH asks for by default, without certificates and security keys."""
_OF_KEY = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}


@dataclass(frozen=True)
class HostKey:
    """A public key. `kind` is its type, such as ssh-ed25519; `blob` what identifies it."""

    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")
        return f"SHA256:{digest} ({self.kind})"


def pinned(text: str, delivery: str) -> tuple[HostKey, ...]:
    """The keys of a delivery's `hostKey`. A line may begin with names of hosts. Raises Permanent (InvalidHostKey)."""
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), 1)]
    keys = tuple(_key(words, number, delivery) for number, words in lines if words and not words[0].startswith("#"))
    if not keys:
        raise _invalid(delivery, "has no key")
    return keys


def algorithms(keys: Sequence[HostKey]) -> list[str]:
    """The signature algorithms to ask a server for.

    Those of the pinned keys come first, since a server with several keys shows the one that is asked for first.
    """
    wanted = [name for key in keys for name in _OF_KEY.get(key.kind, (key.kind,)) if name in _ALGORITHMS]
    return list(dict.fromkeys([*wanted, *_ALGORITHMS]))


def _key(words: list[str], number: int, delivery: str) -> HostKey:
    if words[0].startswith("@"):
        raise _invalid(delivery, f"has a line {number} that begins with {words[0]}, which is not supported")
    for kind, encoded in ((words[at], words[at + 1]) for at in (0, 1) if len(words) > at + 1):
        try:
            blob = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            continue
        if blob.startswith(len(kind).to_bytes(4, "big") + kind.encode()):
            return HostKey(kind, blob)
    raise _invalid(delivery, f"has a line {number} that is no public key, or only part of one")


def _invalid(delivery: str, what: str) -> Permanent:
    return Permanent(
        f"sftp.hostKey of delivery {delivery} {what}. Write what `ssh-keyscan HOST` prints, one key a line, and compare "
        "its fingerprint with the one that the receiver has published.",
        reason="InvalidHostKey",
    )

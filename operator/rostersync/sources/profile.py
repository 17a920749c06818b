"""What the rest of the product knows of a kind of source: one frozen record a kind, and nothing else of it.

Imports nothing that reads: the operator looks here too, and opens no source.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rostersync.api.v1alpha1.connection import Connection
    from rostersync.api.v1alpha1.delivery import CABundleRef
    from rostersync.sources.network import Network
    from rostersync.sources.port import Source


@dataclass(frozen=True)
class Login:
    """What the source knows this client by: a text for each key of the profile. Never printed."""

    values: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Endpoint:
    """What a connection's deliveryConfig says, for whoever mounts it and for SourceChanged. `secret`: its Secret's name."""

    host: str
    version: str
    secret: str
    ca_bundle: "CABundleRef | None" = None


Opens = Callable[["Connection", Login, str | None, "Network"], "Source"]


@dataclass(frozen=True)
class Profile:
    """A kind of source.

    `keys` are those of its Secret, `client` those among them that tell one client from another; `collections` are those
    that it can have, and without one of `required` nothing is imported; `brings`: records, not attributes alone;
    `page_size` is asked for where the connection says none, `prefix` begins the sourceID where the connection gives none.
    """

    name: str  # for people
    keys: tuple[str, ...]
    client: tuple[str, ...]
    collections: tuple[str, ...]
    required: frozenset[str]
    endpoint: "Callable[[Connection], Endpoint]"
    opens: Opens
    brings: bool = True
    page_size: int = 500
    prefix: str = ""

    @property
    def keys_in_words(self) -> str:
        """The keys of its Secret, for a sentence."""
        return " and ".join(self.keys)

    @property
    def variables(self) -> dict[str, str]:
        """Key of the Secret -> the environment's variable that a local run takes instead."""
        return {key: _variable(key) for key in self.keys}

    def client_hash(self, login: Login) -> str:
        """What tells this client from others without naming it."""
        return hashlib.sha256("\n".join(login.values[key] for key in self.client).encode()).hexdigest()

    def source_id(self, connection: "Connection") -> str:
        """What the store knows the source of a connection by."""
        return self.source_named(connection.metadata.name, connection.spec.sourceID)

    def source_named(self, connection: str, given: str | None) -> str:
        """What the store knows the source of the connection of this name by, where its spec gives that sourceID."""
        return given or self.prefix + connection


def _variable(key: str) -> str:
    """clientID -> ROSTERSYNC_CLIENT_ID."""
    begins = (letter.isupper() and before.islower() for before, letter in zip(" " + key, key, strict=False))
    return "ROSTERSYNC_" + "".join("_" * begin + letter for begin, letter in zip(begins, key, strict=True)).upper()

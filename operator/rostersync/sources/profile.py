"""Everything that the rest of the product knows about a kind of source: one frozen record per kind.

Imports no client: the operator reads profiles too, and never opens a source.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rostersync.api.v1alpha1.connection import Connection
    from rostersync.api.v1alpha1.delivery_config import CABundleRef
    from rostersync.sources.network import Network
    from rostersync.sources.port import Source


@dataclass(frozen=True)
class Login:
    """The client's credentials: a text for each key of the profile. Never printed.

    `where` says in a message where they were found: a Secret with its keys, or variables of the environment.
    """

    values: Mapping[str, str] = field(repr=False)
    where: str


@dataclass(frozen=True)
class Endpoint:
    """Where a source is, for Jobs that mount its Secret and CA bundle, and for SourceChanged.

    `secret`: its Secret's name, as `deliveryConfig.credentialsSecretRef` has it.
    """

    host: str
    version: str
    secret: str
    ca_bundle: "CABundleRef | None" = None


Opens = Callable[["Connection", Login, str | None, "Network"], "Source"]


@dataclass(frozen=True)
class Profile:
    """A kind of source.

    `keys` are those of its Secret, and `also` says which others a connection needs, `optional` which it may have;
    `client` are those that tell one client from another. `collections` are those that it can have; nothing is imported
    without the `required` ones. `brings`: it has records, and not only attributes of them. `page_size` applies where the connection names none; `prefix` begins the sourceID where the connection gives
    none. `rights` is the menu in which a person of the district lets the client read more.
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
    rights: str = ""
    also: "Callable[[Connection], tuple[str, ...]]" = lambda _: ()
    optional: tuple[str, ...] = ()

    def keys_for(self, connection: "Connection") -> tuple[str, ...]:
        """The keys that the Secret of a connection must have."""
        return self.keys + self.also(connection)

    def client_hash(self, login: Login) -> str:
        """A hash that tells this client from others without naming it."""
        known = (login.values[key] for key in self.client if key in login.values)
        return hashlib.sha256("\n".join(known).encode()).hexdigest()

    def source_id(self, connection: "Connection") -> str:
        """The id of a connection's source in the store."""
        return self.source_named(connection.metadata.name, connection.spec.sourceID)

    def source_named(self, connection: str, given: str | None) -> str:
        """The id in the store of the source of the connection with this name, given its spec's sourceID."""
        return given or self.prefix + connection


def in_words(keys: Sequence[str]) -> str:
    """Keys of a Secret, for use in a sentence."""
    return " and ".join(filter(None, (", ".join(keys[:-1]), *keys[-1:])))


def variables(keys: Iterable[str]) -> dict[str, str]:
    """Key of a Secret -> environment variable that a local run reads instead."""
    return {key: _variable(key) for key in keys}


def _variable(key: str) -> str:
    """clientID -> ROSTERSYNC_CLIENT_ID."""
    begins = (letter.isupper() and before.islower() for before, letter in zip(" " + key, key, strict=False))
    return "ROSTERSYNC_" + "".join("_" * begin + letter for begin, letter in zip(begins, key, strict=True)).upper()

"""A kind of store that the product does not have: what a store of another vendor would cost.

It keeps rows in another file than the embedded store does, is shared by the Jobs of a district, wants one Secret to read it
and another one to write it, lies on no claim, and cannot be copied as a file. `spec.store.postgres` asks for it, which is
the one other store that the API has words for.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from rostersync.api.v1alpha1.storage import Store as StoreSpec
from rostersync.errors import Permanent
from rostersync.stores.embedded.store import EmbeddedStore
from rostersync.stores.embedded.writer import EmbeddedWriter
from rostersync.stores.kind import Opening, StoreKind
from rostersync.stores.placement import Placement, StoreSecret
from rostersync.stores.port import Outbox
from rostersync.stores.registry import STORES

FIELD = "spec.store.postgres"
SPEC: dict[str, Any] = {
    "postgres": {"readerSecretRef": {"name": "example-reader"}, "writerSecretRef": {"name": "example-writer"}}
}

SECRETS = {"example-reader": {"password": "read"}, "example-writer": {"password": "write"}}


class ExampleStore(EmbeddedStore):
    """Rows in a file of its own; a plan is only applied with the writer's Secret."""

    def __init__(self, opening: Opening, writer: str) -> None:
        super().__init__(
            opening.folder / "example" / "rows.db",
            scratch=opening.scratch,
            memory_limit=opening.memory_limit,
            threads=opening.threads,
        )
        self._may_write = "password" in opening.secrets.get(writer, {})

    def writer(self) -> EmbeddedWriter:
        """Raises Permanent without the Secret."""
        if not self._may_write:
            raise Permanent("The example store was opened with the reader's Secret alone.", reason="ReadOnly")
        return super().writer()

    def outbox(self) -> Outbox:
        """Takes the reader's Secret."""
        return super().writer()


def _secret(name: str, side: str) -> StoreSecret:
    return StoreSecret(name, f"{FIELD}.{side}SecretRef", "the key password")


def _places(spec: StoreSpec, _: str) -> Placement:
    assert spec.postgres is not None
    return Placement(
        reader_secrets=(_secret(spec.postgres.readerSecretRef.name, "reader"),),
        writer_secrets=(_secret(spec.postgres.writerSecretRef.name, "writer"),),
        exclusive=False,
    )


def _opens(spec: StoreSpec, opening: Opening) -> ExampleStore:
    assert spec.postgres is not None
    return ExampleStore(opening, spec.postgres.writerSecretRef.name)


EXAMPLE = StoreKind("postgres", "the example store", _opens, _places)


@contextmanager
def registered() -> Iterator[None]:
    """One record in the registry, as a store of the product has."""
    with patch.dict(STORES, {EXAMPLE.name: EXAMPLE}):
        yield


_FOR_GOOD = ExitStack()


def register() -> None:
    """For the `hook` of a command: the same for good, in a process of its own."""
    _FOR_GOOD.enter_context(registered())

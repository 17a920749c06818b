"""The PostgreSQL store's record. It imports little, since the controller reads it and never opens a store."""

from typing import TYPE_CHECKING

from rostersync.api.v1alpha1.storage import Store as StoreSpec
from rostersync.stores.kind import Opening, StoreKind
from rostersync.stores.placement import NOWHERE, Placement, StoreSecret
from rostersync.stores.postgres.login import FIELD, KEYS

if TYPE_CHECKING:
    from rostersync.stores.port import Store


def _secret(name: str, side: str) -> StoreSecret:
    return StoreSecret(name, f"{FIELD}.{side}SecretRef", KEYS)


def _places(spec: StoreSpec, _: str) -> Placement:
    if spec.postgres is None:
        return NOWHERE
    return Placement(
        reader_secrets=(_secret(spec.postgres.readerSecretRef.name, "reader"),),
        writer_secrets=(_secret(spec.postgres.writerSecretRef.name, "writer"),),
        exclusive=False,
    )


def _opens(spec: StoreSpec, opening: Opening) -> "Store":
    from rostersync.stores.postgres.store import PostgresStore

    assert spec.postgres is not None  # noqa: S101  (that is what kind_of chose by)
    return PostgresStore(spec.postgres, opening)


def _probes(spec: StoreSpec, opening: Opening) -> str:
    from rostersync.stores.postgres.store import PostgresStore

    assert spec.postgres is not None  # noqa: S101  (as above)
    return PostgresStore(spec.postgres, opening).probe()


POSTGRES = StoreKind("postgres", "the PostgreSQL store", _opens, _places, probes=_probes)

"""Where a store's data is, and what a Job needs to reach it. Each kind of store decides it from the spec alone."""

from dataclasses import dataclass

DEFAULT_ACCESS_MODE = "ReadWriteOnce"


@dataclass(frozen=True)
class Claim:
    """A volume claim of a store, or of artifacts. `existing`: the spec names it (in `field`), so the operator does not create it."""

    name: str
    field: str
    size: str
    existing: bool = False
    storage_class: str | None = None
    access_mode: str = DEFAULT_ACCESS_MODE


@dataclass(frozen=True)
class StoreSecret:
    """A Secret of the store. `field` of the spec names it, and `needs` says in words what must be in it."""

    name: str
    field: str
    needs: str


@dataclass(frozen=True)
class Placement:
    """What Jobs mount to reach a store. Jobs that only read get the reader's Secrets, those that write the writer's.

    `exclusive`: the store has one writer at a time, and a plan must not read what an apply changes, so Jobs of a
    district take turns. Otherwise the store isolates them itself, and only Jobs of one connection take turns.
    """

    claim: Claim | None = None
    reader_secrets: tuple[StoreSecret, ...] = ()
    writer_secrets: tuple[StoreSecret, ...] = ()
    exclusive: bool = True

    def secrets(self, *, writes: bool) -> tuple[StoreSecret, ...]:
        """The Secrets of a Job that writes the store, or of one that only reads it."""
        return self.writer_secrets if writes else self.reader_secrets


NOWHERE = Placement()
"""For a spec that is invalid or not supported: nothing is mounted."""

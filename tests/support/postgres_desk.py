"""A database of a test, and what its readers, writers and administrator do with it."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from rostersync.errors import Permanent, Retryable, RostersyncError
from rostersync.model import Entity
from rostersync.plan.apply import apply
from rostersync.stores.port import Store
from support import postgres
from support.plans import create, table_rows, write_plan
from support.postgres import PASSWORD, SECRETS, Server

READER, WRITER = SECRETS


@dataclass
class Desk:
    """A database with one revision, if `applied`."""

    folder: Path
    server: Server
    name: str

    def store(self, **changes: str) -> Store:
        """The store as the Secrets with these changes give it; None takes a key away."""
        return postgres.opened(self.folder / "s", self.server.secrets(self.name, **changes))

    def admin(self, sql: str) -> list[tuple[object, ...]]:
        return self.server.admin(sql, self.name)

    def as_reader(self) -> Server:
        """The server, as the reader's role meets it."""
        found = self.server.secrets(self.name)[READER]
        return Server(None, found["host"], int(found["port"]), found["user"], found["password"])

    def apply(self, deliveries: tuple[str, ...] = ()) -> None:
        plan = write_plan(self.folder / "p", [create(Entity.STUDENT, "FOC-u1")])
        apply(plan, self.store().writer(), deliveries=deliveries)

    def refused(self, store: Store, side: str = "read") -> RostersyncError:
        """What reading or writing comes to. No password is in what is said."""
        plan = self.folder / "refused"
        if not plan.exists():
            write_plan(plan, [create(Entity.STUDENT, "FOC-u2")], run="run-2", base=1)

        def use() -> None:
            if side == "read":
                table_rows(store, self.folder, "SELECT id FROM store_users")
            else:
                apply(plan, store.writer())

        with pytest.raises((Permanent, Retryable)) as error:
            use()
        assert PASSWORD not in "".join(traceback.format_exception(error.value))
        assert PASSWORD not in (error.value.detail or "")
        return error.value


@contextmanager
def desk_in(folder: Path, prefix: str) -> Iterator[Desk]:
    """A database of its own, for the length of a test."""
    made = Desk(folder, postgres.server(), f"{prefix}_" + folder.name[-14:].replace("-", "_"))
    made.server.database(made.name)
    yield made
    made.server.drop(made.name)

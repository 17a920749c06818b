"""The store in a PostgreSQL database. See port.py for what its sides do."""

from dataclasses import replace

from rostersync.api.v1alpha1.storage import PostgresStore as PostgresSpec
from rostersync.errors import Permanent
from rostersync.stores.kind import Opening
from rostersync.stores.port import Outbox
from rostersync.stores.postgres.login import FIELD, KEYS, Login, login
from rostersync.stores.postgres.outbox import PostgresOutbox
from rostersync.stores.postgres.probing import probe_reader, probe_writer
from rostersync.stores.postgres.reader import PostgresReader
from rostersync.stores.postgres.writer import PostgresWriter


class PostgresStore:
    """A database that the Secrets of `spec` describe. Nothing connects before a side is used."""

    def __init__(self, spec: PostgresSpec, opening: Opening) -> None:
        self._spec, self._opening = spec, opening
        self._scratch = opening.scratch or opening.folder / "scratch"
        self.where = self._to_read()[0].where
        self._check_schemas()

    def exists(self) -> bool:
        """See Store.exists."""
        return self.reader().anything()

    def reader(self) -> PostgresReader:
        """The reading side: with the reader's login, or with the writer's for who has that one alone."""
        found, own_role = self._to_read()
        return PostgresReader(found, self._scratch, own_role=own_role)

    def writer(self) -> PostgresWriter:
        """The writing side. Raises Permanent without the writer's Secret."""
        return PostgresWriter(self._login("writer"), self._scratch, self._opening.memory_limit, self._opening.threads)

    def outbox(self) -> Outbox:
        """The side that settles deliveries: with the writer's login where it is given, else with the reader's."""
        given = self._spec.writerSecretRef.name in self._opening.secrets
        return PostgresOutbox(self._login("writer" if given else "reader"), self._scratch, own_role=not given)

    def probe(self) -> str:
        """Tests each login that is given, and returns what was found. Raises RostersyncError."""
        names = {side: getattr(self._spec, f"{side}SecretRef").name for side in ("reader", "writer")}
        tests = {"reader": probe_reader, "writer": probe_writer}
        found = [
            tests[side](self._login(side), self._scratch) for side in tests if names[side] in self._opening.secrets
        ]
        if names["writer"] not in self._opening.secrets:
            found.append(f"The writer (Secret {names['writer']}) was not tested: only applies have its Secret.")
        return " ".join(found)

    def _to_read(self) -> tuple[Login, bool]:
        secrets, reader = self._opening.secrets, self._spec.readerSecretRef.name
        only_writer = reader not in secrets and self._spec.writerSecretRef.name in secrets
        return self._login("writer" if only_writer else "reader"), not only_writer

    def _check_schemas(self) -> None:
        """Where both Secrets are given, they must name one schema: plans would read another roster than applies write."""
        names = {side: getattr(self._spec, f"{side}SecretRef").name for side in ("reader", "writer")}
        if not set(names.values()) <= self._opening.secrets.keys():
            return
        schemas = {side: self._login(side).schema for side in names}
        if schemas["reader"] != schemas["writer"]:
            told = " and ".join(f"Secret {names[side]} has {schema}" for side, schema in schemas.items())
            raise Permanent(
                f"The two Secrets of {FIELD} name different schemas: {told}; give both the same under the key schema.",
                reason="SecretsDisagree",
            )

    def _login(self, side: str) -> Login:
        name = getattr(self._spec, f"{side}SecretRef").name
        named = f"Secret {name}, which {FIELD}.{side}SecretRef names"
        data = self._opening.secrets.get(name)
        if data is None:
            raise Permanent(
                f"{named}, is not given: {self._opening.remedy}, with {KEYS}.",
                reason="SecretNotFound",
            )
        return replace(login(data, name, named), reach=self._opening.reach)

"""The side that deliveries use: records what was sent, by the schema's function settle, which the reader's role may call."""

from datetime import UTC
from pathlib import Path

from rostersync.errors import Permanent, Retryable
from rostersync.sent import Sent
from rostersync.stores.postgres.login import Login
from rostersync.stores.postgres.migrating import bring_up_to_date
from rostersync.stores.postgres.session import READING, WRITING, Scope, Session
from rostersync.stores.postgres.state import check_version, newest, ready
from rostersync.stores.source_state import files_as_text


class PostgresOutbox:
    """Settles with the given login. `own_role`: it is the reader's, which cannot bring an old schema up to date."""

    def __init__(self, login: Login, scratch: Path, *, own_role: bool) -> None:
        self._login, self._scratch, self._own_role = login, scratch, own_role

    def check(self) -> None:
        """See Outbox.check."""
        with self._session() as session:
            self._ready(session)

    def settle(self, district: str, delivery: str, revision: int, sent: Sent | None) -> None:
        """See Outbox.settle."""
        made: tuple[str | None, ...] = (None,) * 4
        if sent is not None:
            made = (sent.where, sent.at.astimezone(UTC).isoformat(), files_as_text(sent.files), sent.config_hash)
        with self._session() as session:
            if not self._ready(session):
                return
            with session.transaction(WRITING, "record a delivery in", Scope(district)):
                session.run("scope.patience")
                session.rows("settle.settle", delivery, revision, *made)

    def _ready(self, session: Session) -> bool:
        """Whether there is a schema. Raises RostersyncError if this role cannot settle in it."""
        with session.transaction(READING, "read"):
            if not ready(session):
                return False
            version = check_version(session)
            [(there, may)] = session.rows("settle.may")
        if version < newest() and not self._own_role:
            bring_up_to_date(session)
        elif not there:
            raise Retryable(
                f"The roster store ({self._login.where}) still has schema {version}, in which the reader's role cannot record "
                "deliveries. The next apply brings it up to date, and so does `rostersync deliver` with the writer's Secret; "
                "then run the same command again.",
                reason="StoreTooOld",
            )
        elif not may:
            raise Permanent(
                f"Role {self._login.user} may not record deliveries in the roster store ({self._login.where}); nothing was "
                f"sent. Once, as the writer: GRANT EXECUTE ON FUNCTION {self._login.schema}.settle TO {self._login.user}. Put "
                "the role's name under the key reader of the writer's Secret, too: then each apply grants what is new.",
                reason="StoreRefused",
            )
        return True

    def _session(self) -> Session:
        return Session(self._login, self._scratch)

"""What a district's part of the database is like, inside a transaction: whether it is there, its revision, its memory."""

from collections.abc import Iterator
from pathlib import Path

from rostersync.errors import Permanent
from rostersync.roster import TABLES
from rostersync.stores.port import StoreState
from rostersync.stores.postgres import several
from rostersync.stores.postgres.session import Session
from rostersync.stores.source_state import memory_from_text, times_forgotten


def migrations() -> Iterator[tuple[int, str, int, str]]:
    """Version, name, oldest version whose programs go on working, and text of each migration, in order."""
    for path in sorted((Path(__file__).parent / "migrations").glob("*.sql")):
        text = path.read_text()
        needs = int(text.splitlines()[0].removeprefix("-- needs:"))
        yield int(path.stem.split("_")[0]), path.stem, needs, text


def newest() -> int:
    """The version of the schema that this program makes."""
    return max(version for version, *_ in migrations())


def ready(session: Session) -> bool:
    """Whether the schema has tables of ours that this role may read. Raises Permanent, also StoreTooNew."""
    [(there, may_look, made)] = session.rows("scope.exists")
    login = session.login
    if there and not (may_look and (not made or session.rows("scope.may_read")[0][0])):
        raise Permanent(
            f"Role {login.user} may not read the roster store ({login.where}). Once, as the "
            f"writer: GRANT USAGE ON SCHEMA {login.schema} TO {login.user}; GRANT SELECT ON ALL TABLES IN SCHEMA {login.schema} "
            f"TO {login.user}. Put the role's name under the key reader of the writer's Secret, too: then each apply grants it "
            "what is new.",
            reason="StoreRefused",
        )
    if made:
        check_version(session)
    return bool(made)


def check_version(session: Session) -> int:
    """The version of the schema. Raises StoreTooNew if this program would misread it."""
    version, needs = session.rows("scope.schema_version")[0]
    if (needs or 0) > newest():
        raise Permanent(
            f"The roster store ({session.login.where}) has schema {version}, and this version of rostersync knows schemas up "
            f"to {newest()}; use the version that made it, or a newer one.",
            reason="StoreTooNew",
        )
    return version or 0


def check_reader_exists(session: Session) -> None:
    """Raises Permanent if the writer's Secret names a reader that the server does not know."""
    reader = session.login.reader
    if reader and not session.rows("scope.role_exists", reader)[0][0]:
        raise Permanent(
            f"There is no role {reader}, which the key reader of Secret {session.login.secret} names; CREATE ROLE, or "
            "correct the Secret.",
            reason="StoreRefused",
        )


def refuse_writers(session: Session) -> None:
    """The reader's role must not be able to change the roster. Raises Permanent."""
    if session.rows("scope.may_write")[0][0]:
        login = session.login
        raise Permanent(
            f"Role {login.user}, with which Secret {login.secret} reads the roster store ({login.where}), could also change "
            "it; nothing was read. Give the reader a role of its own that owns nothing and may only CONNECT: the writer "
            "grants it SELECT.",
            reason="ReaderCanWrite",
        )


def state(session: Session, source: str | None) -> StoreState:
    """The state of the district that the transaction is about, for one of its sources (None: for all of them)."""
    revision = session.number("read.revision")
    memories = {name: str(memory) for name, memory in session.rows("read.memories")}
    others = [name for name in memories if name != source] if source else []
    return StoreState(
        revision=revision,
        exists=bool(revision),
        other_sources=tuple(other for other in others if _has_records(session, other)),
        last=memory_from_text(memories[source]) if source in memories else None,
        outbox_pending=bool(session.rows("read.outbox_pending")[0][0]),
        forgotten=times_forgotten(memories.values()),
        several=several.memory(session),
    )


def _has_records(session: Session, source: str) -> bool:
    return any(session.rows("read.has_records", source, names={"table": t.name})[0][0] for t in TABLES)

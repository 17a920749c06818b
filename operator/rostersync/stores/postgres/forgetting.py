"""Removes one person: the record or its tombstone, dependents, history, references; then their bytes; and what has expired."""

from rostersync.errors import Permanent
from rostersync.roster import TABLES
from rostersync.stores.port import Expired, Forgotten, total
from rostersync.stores.postgres import several
from rostersync.stores.postgres.session import Session
from rostersync.stores.source_state import forgotten_once_more

_HELD = ("users", "demographics", "enrollments", "history")
_LOG = (
    "The server's log (WAL) may still hold the person until checkpoints have replaced its files: role {user} may not ask for "
    "one. GRANT pg_checkpoint and EXECUTE ON FUNCTION pg_switch_wal() to it, or run both as an administrator."
)
_RECYCLED = "The server keeps old files of its log for reuse (wal_recycle = on): they may hold the person until then."
_COPIES = "Base backups, archived WAL and replicas of the database are not reached."


def forget(session: Session, record_id: str) -> Forgotten:
    """Deletes the person from the tables, inside the transaction of the district. The bytes go with `erase`.

    Whatever source knows the person under whatever id, all of it goes.
    """
    there = several.is_there(session)
    ids = several.same_person(session, record_id)
    result = total({each: _forget(session, each) for each in ids})
    for each in ids if there else ():
        session.run("several.forget_links", each)
        session.run("several.forget_owners", each)
    if result.removed:
        for source, memory in session.rows("read.memories"):
            session.run("forget.set_memory", source, forgotten_once_more(memory))
    return result


def _forget(session: Session, record_id: str) -> Forgotten:
    """What is known under one id."""
    active = bool(session.rows("forget.person", record_id)[0][0])
    session.run("scope.person", record_id)
    session.run("forget.forgotten_enrollments")
    session.run("forget.forget_receivers")
    rows = sum(session.number("forget.delete_person", record_id, names={"table": t}) for t in ("users", "demographics"))
    found = Forgotten(
        rows=rows,
        enrollments=session.number("forget.delete_enrollments", record_id),
        history=sum(session.number(f"forget.{n}", record_id) for n in ("delete_history", "delete_enrollment_history")),
        references=sum(session.number(f"forget.{n}", record_id) for n in ("cut_references", "cut_history_references")),
        still_active=active,
    )
    session.run("forget.drop_forgotten")
    return found


def erase(session: Session) -> tuple[str, ...]:
    """Writes the tables anew that held persons, and has the log replaced. Returns sentences about what remains."""
    session.run("scope.search_path_of_session", session.login.schema)
    for table in (*_HELD, *(("aliases", "owners") if several.is_there(session) else ())):
        session.run("forget.vacuum", names={"table": table})
    remains = [_COPIES]
    if session.rows("forget.log_is_recycled")[0][0]:
        remains.insert(0, _RECYCLED)
    try:
        session.run("forget.switch_log")
        session.run("forget.checkpoint")
    except Permanent:
        remains.insert(0, _LOG.format(user=session.login.user))
    return tuple(remains)


def expire(session: Session) -> Expired:
    """Removes tombstones, values of changes and records of deliveries from before the transaction's `before`.

    The history keeps that a record changed, when and why.
    """
    values = session.number("forget.expire_values")
    tombstones = sum(session.number("forget.expire_tombstones", names={"table": t.name}) for t in TABLES)
    if several.is_there(session):
        session.run("several.expire_former_links")
    return Expired(tombstones=tombstones, history=values, sent=session.number("forget.expire_sent"))

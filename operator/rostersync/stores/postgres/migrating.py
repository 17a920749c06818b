"""Makes the schema, or brings it up to date: before each apply, under a lock, in one transaction."""

from rostersync.stores.postgres.session import WRITING, Scope, Session
from rostersync.stores.postgres.state import check_reader_exists, check_version, migrations


def bring_up_to_date(session: Session) -> None:
    """Runs the migrations that have not run yet, and grants the reader's role what it needs. Raises StoreTooNew."""
    reader = session.login.reader
    with session.transaction(WRITING, "make the schema of", Scope(reader=reader)):
        session.run("scope.patience")
        session.run("scope.lock_schema")
        [(there, _, made)] = session.rows("scope.exists")
        if not there:
            session.run("scope.create_schema")
        if not made:
            session.run("scope.create_migrations")
        done = check_version(session)
        for version, name, needs, text in migrations():
            if version > done:
                for sql in text.split(";\n\n"):
                    session.execute(sql)
                session.run("scope.insert_migration", version, name, needs)
        if reader:
            _grant(session, reader)


def _grant(session: Session, reader: str) -> None:
    check_reader_exists(session)
    if session.rows("scope.lacks_grant", reader)[0][0]:
        session.run("scope.grant")

"""Which records of a roster a delivery gets: views of the active ones, narrowed by its entities and schools.

Nothing in them refers to what is not there. Organisations, sessions and courses that a record needs are there whether they
were asked for or not. People, classes, enrolments and demographics only come when they were asked for, and a reference that
a record can do without is cut where it leads to one that does not come.

A school has its departments, its classes and courses, the people of all these, who is enrolled in its classes, and the
contacts of its students.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from rostersync.model import Entity
from rostersync.roster import TABLES, Kind, Table


@dataclass(frozen=True)
class Narrowing:
    """None: everything."""

    entities: Sequence[Entity] | None = None
    schools: Sequence[str] | None = None

    def __bool__(self) -> bool:
        return self.entities is not None or self.schools is not None


EVERYTHING = Narrowing()


def lay_out(con: duckdb.DuckDBPyConnection, views: str, to: str, narrowing: Narrowing) -> None:
    """Create TEMP VIEWs `<to><table>` over `<views><table>`, with the same columns. They hold as long as these do."""
    if not narrowing:
        for table in TABLES:
            con.execute(f"""
                CREATE OR REPLACE TEMP VIEW {to}{table.name} AS FROM {views}{table.name} WHERE status = 'active'""")
        return
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {to}entities AS SELECT unnest(?::VARCHAR[]) AS entity",
        [[str(e) for e in (narrowing.entities if narrowing.entities is not None else Entity)]],
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {to}schools AS SELECT unnest(?::VARCHAR[]) AS id",
        [list(narrowing.schools or ())],
    )
    for table in TABLES:
        con.execute(
            f"CREATE OR REPLACE TEMP VIEW {to}any_{table.name} AS FROM {views}{table.name} WHERE status = 'active'"
        )
        con.execute(f"""
            CREATE OR REPLACE TEMP VIEW {to}asked_{table.name} AS
            FROM {to}any_{table.name} SEMI JOIN {to}entities USING (entity)""")
    for name, query in _ids(to, of_schools=narrowing.schools is not None).items():
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE {to}{name} AS SELECT DISTINCT id FROM ({query}) WHERE id IS NOT NULL"
        )
    for table in TABLES:
        _view(con, to, table)


def drop(con: duckdb.DuckDBPyConnection, to: str) -> None:
    """Remove the views, and what they are made from."""
    for (name,) in con.execute(
        "SELECT view_name FROM duckdb_views() WHERE temporary AND starts_with(view_name, ?)", [to]
    ).fetchall():
        con.execute(f'DROP VIEW "{name}"')
    for (name,) in con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE temporary AND starts_with(table_name, ?)", [to]
    ).fetchall():
        con.execute(f'DROP TABLE "{name}"')


def _ids(t: str, *, of_schools: bool) -> dict[str, str]:
    """Queries for the ids that are there, by table `in_<table>`, in the order in which they are made.

    `home`: the schools and their departments. `near_orgs`: these and what is above them.
    """
    persons_orgs = f"(SELECT id, unnest(orgSourcedIds) AS org FROM {t}asked_users)"
    queries = {
        "home": _down(t) if of_schools else f"SELECT id FROM {t}any_orgs",
        "near_orgs": f"SELECT id FROM {t}asked_orgs SEMI JOIN ({_up(t)}) USING (id)",
        "in_classes": f"""
            SELECT c.id FROM {t}asked_classes c SEMI JOIN {t}home h ON h.id = c.schoolSourcedId
            SEMI JOIN {t}any_courses r ON r.id = c.courseSourcedId""",
    }
    if of_schools:
        queries["own_users"] = f"""
            SELECT p.id FROM {persons_orgs} p SEMI JOIN {t}home h ON h.id = p.org
            UNION ALL
            SELECT e.userSourcedId FROM {t}asked_enrollments e SEMI JOIN {t}in_classes c ON c.id = e.classSourcedId
            SEMI JOIN {t}asked_users u ON u.id = e.userSourcedId"""
        queries["in_users"] = f"""
            FROM {t}own_users UNION ALL
            SELECT a.id FROM (
              SELECT unnest(agentSourcedIds) AS id FROM {t}asked_users SEMI JOIN {t}own_users USING (id)
              WHERE entity = 'Student') a
            SEMI JOIN (SELECT id FROM {t}asked_users WHERE entity = 'Contact') c USING (id)"""
    else:
        queries["in_users"] = f"SELECT id FROM {t}asked_users"
    asked_sessions = "" if of_schools else f"UNION ALL SELECT id FROM {t}asked_academicSessions"
    return queries | {
        "in_courses": f"""
            SELECT c.id FROM {t}asked_courses c {f"SEMI JOIN {t}home h ON h.id = c.orgSourcedId" if of_schools else ""}
            UNION ALL SELECT courseSourcedId FROM {t}asked_classes SEMI JOIN {t}in_classes USING (id)""",
        "in_academicSessions": f"SELECT id FROM ({_sessions(t)}) {asked_sessions}",
        "in_enrollments": f"""
            SELECT e.id FROM {t}asked_enrollments e SEMI JOIN {t}in_classes c ON c.id = e.classSourcedId
            SEMI JOIN {t}in_users u ON u.id = e.userSourcedId SEMI JOIN {t}any_orgs o ON o.id = e.schoolSourcedId""",
        "in_demographics": f"SELECT id FROM {t}asked_demographics SEMI JOIN {t}in_users USING (id)",
        "in_orgs": f"""
            FROM {t}near_orgs
            UNION ALL SELECT schoolSourcedId FROM {t}asked_classes SEMI JOIN {t}in_classes USING (id)
            UNION ALL SELECT schoolSourcedId FROM {t}asked_enrollments SEMI JOIN {t}in_enrollments USING (id)
            UNION ALL SELECT c.orgSourcedId FROM {t}any_courses c SEMI JOIN {t}in_courses USING (id)
              SEMI JOIN {t}any_orgs o ON o.id = c.orgSourcedId
            UNION ALL SELECT p.org FROM {persons_orgs} p SEMI JOIN {t}in_users USING (id)
              SEMI JOIN {t}any_orgs o ON o.id = p.org
              ANTI JOIN (SELECT n.id FROM {persons_orgs} n SEMI JOIN {t}near_orgs o ON o.id = n.org) near USING (id)""",
    }


def _down(t: str) -> str:
    """The asked schools, and the departments below them."""
    return f"""
        WITH RECURSIVE down(id) AS (
          SELECT id FROM {t}any_orgs SEMI JOIN {t}schools USING (id) WHERE entity = 'School'
          UNION SELECT o.id FROM {t}any_orgs o JOIN down d ON o.parentSourcedId = d.id WHERE o.entity <> 'School')
        SELECT id FROM down"""


def _up(t: str) -> str:
    """`home`, and what is above it."""
    return f"""
        WITH RECURSIVE up(id) AS (
          SELECT id FROM {t}home UNION SELECT o.parentSourcedId FROM {t}any_orgs o JOIN up ON up.id = o.id)
        SELECT id FROM up"""


def _sessions(t: str) -> str:
    """The sessions that classes and courses refer to, and what is above them."""
    return f"""
        WITH RECURSIVE up(id) AS (
          SELECT id FROM (SELECT unnest(termSourcedIds) AS id FROM {t}asked_classes SEMI JOIN {t}in_classes USING (id))
          UNION SELECT schoolYearSourcedId FROM {t}any_courses SEMI JOIN {t}in_courses USING (id)
          UNION SELECT s.parentSourcedId FROM {t}any_academicSessions s JOIN up ON up.id = s.id)
        SELECT s.id FROM {t}any_academicSessions s SEMI JOIN up USING (id)"""


def _view(con: duckdb.DuckDBPyConnection, t: str, table: Table) -> None:
    """The records that are there. References that a record can do without are cut where they lead to others."""
    replaced, joins = [], []
    for attribute in table.references:
        if attribute.kind is Kind.REF:
            replaced.append(
                f'CASE WHEN r."{attribute.name}" IN (FROM {t}in_{attribute.target}) THEN r."{attribute.name}" END '
                f'AS "{attribute.name}"'
            )
        else:
            joins.append(f"""
                LEFT JOIN (
                  SELECT p.id, list(p.ref ORDER BY p.ref) AS refs
                  FROM (SELECT id, unnest("{attribute.name}") AS ref FROM {t}any_{table.name}
                        SEMI JOIN {t}in_{table.name} USING (id)) p
                  SEMI JOIN {t}in_{attribute.target} i ON i.id = p.ref GROUP BY p.id) "{attribute.name}"
                ON "{attribute.name}".id = r.id""")
            replaced.append(f'"{attribute.name}".refs AS "{attribute.name}"')
    replace = f"REPLACE ({', '.join(replaced)})" if replaced else ""
    con.execute(f"""
        CREATE OR REPLACE TEMP VIEW {t}{table.name} AS
        SELECT r.* {replace} FROM {t}any_{table.name} r {" ".join(joins)}
        WHERE r.id IN (FROM {t}in_{table.name})""")

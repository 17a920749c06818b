"""Schools by the words that people type, from the store alone."""

from collections.abc import Collection, Iterable

import duckdb

from rostersync.errors import Permanent
from rostersync.spelling import near

_LISTED = 20  # schools that an error names


def lay_out_schools(
    con: duckdb.DuckDBPyConnection, district: str, schools: Collection[str], *, names: bool = False
) -> None:
    """Make `only_schools` (asked, id): of the id in the store, else in the source, else of the name in any case.

    `con` has the district's store attached. Raises Permanent (UnknownSchool) that lists the ids there are, and first those
    near. `names`: the error may have names of schools, too.
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE asked_schools AS SELECT unnest($1::VARCHAR[]) AS id", [sorted(set(schools))]
    )
    con.execute("""
        CREATE OR REPLACE TEMP TABLE known_schools AS
        SELECT id, id AS word, 1 AS rank FROM store_orgs WHERE entity = 'School'
        UNION SELECT id, id, 1 FROM store_history WHERE entity = 'School'
        UNION SELECT target_id, sis_id, 2 FROM store_schools
        UNION SELECT id, lower(trim(name)), 3 FROM store_orgs WHERE entity = 'School' AND name IS NOT NULL
    """)
    con.execute("""
        CREATE OR REPLACE TEMP TABLE only_schools AS
        SELECT a.id AS asked, k.id FROM asked_schools a
        JOIN known_schools k ON k.word = CASE k.rank WHEN 3 THEN lower(trim(a.id)) ELSE a.id END
        QUALIFY k.rank = min(k.rank) OVER (PARTITION BY a.id)
    """)
    several = con.execute("""
        SELECT o.asked, list(o.id ORDER BY o.id) FROM only_schools o
        WHERE o.asked NOT IN (SELECT word FROM known_schools WHERE rank < 3) GROUP BY 1 HAVING count(*) > 1 ORDER BY 1
    """).fetchall()
    if several:
        word, ids = several[0]
        raise Permanent(f"Several schools are called {word}: {', '.join(ids)}. Give an id.", reason="UnknownSchool")
    unknown = con.execute("""
        SELECT id FROM asked_schools WHERE id NOT IN (SELECT asked FROM only_schools) ORDER BY id
    """).fetchall()
    if unknown:
        _refuse(con, district, [id_ for (id_,) in unknown], names=names)


def _refuse(con: duckdb.DuckDBPyConnection, district: str, unknown: Collection[str], *, names: bool) -> None:
    words = con.execute("SELECT word, id FROM known_schools ORDER BY rank DESC, word, id").fetchall()
    by_word = {word.strip().casefold(): id_ for word, id_ in words}
    told = con.execute("SELECT id, name FROM store_orgs WHERE entity = 'School' AND name IS NOT NULL").fetchall()
    called = dict(told) if names else {}

    def listed(ids: Iterable[str]) -> str:
        return ", ".join(f"{called[id_]} ({id_})" if id_ in called else id_ for id_ in ids)

    alike = dict.fromkeys(by_word[found] for word in unknown for found in near(word, by_word))
    known = sorted({id_ for _, id_ in words})
    more = f" and {len(known) - _LISTED:,} more" if len(known) > _LISTED else ""
    raise Permanent(
        f"The roster of district {district} never had a school {', '.join(unknown)}; nothing is planned. "
        f"{f'Near: {listed(alike)}. ' if alike else ''}There are: {listed(known[:_LISTED]) or 'none'}{more}.",
        reason="UnknownSchool",
    )

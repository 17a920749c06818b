"""What each source has of the roster's records: a part of each. Pieces of SQL, which say parts by their number.

Parts are numbered in order of age of their sources, as far as these have any of the records that a plan touches.
"""

from rostersync.roster import Table
from rostersync.sync.merge.words import Source, Words
from rostersync.tables.context import Context
from rostersync.tables.sql import q

_BYTES = 3_500  # of memory for each record of a lot, whose parts are joined


def lay_out(context: Context, table: Table, words: Words) -> tuple[Source, ...]:
    """Make `merge_records` (id, parts, lot) of what is touched and is there, and `merge_part_<number>`. Returns whose parts these are."""
    name = table.name
    touched = f"named_{name} n SEMI JOIN touched_{name} t ON t.id = n.record_id"
    number = context.one(f"SELECT count(*) FROM touched_{name}")
    lots = 1 + int(number) * _BYTES // context.memory
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE merge_records AS
        SELECT n.record_id AS id, count(*) AS parts, hash(n.record_id) % {lots} AS lot FROM {touched} GROUP BY n.record_id
    """)
    ages = [int(age) for (age,) in context.con.execute(f"SELECT DISTINCT n.age FROM {touched} ORDER BY 1").fetchall()]
    for i, age in enumerate(ages):
        context.con.execute(f"SET VARIABLE merge_source_{i} = ?", [words.sources[age].source])
        context.sql(f"SET VARIABLE merge_json_{i} = to_json({source_of(i)})::VARCHAR")
        # Named as a constant, so that what other sources contributed is not read.
        context.sql(f"""
            CREATE OR REPLACE TEMP VIEW merge_part_{i} AS
            SELECT n.record_id, n.former = n.record_id AS stood, r.parts, r.lot, c.*
            FROM named_{name} n JOIN merge_records r ON r.id = n.record_id
            JOIN (FROM contributed_{name} WHERE source = {source_of(i)}) c ON c.id = n.id
            WHERE n.age = {int(age)}
        """)
    return tuple(words.sources[age] for age in ages)


def lots(context: Context) -> list[int]:
    """The lots of `merge_records`, which are united one after the other."""
    return [int(lot) for (lot,) in context.con.execute("SELECT DISTINCT lot FROM merge_records ORDER BY 1").fetchall()]


def source_of(i: int) -> str:
    """The source of a part."""
    return f"getvariable('merge_source_{i}')"


def json_of_source(i: int) -> str:
    """The same as JSON text."""
    return f"getvariable('merge_json_{i}')"


def part_column(name: str, i: int) -> str:
    """A column of joined parts: an attribute of one of them."""
    return q(f"{name} of {i}")

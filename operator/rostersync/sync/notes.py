"""What `issues` shows beyond what decides about a record: `notes.parquet` beside the plan, outside of the digest.

- Records that would be incomplete in the export once the plan is applied, so that importers elsewhere refuse them.
- Ids that came in several rows, if that keeps their collection from being proved complete.
- Rows without a readable id, by their number in the order sent.
- Records that were not sent although they are there, which shows that their collection was not read completely.
- Organisations that would leave, and stay for the sake of somebody who would belong to nothing else.

The columns are those of `issues.parquet`.
"""

from pathlib import Path

from rostersync.deliveries.importable import GAPS
from rostersync.plan.folder import NOTES
from rostersync.reading import confirming
from rostersync.roster import BY_NAME, ORGS, Table
from rostersync.sources.staged import REPEATED, WITHOUT_ID
from rostersync.sync.recognized import with_names
from rostersync.tables.context import Context
from rostersync.tables.of_schools import drop_others
from rostersync.tables.sql import PREFIX, literal, q

_COLUMNS = ("entity", "id", "class", "code", "attribute", "rule", "action")


def write_notes(
    context: Context, extract: Path | None, folder: Path, *, mine: bool = False, alone: bool = True
) -> None:
    """Write the file, if there is anything to say.

    `mine`: only of records of `mine_<table>`. `alone`: these are all records of the district; else another source may have
    the schools.
    """
    columns = ", ".join(f"{name} VARCHAR" for name in _COLUMNS)
    context.sql(f"CREATE OR REPLACE TEMP TABLE notes ({columns})")
    for gap in GAPS:
        _resulting(context, BY_NAME[gap.table], gap.lacks, gap.attribute)
    if alone and not _has_school(context):
        context.sql("INSERT INTO notes VALUES ('School', NULL, 'Note', 'NoSchool', NULL, NULL, NULL)")
    if extract:
        _of_the_pull(context, extract)
    if mine:
        drop_others(context, "notes")
    if context.exists("notes"):
        ordered = f"{with_names(context, 'notes')} ORDER BY entity, i.id, code, attribute"
        context.con.execute(f"COPY ({ordered}) TO {literal(str(folder / NOTES))} (FORMAT parquet)")


def _of_the_pull(context: Context, extract: Path) -> None:
    """Add what the pull itself leaves to say."""
    for table in context.tables:
        file = extract / table.name / REPEATED
        if context.takes(table) and not context.complete(table.name) and file.exists():
            context.sql(f"""
                INSERT INTO notes SELECT r.entity, r.id, 'Note', 'RepeatedRows', NULL, NULL, NULL
                FROM required_{table.name} r
                JOIN (SELECT sourcedId FROM read_parquet({literal(str(file))})) t ON t.sourcedId = r.raw_id
            """)
        file = extract / table.name / WITHOUT_ID
        if context.takes(table) and context.offered(table.name) and file.exists():
            context.sql(f"""
                INSERT INTO notes SELECT {literal(table.name)}, 'row ' || "row", 'Note', 'WithoutID', 'sourcedId', NULL, NULL
                FROM read_parquet({literal(str(file))})
            """)
    context.sql("""
        INSERT INTO notes SELECT s.entity, s.id, 'Note', 'LastOrganisation', NULL, NULL, NULL
        FROM store_orgs s JOIN last_orgs l ON l.id = s.id WHERE l.wished AND s.status = 'active'
    """)
    for name, confirmed in confirming.read(extract).items():
        _still_there(context, BY_NAME[name], confirmed.active)


def _still_there(context: Context, table: Table, ids: tuple[str, ...]) -> None:
    """Add records of the store that the source still has. `ids` are the source's own."""
    note = "s.entity, s.id, 'Note', 'StillThere', NULL, NULL, NULL"
    context.con.execute(
        f"""
        INSERT INTO notes SELECT {note} FROM store_{table.name} s
        JOIN (SELECT {PREFIX} || unnest(?::VARCHAR[]) AS id) a ON a.id = s.id WHERE s.status = 'active'
        """,
        [list(ids)],
    )


def _resulting(context: Context, table: Table, lacks: str, attribute: str) -> None:
    """Add the records that the resulting store will have, and that lack an attribute."""
    note = f"entity, id, 'Note', 'NotImportable', {literal(attribute)}, NULL, 'Export'"
    columns = f"id, entity, {q(attribute)}"
    new = f"SELECT {columns} FROM final_{table.name} UNION ALL SELECT {columns} FROM trimmed_{table.name}"
    context.sql(f"INSERT INTO notes SELECT {note} FROM ({new}) WHERE {lacks}")
    kept = f"FROM store_{table.name} WHERE status = 'active' AND {lacks}"
    if context.exists(f"(SELECT 1 {kept} LIMIT 1)"):
        context.sql(f"""
            INSERT INTO notes SELECT {note} {kept}
              AND id NOT IN (SELECT id FROM ({new}))
              AND id NOT IN (SELECT id FROM changes_{table.name} WHERE change = 'Delete')
        """)


def _has_school(context: Context) -> bool:
    gone = f"SELECT id FROM changes_{ORGS.name} WHERE change = 'Delete'"
    stored = f"SELECT 1 FROM store_{ORGS.name} WHERE status = 'active' AND entity = 'School' AND id NOT IN ({gone})"
    return context.exists(f"(SELECT 1 FROM final_{ORGS.name} WHERE entity = 'School' UNION ALL {stored} LIMIT 1)")

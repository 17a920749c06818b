"""The columns of a roster's table as every store has them, from roster.TABLES, so that an attribute cannot be forgotten."""

from rostersync.roster import METADATA_TYPE, SQL_TYPES, Table


def attributes(table: Table) -> list[tuple[str, str]]:
    """(quoted column, the engine's type) of the table's attributes and metadata, in order."""
    return [*((quoted(a.name), SQL_TYPES[a.kind]) for a in table.attributes), ("metadata", METADATA_TYPE)]


def columns(table: Table, prefix: str = "") -> str:
    """The attributes and metadata as a column list; `prefix` such as `c.`."""
    return ", ".join(prefix + column for column, _ in attributes(table))


def empty_columns(table: Table) -> str:
    """The same, of nulls, typed as the attributes are."""
    return ", ".join(f"CAST(NULL AS {kind}) AS {column}" for column, kind in attributes(table))


def quoted(name: str) -> str:
    """A quoted column name (`primary` and `type` are words of SQL)."""
    return '"' + name.replace('"', '""') + '"'

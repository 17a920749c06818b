"""Values as the store's history keeps them (JSON by attribute), back in the types of the roster. Pieces of SQL."""

import json

from rostersync.roster import METADATA_TYPE, SQL_TYPES, Kind, Table

METADATA = "metadata."  # begins the key of a single metadata value


def values_of(table: Table, text: str) -> str:
    """A STRUCT of entity, attributes and metadata from a JSON object. What the object does not have is null."""
    kinds = {"entity": "VARCHAR"} | {a.name: SQL_TYPES[a.kind] for a in table.attributes} | {"metadata": METADATA_TYPE}
    return f"from_json({text}, '{json.dumps(kinds)}')"


def by_key(text: str) -> str:
    """A MAP of a JSON object's members, as JSON."""
    return f"""from_json({text}, '"MAP(VARCHAR, JSON)"')"""


def value(table: Table, of: str, name: str) -> str:
    """An attribute of such a STRUCT. A list that lost its only reference to a person who was forgotten is null."""
    found = f'{of}."{name}"'
    kinds = {a.name: a.kind for a in table.attributes}
    return f"nullif({found}, [])" if kinds.get(name) is Kind.REFS else found

"""The staged form of a collection: Arrow columns with OneRoster's names, the same for every source and version."""

from functools import cache

import pyarrow as pa

from rostersync.roster import BY_NAME, Kind

TEXTS = pa.list_(pa.string())
USER_ID = pa.struct([("type", pa.string()), ("identifier", pa.string())])
METADATA = pa.map_(pa.string(), pa.string())
TYPES = {
    **dict.fromkeys((Kind.TEXT, Kind.REF, Kind.DATE, Kind.BOOLEAN), pa.string()),
    **dict.fromkeys((Kind.LIST, Kind.SET, Kind.REFS), TEXTS),
    Kind.USER_IDS: pa.list_(USER_ID),
}


@cache
def schema(collection: str) -> pa.Schema:
    """Columns of a staged collection: sourcedId, status, dateLastModified, the attributes in order, metadata."""
    return pa.schema(
        [
            pa.field("sourcedId", pa.string(), nullable=False),
            pa.field("status", pa.string()),
            pa.field("dateLastModified", pa.string()),
            *(pa.field(a.name, TYPES[a.kind]) for a in BY_NAME[collection].attributes),
            pa.field("metadata", METADATA),
        ]
    )

"""The staged form of a collection: Arrow columns with OneRoster's names, alike for every source and version."""

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

# Beside the parts of a collection: ids in several rows that do not count as received, and ids whose rows contradict
# each other.
REPEATED, CONTRADICTORY = "repeated.parquet", "contradictory.parquet"
# And the rows without a readable id: `row` is its number in the order sent, from 1, of the first NAMED; else null.
WITHOUT_ID = "without-id.parquet"
NAMED = 10

# A time that clocks show, and a zone that there is. The engine would also take 24:00 and +99:99, and move the day.
DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?)?"
ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3])(?::?[0-5][0-9])?|14(?::?00)?))"

# An instant in any zone. A time without a zone is in UTC, as in OneRoster. Other texts are not times.
INSTANT = rf"^{DAY}(?:[T ]{CLOCK}\s*{ZONE}?)?$"


@cache
def schema(collection: str) -> pa.Schema:
    """The columns of a staged collection: sourcedId, status, dateLastModified, the attributes in order, metadata."""
    return pa.schema(
        [
            pa.field("sourcedId", pa.string(), nullable=False),
            pa.field("status", pa.string()),
            pa.field("dateLastModified", pa.string()),
            *(pa.field(a.name, TYPES[a.kind]) for a in BY_NAME[collection].attributes),
            pa.field("metadata", METADATA),
        ]
    )

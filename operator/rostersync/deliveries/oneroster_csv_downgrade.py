"""What OneRoster 1.1 cannot say, and what it says instead. A table of expressions over the store's columns.

`ext:` values are dropped: the cell is blank, and an enrolment without a role, to which nothing refers, is left out.
"""

import duckdb

_ADMINISTRATORS = "('districtAdministrator', 'principal', 'siteAdministrator', 'systemAdministrator')"
_ROLE = (
    f"CASE WHEN role IN {_ADMINISTRATORS} THEN 'administrator' WHEN role = 'counselor' THEN {{counselor}} "
    "WHEN starts_with(lower(role), 'ext:') THEN NULL ELSE role END"
)


def _without_extensions(column: str) -> str:
    return f"""CASE WHEN starts_with(lower("{column}"), 'ext:') THEN NULL ELSE "{column}" END"""


# (file, column) -> SQL for the cell, where it is not the stored value; {counselor} is the role that a counselor gets.
CELLS = {
    ("orgs", "type"): _without_extensions("type"),
    ("academicSessions", "type"): _without_extensions("type"),
    ("classes", "classType"): _without_extensions("classType"),
    ("users", "role"): _ROLE,
    ("users", "enabledUser"): 'CAST(coalesce("enabledUser", true) AS VARCHAR)',
    ("enrollments", "role"): _ROLE,
    ("demographics", "sex"): "CASE WHEN lower(sex) IN ('other', 'unspecified') OR starts_with(lower(sex), 'ext:') "
    "THEN NULL ELSE sex END",
}

# file -> SQL for the rows that can be written at all
EXPRESSIBLE = {"enrollments": "NOT starts_with(lower(coalesce(role, '')), 'ext:')"}

# file -> {attribute -> SQL that is true where its value is lost}
_LOST = {
    "orgs": {"type": "starts_with(lower(type), 'ext:')"},
    "academicSessions": {"type": "starts_with(lower(type), 'ext:')"},
    "classes": {"classType": "starts_with(lower(\"classType\"), 'ext:')"},
    "enrollments": {"role": "starts_with(lower(role), 'ext:')"},
    "demographics": {"sex": "lower(sex) IN ('other', 'unspecified') OR starts_with(lower(sex), 'ext:')"},
    "users": {
        "role": "starts_with(lower(role), 'ext:')",
        "roles": "len(roles) > 1",
        **{
            name: f'"{name}" IS NOT NULL'
            for name in (
                "userMasterIdentifier",
                "preferredGivenName",
                "preferredMiddleName",
                "preferredFamilyName",
                "primaryOrgSourcedId",
                "pronouns",
            )
        },
    },
}


def losses(con: duckdb.DuckDBPyConnection, name: str) -> dict[str, int]:
    """How many active records of a table lose a value, by `file.attribute`; only those that lose any."""
    lost = _LOST.get(name)
    if not lost:
        return {}
    counts = ", ".join(f"count(*) FILTER ({condition})" for condition in lost.values())
    query = f"SELECT {counts} FROM store_{name} WHERE status = 'active'"  # noqa: S608 - the conditions above
    row = con.execute(query).fetchone() or ()
    return {f"{name}.{attribute}": n for attribute, n in zip(lost, row, strict=True) if n}

"""What OneRoster 1.1 cannot express, and what is written instead: a table of expressions over the store's columns.

`ext:` values are dropped: the cell is blank. An enrolment that has no role then is left out; nothing refers to it.
"""

import duckdb

_ADMINISTRATORS = "('districtAdministrator', 'principal', 'siteAdministrator', 'systemAdministrator')"
_ROLE = (
    f"CASE WHEN role IN {_ADMINISTRATORS} THEN 'administrator' WHEN role = 'counselor' THEN {{counselor}} "
    "WHEN starts_with(lower(role), 'ext:') THEN NULL ELSE role END"
)


def _without_extensions(column: str) -> str:
    return f"""CASE WHEN starts_with(lower("{column}"), 'ext:') THEN NULL ELSE "{column}" END"""


# (file, column) -> SQL for a cell that differs from the stored value. {counselor} is the role that counselors get.
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

# file -> SQL for the rows that can be written
EXPRESSIBLE = {"enrollments": "NOT starts_with(lower(coalesce(role, '')), 'ext:')"}

# file -> {attribute -> SQL that is true where the value is lost}
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
    """How many active records of a table lose a value, by `file.attribute`.

    Only attributes that lose any are listed.
    """
    lost = _LOST.get(name)
    if not lost:
        return {}
    counts = ", ".join(f"count(*) FILTER ({condition})" for condition in lost.values())
    query = f"SELECT {counts} FROM store_{name} WHERE status = 'active'"  # noqa: S608 - the conditions above
    row = con.execute(query).fetchone() or ()
    return {f"{name}.{attribute}": n for attribute, n in zip(lost, row, strict=True) if n}

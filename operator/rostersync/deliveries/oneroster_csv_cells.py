"""The rows of each file as text cells, for 1.1 and 1.2: SQL over the views `<views><table>` of active records.

A source may be of either version, so some values are translated. 1.1 knows fewer values: `ext:` values become blank there,
and an enrolment without a role is left out; nothing refers to it. 1.2 tells administrators apart, which 1.1 does not, and it
has no more than four roles of enrolments; others become `ext:` values there, which keeps what they say.
"""

import duckdb

from rostersync.deliveries.oneroster_csv_columns import FILES
from rostersync.roster import BY_NAME, Kind

_ADMINISTRATORS = "('districtAdministrator', 'principal', 'siteAdministrator', 'systemAdministrator')"
_ROLE_1_1 = (
    f"CASE WHEN role IN {_ADMINISTRATORS} THEN 'administrator' WHEN role = 'counselor' THEN {{counselor}} "
    "WHEN starts_with(lower(role), 'ext:') THEN NULL ELSE role END"
)
_ENABLED = 'CAST(coalesce("enabledUser", true) AS VARCHAR)'


def _without_extensions(column: str) -> str:
    return f"""CASE WHEN starts_with(lower("{column}"), 'ext:') THEN NULL ELSE "{column}" END"""


# version -> (file, column) -> SQL for a cell that differs from the stored value. {counselor}: the role of counselors in 1.1.
_CELLS = {
    "1.1": {
        ("orgs", "type"): _without_extensions("type"),
        ("academicSessions", "type"): _without_extensions("type"),
        ("classes", "classType"): _without_extensions("classType"),
        ("users", "role"): _ROLE_1_1,
        ("users", "enabledUser"): _ENABLED,
        ("enrollments", "role"): _ROLE_1_1,
        ("demographics", "sex"): "CASE WHEN lower(sex) IN ('other', 'unspecified') OR starts_with(lower(sex), 'ext:') "
        "THEN NULL ELSE sex END",
    },
    "1.2": {
        ("users", "enabledUser"): _ENABLED,
        ("enrollments", "role"): "CASE WHEN role IN ('aide', 'guardian', 'parent', 'relative') THEN 'ext:' || role "
        f"WHEN role IN {_ADMINISTRATORS} THEN 'administrator' WHEN role = 'counselor' THEN 'ext:counselor' ELSE role END",
    },
}

# version -> (file, column) -> SQL over `{views}<table>` that is true where the standard allows what a column refers to.
_MAY = {
    ("courses", "schoolYearSourcedId"): """"schoolYearSourcedId" IN (
        SELECT id FROM {views}academicSessions WHERE type = 'schoolYear' OR starts_with(lower(type), 'ext:'))""",
    ("users", "primaryOrgSourcedId"): 'role IS NOT NULL AND list_contains("orgSourcedIds", "primaryOrgSourcedId")',
}

# file -> SQL for the rows that 1.1 can express
_EXPRESSIBLE = {"enrollments": "NOT starts_with(lower(coalesce(role, '')), 'ext:')"}

# file -> {attribute -> SQL that is true where 1.1 loses the value}
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


def csv_rows(views: str, version: str, name: str, counselor_as: str = "aide") -> str:
    """A query for the rows of a file: sourcedId, the standard's columns as text, metadata."""
    if name == "roles":
        return _roles(views)
    columns = [(column, _cell(version, name, column, counselor_as)) for column in FILES[version][name]]
    cells = ", ".join(f'{_allowed(views, name, column, cell)} AS "{column}"' for column, cell in columns)
    kept = _EXPRESSIBLE.get(name, "true") if version == "1.1" else "true"
    return f'SELECT id AS "sourcedId", {cells}, metadata FROM {views}{name} WHERE {kept}'


def losses(con: duckdb.DuckDBPyConnection, views: str, version: str, name: str) -> dict[str, int]:
    """How many records of a table lose a value, by `file.attribute`. Only attributes that lose any are listed."""
    lost = dict(_LOST.get(name, {})) if version == "1.1" else {}
    for (of, column), may in _MAY.items():
        if of == name and column in FILES[version][name]:
            lost[column] = f'"{column}" IS NOT NULL AND NOT coalesce({may.format(views=views)}, false)'
    if not lost:
        return {}
    counts = ", ".join(f"count(*) FILTER ({condition})" for condition in lost.values())
    (row,) = con.execute(f"SELECT {counts} FROM {views}{name}").fetchall()
    return {f"{name}.{attribute}": n for attribute, n in zip(lost, row, strict=True) if n}


def _cell(version: str, name: str, column: str, counselor_as: str) -> str:
    """SQL for the text of a cell."""
    if column == "password":
        return "NULL::VARCHAR"  # a column that the standard has and the store does not
    if (name, column) in _CELLS[version]:
        return _CELLS[version][name, column].format(counselor=f"'{counselor_as}'")
    quoted = f'"{column}"'
    kind = BY_NAME[name].attribute(column).kind
    if kind is Kind.USER_IDS:
        pairs = "lambda u: '{' || coalesce(u.\"type\", '') || ':' || coalesce(u.identifier, '') || '}'"
        return _joined(f"list_transform({quoted}, {pairs})")
    if kind in (Kind.LIST, Kind.SET, Kind.REFS):
        return _joined(quoted)
    return f"CAST({quoted} AS VARCHAR)"


def _allowed(views: str, name: str, column: str, cell: str) -> str:
    """SQL for a cell that is blank where the standard does not allow what it refers to."""
    may = _MAY.get((name, column))
    return f"CASE WHEN {may.format(views=views)} THEN {cell} END" if may else cell


def _joined(elements: str) -> str:
    quote_where_needed = (
        "lambda x: CASE WHEN contains(x, ',') OR contains(x, '\"') "
        "THEN '\"' || replace(x, '\"', '\"\"') || '\"' ELSE x END"
    )
    return f"array_to_string(list_transform({elements}, {quote_where_needed}), ',')"


def _roles(views: str) -> str:
    """A query for roles.csv. The store knows somebody's roles and organisations, and not which role is held where.

    The main role is primary in every organisation. Further roles are secondary in one: the primary organisation, else the
    first. The id is made from user, role and organisation, so it stays as long as the role does.
    """
    other = "list_filter(roles, lambda r: r <> role)"
    place = 'CASE WHEN list_contains("orgSourcedIds", "primaryOrgSourcedId") THEN "primaryOrgSourcedId" ELSE "orgSourcedIds"[1] END'
    return f"""
        SELECT left(sha256(concat_ws(chr(31), "userSourcedId", role, "orgSourcedId")), 40) AS "sourcedId",
          "userSourcedId", CASE WHEN main THEN 'primary' ELSE 'secondary' END AS "roleType", role,
          NULL::VARCHAR AS "beginDate", NULL::VARCHAR AS "endDate", "orgSourcedId",
          NULL::VARCHAR AS "userProfileSourcedId", NULL::MAP(VARCHAR, VARCHAR) AS metadata
        FROM (
          SELECT h.id AS "userSourcedId", h.org AS "orgSourcedId", bool_or(h.main) AS main,
            CASE WHEN h.role <> 'administrator' THEN h.role
                 WHEN o.entity = 'School' OR o.type = 'department' THEN 'siteAdministrator'
                 ELSE 'districtAdministrator' END AS role
          FROM (
            SELECT id, unnest("orgSourcedIds") AS org, role, true AS main FROM {views}users
            UNION ALL
            SELECT id, {place} AS org, unnest({other}) AS role, false AS main FROM {views}users WHERE len(roles) > 1) h
          JOIN {views}orgs o ON o.id = h.org WHERE h.role IS NOT NULL GROUP BY ALL)"""

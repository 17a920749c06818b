"""Small random districts, how they change from day to day, and random connections: all from a seeded `random.Random`.

Rows are in the form of staged extracts: what a server sent, trimmed, with nulls where there is nothing. Over 300 lines:
every kind of record and every option of a connection has its few lines of making and of changing.
"""

import copy
import random
from typing import Any

from rostersync.roster import TABLES

Row = dict[str, Any]
Staged = dict[str, list[Row]]

NAMES = ["Ana", "Zoë", "李", "O'Neil", "Łukasz", "María José", "D'Ångelo", "bob", "😀", '50% "off"', None]
EMAILS = ["a@x.example", "A@X.example", "b@x.example", "zoë@y.example", "not an address", "a@b@c", None, None]
GRADES = [["09"], ["9", "10"], ["10", "09", "10"], ["KG"], None]
SUBJECTS = [["Math"], ["Math", "Art"], ["Art", "Math"], None]
DATES = [
    "2025-08-15",
    "2026-01-20",
    "2026-06-01",
    "2027-06-30",
    "soon",
    None,
    "2026-02-30",
    "20270-6-30",
    "1-1-1 (BC)",
    "2026-06-01T23:30:00-05:00",
    "2026-06-01 01:30:00.25Z",
    "2026-06-01T12:00:00+99:99",
    "2026-06-01T24:00:00Z",
]
BOOLEANS = ["true", "false", "true", "maybe", None]
STATUSES = ["active"] * 40 + [None] * 8 + ["ACTIVE", "tobedeleted", "ToBeDeleted", "inactive", "pending"]
ROLES = ["student"] * 12 + ["teacher"] * 6 + ["aide", "parent", "guardian", "relative", "administrator", "principal"]
ODD_ROLES = ["visitor", None, None, "STUDENT", "Teacher"]
TIMES = ["2026-01-08T10:00:00Z", "2026-01-08T12:00:00+02:00", "2026-01-08T09:00:00-05:00", "2026-01-09", "soon", None]
METADATA = [{"homeroom": "true"}, {"homeroom": "false", "team": "Red Ñ"}, {"team": "blue"}, None, None]


def empty() -> Staged:
    """A pull without any row."""
    return {t.name: [] for t in TABLES}


def blank(table: str, raw: str) -> Row:
    """A row with nothing but its id."""
    columns = next(t for t in TABLES if t.name == table).names
    return {"sourcedId": raw, "status": "active", "dateLastModified": None, **dict.fromkeys(columns), "metadata": None}


class District:
    """A district in the making; `rows[collection][raw id]`."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.rows: dict[str, dict[str, Row]] = {t.name: {} for t in TABLES}
        self.number = 0
        self.oddness = rng.choice([0.05, 0.2, 0.5, 1])  # some districts hardly have anything odd
        self.mostly_students = rng.random() < 0.15
        for _ in range(rng.choice([0, 1, 1, 2])):
            self.add("orgs", type=rng.choice(["district", "district", "state", "local"]))
        for _ in range(rng.randint(1, 3)):
            self.add("orgs", type="school")
        for _ in range(rng.choice([0, 0, 1, 3])):
            self.add("orgs", type="department", parentSourcedId=rng.choice(list(self.rows["orgs"])))
        for table, most in (("academicSessions", 3), ("courses", 3), ("classes", 6)):
            for _ in range(rng.randint(0 if self.odd(0.3) else 1, most)):
                self.add(table)
        for _ in range(rng.choice([0, 8, 15, 30, 30])):
            self.add("users")
        for _ in range(rng.choice([0, 10, 20, 30])):
            self.add("enrollments")

    def odd(self, chance: float) -> bool:
        """Whether something odd happens here."""
        return self.rng.random() < chance * self.oddness

    def pick(self, table: str) -> str | None:
        """A reference to a record of a table: mostly one that is there."""
        ids = list(self.rows[table])
        if self.odd(0.08):
            return self.rng.choice([None, "nowhere", *ids[:1]])
        return self.rng.choice(ids) if ids else None

    def pick_school(self) -> str | None:
        """A reference to a school, now and then to any organisation."""
        schools = [i for i, o in self.rows["orgs"].items() if o["type"] == "school"]
        departments = [i for i, o in self.rows["orgs"].items() if o["type"] == "department"]
        if departments and self.rng.random() < 0.2:
            return self.rng.choice(departments)
        if self.odd(0.1) or not schools:
            return self.pick("orgs")
        return self.rng.choice(schools)

    def pick_several(self, table: str, most: int) -> list[str] | None:
        """References to records of a table, perhaps one of them twice or nowhere."""
        found = [self.pick(table) for _ in range(self.rng.randint(0, most))]
        return [f for f in found if f is not None] or None

    def add(self, table: str, **given: Any) -> str:
        """A new record."""
        self.number += 1
        raw = self.rng.choice(["", "", "", "é", "x-"]) + f"{table[0]}{self.number}"
        if table == "demographics":
            raw = self.pick("users") or raw
        self.rows[table][raw] = blank(table, raw)
        for column in self.rows[table][raw]:
            if column not in ("sourcedId", "dateLastModified"):
                self.fill(table, raw, column)
        self.rows[table][raw].update(given)
        return raw

    def fill(self, table: str, raw: str, column: str) -> None:
        """Give one attribute of a record a new random value."""
        self.rows[table][raw][column] = self.value(table, column)

    def value(self, table: str, column: str) -> Any:
        """A random value for one attribute."""
        rng = self.rng
        references = {
            "courseSourcedId": "courses",
            "classSourcedId": "classes",
            "userSourcedId": "users",
            "schoolYearSourcedId": "academicSessions",
        }
        if column in references:
            return self.pick(references[column])
        if column in ("schoolSourcedId", "orgSourcedId"):
            return self.pick_school()
        if column == "orgSourcedIds":
            found = [self.pick_school() for _ in range(rng.choice([0, 1, 1, 1, 1, 1, 2, 3]) if self.odd(0.5) else 1)]
            return [f for f in found if f] or None
        if column == "termSourcedIds":
            return self.pick_several("academicSessions", 2)
        if column == "agentSourcedIds":
            return self.pick_several("users", 2) if rng.random() < 0.4 else None
        if column == "primaryOrgSourcedId":
            return self.pick("orgs") if rng.random() < 0.3 else None
        if column == "parentSourcedId":
            districts = [i for i, o in self.rows["orgs"].items() if o["type"] not in ("school", "department")]
            above = districts if table == "orgs" else list(self.rows[table])
            return self.pick(table) if self.odd(0.1) else rng.choice([None, *above])
        if column == "type":
            if table == "orgs":
                return rng.choice(["school"] * 6 + ["district", "DISTRICT"])
            return rng.choice(["term", "semester", "TERM", "schoolyear"])
        if column == "role":
            if table == "enrollments":
                return rng.choice(["student", "STUDENT", "teacher"])
            odd, usual = self.odd(0.08), "student" if self.mostly_students else rng.choice(ROLES)
            return rng.choice(ODD_ROLES) if odd else usual
        if column == "roles":
            return rng.choice([None, ["student"], ["Student", "teacher"], ["parent", "Parent", "visitor"]])
        if column == "status":
            return rng.choice(STATUSES) if self.odd(0.5) else "active"
        if column == "userIds":
            return rng.choice([None, None, [{"type": "StateID", "identifier": str(rng.randint(1, 5))}]])
        if column in ("grades",):
            return rng.choice(GRADES)
        if column in ("subjects", "subjectCodes", "periods"):
            return rng.choice(SUBJECTS)
        if column == "metadata":
            return rng.choice(METADATA)
        if column.endswith("Date"):
            return rng.choice(DATES if self.odd(0.5) else DATES[:4])
        if column in ("enabledUser", "primary") or (table == "demographics" and column not in ("sex",)):
            return rng.choice(BOOLEANS if self.odd(0.5) else BOOLEANS[:2])
        if column == "email":
            return rng.choice(EMAILS) if self.odd(0.5) else f"u{rng.randint(1, 60)}@x.example"
        if column in ("identifier", "username", "courseCode", "classCode"):
            return rng.choice([None, f"K{rng.randint(1, 90)}"])
        if column == "sex":
            return rng.choice(["male", "Female", "X", None])
        if column == "classType":
            return rng.choice(["homeroom", "Scheduled", "EXT:club", None])
        if column == "schoolYear":
            return rng.choice(["2026", "2025", None])
        return rng.choice(NAMES)

    def next_day(self) -> None:
        """What happens over night: a few records change, some go, some come, some come back."""
        rng = self.rng
        restless = rng.choice([0.03, 0.15, 0.3])
        for t in TABLES:
            rows = self.rows[t.name]
            for raw in [r for r in rows if rng.random() < restless]:
                what = rng.random()
                if what < 0.3:
                    self.gone.setdefault(t.name, {})[raw] = rows.pop(raw)
                elif what < 0.4:
                    rows[raw]["status"] = rng.choice(["tobedeleted", "inactive", "active", "pending"])
                else:
                    self.fill(
                        t.name, raw, rng.choice([c for c in rows[raw] if c not in ("sourcedId", "dateLastModified")])
                    )
            for raw in [r for r in self.gone.get(t.name, {}) if rng.random() < 0.4]:
                rows[raw] = self.gone[t.name].pop(raw)
            if rng.random() < 0.4:
                self.add(t.name)

        if rng.random() < 0.4:
            self.school_news()
        if rng.random() < 0.3:
            for raw in rng.sample(list(self.rows["users"]), min(2, len(self.rows["users"]))):
                self.fill("users", raw, "role")
        if rng.random() < (0.3 if self.mostly_students else 0.04):
            self.reissue()

    def school_news(self) -> None:
        """A school closes, is switched off or on again, comes back, or changes its kind; its people may move."""
        rng, orgs, gone = self.rng, self.rows["orgs"], self.gone.setdefault("orgs", {})
        schools = [i for i, o in orgs.items() if o["type"] == "school"]
        what = rng.choice(["closes", "closes", "status", "status", "back", "kind", "moves", "department", "department"])
        departments = [i for i, o in orgs.items() if o["type"] == "department"]
        if what == "department" and departments:
            raw = rng.choice(departments)
            if rng.random() < 0.4:
                gone[raw] = orgs.pop(raw)
            else:
                orgs[raw]["parentSourcedId"] = rng.choice(list(orgs))
            return
        if what == "back" and gone:
            raw = rng.choice(list(gone))
            orgs[raw] = gone.pop(raw)
        if not schools:
            return
        raw = rng.choice(schools)
        if what == "closes":
            gone[raw] = orgs.pop(raw)
            if rng.random() < 0.6:
                self.leave(raw, rng.choice([None, *schools]))
        elif what == "status":
            orgs[raw]["status"] = rng.choice(["inactive", "TOBEDELETED", "pending", "active"])
        elif what == "kind":
            orgs[raw]["type"] = rng.choice(["district", "School", None])
        elif what == "moves":
            other = rng.choice(schools)
            for table, column in (("classes", "schoolSourcedId"), ("enrollments", "schoolSourcedId")):
                for row in self.rows[table].values():
                    row[column] = other if row[column] == raw and rng.random() < 0.7 else row[column]
            for row in self.rows["users"].values():
                if raw in (row["orgSourcedIds"] or []) and rng.random() < 0.7:
                    row["orgSourcedIds"] = [other]

    def leave(self, school: str, other: str | None) -> None:
        """Many of a school's records are sent no more; its people may be sent for another school."""
        rng = self.rng
        for table in ("users", "classes", "enrollments", "demographics"):
            for raw, row in list(self.rows[table].items()):
                at_home = table == "demographics" or school in (
                    row.get("orgSourcedIds") or [row.get("schoolSourcedId")]
                )
                if table == "users" and at_home and other and rng.random() < 0.5:
                    row["orgSourcedIds"] = [other]
                elif at_home and rng.random() < (0.3 if table == "demographics" else 0.6):
                    self.gone.setdefault(table, {})[raw] = self.rows[table].pop(raw)

    def reissue(self) -> None:
        """The source gives all its users other ids."""
        renamed = {raw: "new-" + raw for raw in self.rows["users"]}
        for table in ("users", "demographics"):
            self.rows[table] = {
                renamed.get(raw, raw): {**row, "sourcedId": renamed.get(raw, raw)}
                for raw, row in self.rows[table].items()
            }
        for row in self.rows["users"].values():
            row["agentSourcedIds"] = [renamed.get(a, a) for a in row["agentSourcedIds"] or []] or None
        for row in self.rows["enrollments"].values():
            row["userSourcedId"] = renamed.get(row["userSourcedId"], row["userSourcedId"])

    @property
    def gone(self) -> dict[str, dict[str, Row]]:
        """Records that left, by collection: they may come back."""
        if not hasattr(self, "_gone"):
            self._gone: dict[str, dict[str, Row]] = {}
        return self._gone

    def pull(self, proof: dict[str, dict[str, Any]]) -> Staged:
        """What the server sends today, in a random order; of a collection that is incomplete only a part."""
        out = {t: [copy.deepcopy(r) for r in rows.values()] for t, rows in self.rows.items()}
        for t, rows in out.items():
            if not proof[t]["complete"] and self.rng.random() < 0.7:
                out[t] = [r for r in rows if self.rng.random() < 0.6]
        for t, rows in out.items():
            rows += [again for row in rows[:] if self.odd(0.06) for again in self.repeated(t, row)]
            self.rng.shuffle(rows)
        return out

    def repeated(self, table: str, row: Row) -> list[Row]:
        """More rows of the same id: copies, newer ones, and some that say something else. References stay as they are."""
        rng, found = self.rng, []
        row["dateLastModified"] = rng.choice([None, TIMES[0], TIMES[1]])
        for _ in range(rng.choice([1, 1, 2])):
            more = {**copy.deepcopy(row), "dateLastModified": rng.choice([row["dateLastModified"], *TIMES])}
            if rng.random() < 0.3:
                more["status"] = rng.choice(["tobedeleted", "inactive", "pending", "ACTIVE"])
            if rng.random() < 0.3 and table in ("orgs", "users"):
                more["type" if table == "orgs" else "role"] = rng.choice(["school", "district", "student", "teacher"])
            if rng.random() < 0.5:
                more["metadata"] = rng.choice(METADATA)
            if rng.random() < 0.5 and table == "users":
                more["givenName"] = rng.choice(NAMES)
            found.append(more)
        return found

    def proof(self) -> dict[str, dict[str, Any]]:
        """What the pull proves: now and then a collection is incomplete or not offered."""
        rng, out = self.rng, {}
        bad = rng.random() < 0.4
        for t in TABLES:
            offered = not (bad and t.name in ("academicSessions", "courses", "demographics") and rng.random() < 0.15)
            out[t.name] = {"offered": offered, "complete": offered and not (bad and rng.random() < 0.25)}
        return out


def grow(rng: random.Random) -> District:
    """A new district, demographics included."""
    district = District(rng)
    for _ in range(rng.randint(0, 4)):
        district.add("demographics")
    return district


# ---- connections

FILTERS: list[Row] = [
    {"entity": "Student", "conditions": [{"attribute": "grades", "condition": "In", "values": ["9", "09", "kg"]}]},
    {
        "entity": "Student",
        "conditions": [
            {"attribute": "email", "condition": "IsNotEmpty"},
            {"attribute": "givenName", "condition": "DoesNotContain", "values": ["ZOË", "ob"]},
        ],
    },
    {
        "entity": "Student",
        "conditions": [{"attribute": "metadata.homeroom", "condition": "Equals", "values": ["TRUE"]}],
    },
    {"entity": "Student", "conditions": [{"attribute": "orgSourcedIds", "condition": "Contains", "values": ["o2"]}]},
    {"entity": "Teacher", "conditions": [{"attribute": "familyName", "condition": "Contains", "values": ["a", "é"]}]},
    {"entity": "Contact", "conditions": [{"attribute": "email", "condition": "IsEmpty"}]},
    {"entity": "Class", "conditions": [{"attribute": "subjects", "condition": "Contains", "values": ["mat"]}]},
    {"entity": "Class", "conditions": [{"attribute": "grades", "condition": "DoesNotContain", "values": ["k"]}]},
    {"entity": "Class", "conditions": [{"attribute": "sourcedId", "condition": "Contains", "values": ["1", "2", "3"]}]},
    {"entity": "Course", "conditions": [{"attribute": "title", "condition": "IsNotEmpty"}]},
    {"entity": "Calendar", "conditions": [{"attribute": "endDate", "condition": "IsFuture"}]},
    {"entity": "Calendar", "conditions": [{"attribute": "startDate", "condition": "Before", "values": ["2026-01-20"]}]},
    {"entity": "Enrollment", "conditions": [{"attribute": "beginDate", "condition": "IsPast"}]},
    {"entity": "Enrollment", "conditions": [{"attribute": "endDate", "condition": "After", "values": ["2026-01-01"]}]},
]
LINKS = {
    "Student": ["Contact", "Class", "Course", "Teacher"],
    "Teacher": ["Class", "Course", "Student"],
    "Class": ["Student", "Teacher", "Course", "Contact"],
    "Course": ["Class", "Student"],
    "Calendar": ["Class"],
    "Contact": ["Student", "Class"],
    "Enrollment": ["Student", "Contact", "Class", "Course"],
}
REQUIREMENTS: list[Row] = [
    {"entity": "Student", "attribute": "email", "action": "Skip"},
    {"entity": "Student", "attribute": "email", "action": "Skip", "whenAccepted": "Remove"},
    {"entity": "Student", "attribute": "email", "format": "Email", "action": "DropValue"},
    {"entity": "Student", "attribute": "middleName", "action": "Default", "default": "NMN"},
    {"entity": "Student", "attribute": "grades", "pattern": "[0-9]+", "action": "DropValue"},
    {"entity": "Student", "attribute": "grades", "pattern": "[0-9]{2}", "action": "Error"},
    {"entity": "Student", "attribute": "grades", "action": "Default", "default": "Other"},
    {"entity": "Student", "attribute": "metadata.team", "action": "Default", "default": "none"},
    {"entity": "Teacher", "attribute": "email", "format": "Email", "action": "Default", "default": "staff@x.example"},
    {"entity": "Teacher", "attribute": "identifier", "action": "Hold"},
    {"entity": "Teacher", "attribute": "identifier", "pattern": "K[0-9]", "action": "Error"},
    {"entity": "Contact", "attribute": "phone", "action": "Error"},
    {"entity": "Class", "attribute": "classCode", "action": "Skip"},
    {"entity": "Class", "attribute": "title", "action": "Error"},
    {"entity": "School", "attribute": "identifier", "action": "Error"},
    {"entity": "Course", "attribute": "courseCode", "action": "Skip", "whenAccepted": "Remove"},
    {"entity": "Calendar", "attribute": "startDate", "format": "Date", "action": "Error"},
    {"entity": "Calendar", "attribute": "startDate", "action": "Default", "default": "2026-01-01"},
    {"entity": "Enrollment", "attribute": "primary", "format": "Boolean", "action": "DropValue"},
    {"entity": "Enrollment", "attribute": "beginDate", "action": "Skip"},
]
FAILING: Row = {"entity": "Admin", "attribute": "username", "action": "Fail"}
MAPPINGS: list[Row] = [
    {"entity": "Student", "attribute": "username", "from": "email", "transforms": ["Before@", "Upper"]},
    {"entity": "Student", "attribute": "identifier", "from": "userIds[type=StateID].identifier", "default": "none"},
    {"entity": "Student", "attribute": "grades", "from": "grades", "values": {"9": "09", "KG": "K"}},
    {"entity": "Student", "attribute": "sms", "from": "orgSourcedIds"},
    {"entity": "Student", "attribute": "metadata.homeroom", "from": "metadata.homeroom", "default": "false"},
    {"entity": "Student", "attribute": "metadata.who", "template": "{{{givenName}}}"},
    {
        "entity": "Teacher",
        "attribute": "email",
        "template": "{givenName}.{familyName}@x.example",
        "transforms": ["Lower", "StripAccents"],
    },
    {"entity": "Teacher", "attribute": "phone", "from": "identifier", "transforms": ["Digits"]},
    {"entity": "Class", "attribute": "title", "from": "title", "transforms": ["Title"], "default": "Untitled"},
    {"entity": "Class", "attribute": "location", "template": "{schoolSourcedId}/{sourcedId}"},
    {"entity": "Class", "attribute": "periods", "from": "metadata.team"},
    {"entity": "Course", "attribute": "courseCode", "from": "subjects"},
    {"entity": "School", "attribute": "identifier", "from": "metadata.team", "transforms": ["After@"]},
    {"entity": "District", "attribute": "name", "from": "name", "transforms": ["Trim", "Title"]},
    {
        "entity": "Enrollment",
        "attribute": "primary",
        "from": "primary",
        "values": {"maybe": "true"},
        "default": "false",
    },
    {"entity": "Calendar", "attribute": "schoolYear", "from": "startDate", "values": {"2025-08-15": "2026"}},
]
DOMAINS: list[Row] = [
    {"entity": "Student", "attributes": ["email"]},
    {"entity": "Student", "attributes": ["givenName", "familyName"]},
    {"entity": "Teacher", "attributes": ["familyName", "identifier"]},
    {"entity": "Contact", "attributes": ["email"]},
    {"entity": "Class", "attributes": ["title", "grades"]},
    {"entity": "Course", "attributes": ["courseCode"]},
]
THRESHOLDS: list[Row] = [
    {"entity": "Student", "change": "Delete", "percent": 5, "count": 2, "minPopulation": 3},
    {"entity": "*", "change": "Any", "count": 5, "perSchool": True},
    {"entity": "*", "change": "Create", "percent": 20, "minPopulation": 0},
    {"entity": "Class", "change": "Any", "percent": 40, "minPopulation": 1, "perSchool": True},
    {"entity": "Enrollment", "change": "Update", "percent": 10, "minPopulation": 5},
    {"entity": "*", "change": "Any", "percent": 100, "minPopulation": 20},
    {"entity": "*", "change": "Delete", "percent": 30, "minPopulation": 1, "perSchool": True},
    {"entity": "*", "change": "Delete", "percent": 100, "minPopulation": 1},
    {"entity": "*", "change": "Any", "percent": 60, "count": 6, "minPopulation": 2, "window": "25h"},
    {"entity": "*", "change": "Delete", "percent": 20, "minPopulation": 1, "window": "3d", "perSchool": True},
    {"entity": "Student", "change": "Create", "count": 2, "window": "30h"},
]
WINDOWS = [{"start": "2026-01-10T00:00:00", "end": "2026-01-12T00:00:00"}]


def some(rng: random.Random, pool: list[Row], most: int) -> list[Row]:
    """A few of a pool, in random order."""
    return [copy.deepcopy(x) for x in rng.sample(pool, min(len(pool), rng.randint(1, most)))]


def connection(rng: random.Random, district: District) -> Row:
    """The spec of a random connection for a district."""
    spec: Row = {
        "termsOfUse": {"accepted": True},
        "deliveryConfig": {
            "serviceURL": "https://focus.example/ims/oneroster/v1p1",
            "credentialsSecretRef": {"name": "focus"},
        },
        "bulkUploadMode": rng.random() < 0.65,
    }
    for part in PARTS:
        if rng.random() < PARTS[part]:
            set_part(rng, district, spec, part)
    return repaired(spec)


PARTS = {
    "sisIDPrefix": 0.4,
    "entities": 0.35,
    "schoolsMapping": 0.5,
    "attributesMapping": 0.5,
    "dataRequirements": 0.4,
    "filterRules": 0.4,
    "domainsOfUniqueness": 0.35,
    "syncHoldThreshold": 0.5,
    "dataRollover": 0.2,
    "previewDataUpload": 0.1,
    "approval": 0.2,
    "timeZone": 0.2,
}


def set_part(rng: random.Random, district: District, spec: Row, part: str) -> None:
    """Give one part of a spec a random value."""
    if part == "sisIDPrefix":
        spec[part] = rng.choice(["FOC-", "Ñ_", ""])
    elif part == "entities":
        every = [
            "District",
            "School",
            "Calendar",
            "Course",
            "Class",
            "Student",
            "Teacher",
            "Contact",
            "Admin",
            "Enrollment",
            "Demographics",
        ]
        left_out = set(rng.sample(every, rng.choice([0, 0, 0, 1, 1, 2]))) - {"School"}
        spec[part] = [e for e in every if e not in left_out]
    elif part == "schoolsMapping":
        spec[part] = schools_mapping(rng, district)
    elif part == "attributesMapping":
        spec[part] = some(rng, MAPPINGS, 6)
    elif part == "dataRequirements":
        spec[part] = some(rng, REQUIREMENTS, 6)
        if rng.random() < 0.2:
            spec[part] = [copy.deepcopy(r) for r in REQUIREMENTS[:2]] + spec[part]
        if rng.random() < 0.03:
            spec[part].append(dict(FAILING))
    elif part == "filterRules":
        spec[part] = some(rng, FILTERS, 3)
        for rule in spec[part]:
            links = LINKS[rule["entity"]]
            if links and rng.random() < 0.5:
                rule["includeLinked"] = rng.sample(links, rng.randint(1, len(links)))
    elif part == "domainsOfUniqueness":
        spec[part] = some(rng, DOMAINS, 3)
        spec["compareByDomainsOfUniqueness"] = True
    elif part == "syncHoldThreshold":
        spec[part] = {"rules": some(rng, THRESHOLDS, 3)}
    elif part == "dataRollover":
        spec[part] = {"disableDeletion": copy.deepcopy(WINDOWS)}
    elif part == "previewDataUpload":
        spec[part] = True
    elif part == "approval":
        spec[part] = {"holdFirstImport": rng.random() < 0.5, "holdOnConfigChange": rng.random() < 0.5}
    elif part == "timeZone":
        spec[part] = rng.choice(["America/New_York", "Asia/Tokyo"])


def schools_mapping(rng: random.Random, district: District) -> Row:
    """Auto or Selected, with targets, exclusions and several schools into one."""
    schools = [
        raw
        for orgs in (district.rows["orgs"], district.gone.get("orgs", {}))
        for raw, org in orgs.items()
        if org["type"] == "school"
    ]
    schools += ["never-seen"]
    mode = rng.choice(["Auto", "Selected", "Selected"])
    entries: list[Row] = []
    for raw in schools:
        if rng.random() < (0.75 if mode == "Selected" and raw != "never-seen" else 0.35):
            target = rng.choice([None, None, {"id": "ONE"}, {"id": "ONE"}, {"id": "TWO"}, {"name": "Named High"}])
            entries.append({"sourcedId": raw, **({"target": target} if target else {})})
    if mode == "Selected" and not entries:
        entries = [{"sourcedId": schools[0]}]
    free = [raw for raw in schools if raw not in {e["sourcedId"] for e in entries}]
    mapping: Row = {"mode": mode, "schools": entries}
    if free and rng.random() < 0.4:
        mapping["exclude"] = [rng.choice(free)]
    if entries and rng.random() < 0.04:  # perhaps no school, and then refused
        entries[0]["target"] = {"id": rng.choice(list(district.rows["orgs"]))}
    return mapping


def repaired(spec: Row) -> Row:
    """A spec that validates: nothing about entities that are not taken, one entry an attribute."""
    taken = spec.get("entities")
    if taken:
        if "Class" not in taken or not {"Student", "Teacher", "Contact", "Admin"} & set(taken):
            taken = [e for e in taken if e != "Enrollment"]
        spec["entities"] = taken
    taken = taken or [
        "District",
        "School",
        "Calendar",
        "Course",
        "Class",
        "Student",
        "Teacher",
        "Contact",
        "Admin",
        "Enrollment",
    ]
    for part in ("attributesMapping", "dataRequirements", "filterRules", "domainsOfUniqueness"):
        if part in spec:
            spec[part] = [x for x in spec[part] if x["entity"] in taken]
    if not spec.get("domainsOfUniqueness"):
        spec.pop("domainsOfUniqueness", None)
        spec.pop("compareByDomainsOfUniqueness", None)
    return spec


def changed_connection(rng: random.Random, district: District, spec: Row) -> Row:
    """The spec after a person edited one or two parts of it."""
    spec = copy.deepcopy(spec)
    parts = rng.sample(sorted(PARTS), rng.randint(1, 2))
    for part in dict.fromkeys([rng.choice([*parts, "entities", "schoolsMapping"]), *parts]):
        if rng.random() < 0.4:
            spec.pop(part, None)
            if part == "domainsOfUniqueness":
                spec.pop("compareByDomainsOfUniqueness", None)
        else:
            set_part(rng, district, spec, part)
    if rng.random() < 0.2:
        spec["bulkUploadMode"] = not spec.get("bulkUploadMode")
    if rng.random() < 0.05:
        spec["deliveryConfig"]["serviceURL"] = "https://other.example/ims/oneroster/v1p1"
    return repaired(spec)

"""The roster's tables and attributes, in OneRoster's own names (those of the CSV binding), in dependency order.

One canonical form serves OneRoster 1.1 and 1.2. `Kind` says how a value is typed, canonicalised and compared.
Source: OneRoster 1.1 and 1.2 rostering; `roles` keeps the names of all roles of a user.
"""

from dataclasses import dataclass
from enum import StrEnum

from rostersync.model import Entity


class Kind(StrEnum):
    """The type of an attribute: first its staged Parquet type, then its type in the store."""

    TEXT = "text"  # VARCHAR, VARCHAR
    DATE = "date"  # VARCHAR (YYYY-MM-DD where it parses, else as sent), DATE
    BOOLEAN = "boolean"  # VARCHAR ('true', 'false', else as sent), BOOLEAN
    LIST = "list"  # VARCHAR[], VARCHAR[]: order kept
    SET = "set"  # VARCHAR[], VARCHAR[]: sorted, distinct
    REF = "ref"  # VARCHAR, VARCHAR: sourcedId, in the store the prefixed id
    REFS = "refs"  # VARCHAR[], VARCHAR[]: sorted, distinct
    USER_IDS = "userIds"  # STRUCT(type VARCHAR, identifier VARCHAR)[] in both: sorted, distinct


SQL_TYPES = {
    Kind.TEXT: "VARCHAR",
    Kind.DATE: "DATE",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.LIST: "VARCHAR[]",
    Kind.SET: "VARCHAR[]",
    Kind.REF: "VARCHAR",
    Kind.REFS: "VARCHAR[]",
    Kind.USER_IDS: 'STRUCT("type" VARCHAR, identifier VARCHAR)[]',
}
METADATA_TYPE = "MAP(VARCHAR, VARCHAR)"  # only keys that a mapping names; keys sorted; never an empty map


@dataclass(frozen=True)
class Attribute:
    """One attribute of a table.

    `target` is the table that a reference points to. A record goes with its `required` targets.
    """

    name: str
    kind: Kind
    target: str | None = None
    required: bool = False


@dataclass(frozen=True)
class Table:
    """One collection of OneRoster. `entities` are those that its records can be."""

    name: str
    entities: tuple[Entity, ...]
    attributes: tuple[Attribute, ...]

    def attribute(self, name: str) -> Attribute:
        """The attribute with a name. Raises KeyError when there is none."""
        for attribute in self.attributes:
            if attribute.name == name:
                return attribute
        raise KeyError(f"{self.name} has no attribute {name}")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all attributes in column order, without sourcedId, status and metadata."""
        return tuple(a.name for a in self.attributes)

    @property
    def references(self) -> tuple[Attribute, ...]:
        """The attributes that refer to other records."""
        return tuple(a for a in self.attributes if a.target)


def _text(*names: str) -> tuple[Attribute, ...]:
    return tuple(Attribute(n, Kind.TEXT) for n in names)


ORGS = Table(
    "orgs",
    (Entity.DISTRICT, Entity.SCHOOL),
    (
        *_text("name", "type", "identifier"),
        Attribute("parentSourcedId", Kind.REF, "orgs"),
    ),
)
ACADEMIC_SESSIONS = Table(
    "academicSessions",
    (Entity.CALENDAR,),
    (
        *_text("title", "type"),
        Attribute("startDate", Kind.DATE),
        Attribute("endDate", Kind.DATE),
        Attribute("parentSourcedId", Kind.REF, "academicSessions"),
        *_text("schoolYear"),
    ),
)
COURSES = Table(
    "courses",
    (Entity.COURSE,),
    (
        Attribute("schoolYearSourcedId", Kind.REF, "academicSessions"),
        *_text("title", "courseCode"),
        Attribute("grades", Kind.SET),
        Attribute("orgSourcedId", Kind.REF, "orgs"),
        Attribute("subjects", Kind.LIST),
        Attribute("subjectCodes", Kind.LIST),
    ),
)
CLASSES = Table(
    "classes",
    (Entity.CLASS,),
    (
        *_text("title"),
        Attribute("grades", Kind.SET),
        Attribute("courseSourcedId", Kind.REF, "courses", required=True),
        *_text("classCode", "classType", "location"),
        Attribute("schoolSourcedId", Kind.REF, "orgs", required=True),
        Attribute("termSourcedIds", Kind.REFS, "academicSessions"),
        Attribute("subjects", Kind.LIST),
        Attribute("subjectCodes", Kind.LIST),
        Attribute("periods", Kind.LIST),
    ),
)
USERS = Table(
    "users",
    (Entity.STUDENT, Entity.TEACHER, Entity.CONTACT, Entity.ADMIN),
    (
        Attribute("enabledUser", Kind.BOOLEAN),
        Attribute("orgSourcedIds", Kind.REFS, "orgs"),
        *_text("role"),
        Attribute("roles", Kind.SET),
        *_text("username"),
        Attribute("userIds", Kind.USER_IDS),
        *_text("givenName", "familyName", "middleName", "identifier", "email", "sms", "phone"),
        Attribute("agentSourcedIds", Kind.REFS, "users"),
        Attribute("grades", Kind.SET),
        *_text("userMasterIdentifier", "preferredGivenName", "preferredMiddleName", "preferredFamilyName"),
        Attribute("primaryOrgSourcedId", Kind.REF, "orgs"),
        *_text("pronouns"),
    ),
)
ENROLLMENTS = Table(
    "enrollments",
    (Entity.ENROLLMENT,),
    (
        Attribute("classSourcedId", Kind.REF, "classes", required=True),
        Attribute("schoolSourcedId", Kind.REF, "orgs", required=True),
        Attribute("userSourcedId", Kind.REF, "users", required=True),
        *_text("role"),
        Attribute("primary", Kind.BOOLEAN),
        Attribute("beginDate", Kind.DATE),
        Attribute("endDate", Kind.DATE),
    ),
)
DEMOGRAPHICS = Table(
    "demographics",
    (Entity.DEMOGRAPHICS,),
    (
        Attribute("birthDate", Kind.DATE),
        *_text("sex"),
        *(
            Attribute(n, Kind.BOOLEAN)
            for n in (
                "americanIndianOrAlaskaNative",
                "asian",
                "blackOrAfricanAmerican",
                "nativeHawaiianOrOtherPacificIslander",
                "white",
                "demographicRaceTwoOrMoreRaces",
                "hispanicOrLatinoEthnicity",
            )
        ),
        *_text("countryOfBirthCode", "stateOfBirthAbbreviation", "cityOfBirth", "publicSchoolResidenceStatus"),
    ),
)

TABLES: tuple[Table, ...] = (ORGS, ACADEMIC_SESSIONS, COURSES, CLASSES, USERS, ENROLLMENTS, DEMOGRAPHICS)
BY_NAME: dict[str, Table] = {t.name: t for t in TABLES}
BY_ENTITY: dict[Entity, Table] = {e: t for t in TABLES for e in t.entities}

# role -> entity. Other roles decide nothing (UnknownRole). Order of rank: Admin, Teacher, Student, Contact.
ROLES: dict[str, Entity] = {
    **dict.fromkeys(
        ("administrator", "districtAdministrator", "principal", "siteAdministrator", "systemAdministrator"),
        Entity.ADMIN,
    ),
    **dict.fromkeys(("teacher", "aide", "proctor", "counselor"), Entity.TEACHER),
    "student": Entity.STUDENT,
    **dict.fromkeys(("parent", "guardian", "relative"), Entity.CONTACT),
}
RANK: tuple[Entity, ...] = (Entity.ADMIN, Entity.TEACHER, Entity.STUDENT, Entity.CONTACT)

# Enumerations of OneRoster 1.1 and 1.2, in addition to `ext:…`. They are matched in any case and kept in this spelling.
# Other values are kept as they are, and reported.
ENUMERATIONS: dict[tuple[str, str], tuple[str, ...]] = {
    ("orgs", "type"): ("department", "district", "local", "national", "school", "state"),
    ("academicSessions", "type"): ("gradingPeriod", "semester", "schoolYear", "term"),
    ("classes", "classType"): ("homeroom", "scheduled"),
    ("enrollments", "role"): (
        "administrator",
        "aide",
        "guardian",
        "parent",
        "proctor",
        "relative",
        "student",
        "teacher",
    ),
    ("demographics", "sex"): ("male", "female", "unspecified", "other"),
}


PLURALS = {
    Entity.DISTRICT: "Districts",
    Entity.SCHOOL: "Schools",
    Entity.CALENDAR: "Calendars",
    Entity.COURSE: "Courses",
    Entity.CLASS: "Classes",
    Entity.STUDENT: "Students",
    Entity.TEACHER: "Teachers",
    Entity.CONTACT: "Contacts",
    Entity.ADMIN: "Admins",
    Entity.ENROLLMENT: "Enrollments",
    Entity.DEMOGRAPHICS: "Demographics",
}


def counted(n: int, entity: str) -> str:
    """`1 Student`, `1,204 Students`."""
    return f"{n:,} {str(entity) if n == 1 else PLURALS.get(Entity(entity), entity)}"

"""A district whose people carry unmistakable marks, and a search for the marks in everything that a test left behind.

Every mark holds `qzx` in some case, or is one of the numbers in `NUMBERS`. Records go wrong in every way at once: what
is accepted stands beside what is held back, malformed, dangling, doubled and of an unknown role.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from support.quirky import Quirky, Reply, Request

Row = dict[str, Any]
GIVEN, FAMILY, MIDDLE = "Qzxgivené", "O'Qzxfamily", "Qzxmiddle"
EMAIL, STREET = "qzxmail@example.test", "12 Qzxstreet"
PHONE, BIRTH = "555-019-77331", "2013-07-19"
NUMBERS = (PHONE.encode(), BIRTH.encode())
CLIENT_ID = "5f0c7a1e-client-of-the-marked-district"
SECRET = "hush/Secret+marked=7731"
TOKEN = "a0b1c2d3tokenmarked77310000ffff"

CONNECTION = """
apiVersion: rostersync.dev/v1alpha1
kind: FocusConnection
metadata: {{name: marked}}
spec:
  termsOfUse: {{accepted: true}}
  bulkUploadMode: true
  entities: [District, School, Calendar, Course, Class, Student, Teacher, Contact, Admin, Enrollment, Demographics]
  deliveryConfig:
    serviceURL: {url}
    insecureHTTP: true
    pageSize: 5
    credentialsSecretRef: {{name: marked-credentials}}
{more}
"""
CREDENTIALS = f"""
apiVersion: v1
kind: Secret
metadata: {{name: marked-credentials}}
stringData: {{clientID: {CLIENT_ID}, clientSecret: "{SECRET}"}}
"""
CHECKED = """
  attributesMapping:
    - {entity: Student, attribute: metadata.street, from: metadata.street}
    - {entity: Teacher, attribute: username, template: "{givenName}.{familyName}@{identifier}"}
  domainsOfUniqueness:
    - {entity: Student, attributes: [email]}
  compareByDomainsOfUniqueness: true
  dataRequirements:
    - {entity: Student, attribute: middleName, action: Skip}
    - {entity: Student, attribute: identifier, format: Integer, action: Error}
    - {entity: Contact, attribute: phone, pattern: "[0-9-]{5,12}", action: DropValue}
    - {entity: Teacher, attribute: email, format: Email, action: Default, default: none@example.test}
  filterRules:
    - {entity: Contact, conditions: [{attribute: familyName, condition: DoesNotContain, values: [filtered]}]}
"""


def ref(kind: str, sourced_id: str) -> Row:
    """A GUIDRef."""
    return {"href": f"/{kind}s/{sourced_id}", "sourcedId": sourced_id, "type": kind}


def person(number: int, role: str = "student", **values: Any) -> Row:
    """A user with marks everywhere."""
    return {
        "sourcedId": f"qzxid-{role}-{number:03d}",
        "status": "active",
        "dateLastModified": "2026-08-01T00:00:00.000Z",
        "enabledUser": True,
        "username": f"qzxuser{number}{role}",
        "givenName": f"{GIVEN}{number}",
        "familyName": FAMILY,
        "middleName": MIDDLE,
        "role": role,
        "identifier": f"qzxident{number}",
        "email": f"{number}{role}{EMAIL}",
        "phone": PHONE,
        "sms": PHONE,
        "orgs": [ref("org", "1001")],
        "agents": [],
        "grades": ["09"],
        "userIds": [{"type": "Local", "identifier": f"qzxlocal{number}"}],
        "metadata": {"street": STREET, "note": f"lives with {GIVEN}"},
        "password": "Qzxpassword",
    } | values


def district(students: int = 24, *, sound: bool = False) -> dict[str, list[Row]]:
    """The marked district, by collection; `sound` leaves out what is wrong with it."""
    base = {"status": "active", "dateLastModified": "2026-08-01T00:00:00.000Z"}
    orgs: list[Row] = [
        {"sourcedId": "d1", **base, "name": "Rivers", "type": "district", "parent": None},
        {"sourcedId": "1001", **base, "name": "North", "type": "school", "parent": ref("org", "d1")},
    ]
    session = {
        "sourcedId": "y1",
        **base,
        "title": "Year",
        "type": "schoolYear",
        "startDate": "2026-08-15",
        "endDate": "2027-06-15",
        "schoolYear": "2027",
    }
    course = {"sourcedId": "c1", **base, "title": "Maths", "courseCode": "M", "org": ref("org", "1001")}
    klass = {
        "sourcedId": "k1",
        **base,
        "title": f"Tuition of {GIVEN} {FAMILY}",
        "classType": "scheduled",
        "course": ref("course", "c1"),
        "school": ref("org", "1001"),
        "terms": [ref("academicSession", "y1")],
    }
    users = [person(n) for n in range(students)]
    users += [person(1, "teacher"), person(1, "guardian"), person(1, "administrator")]
    demographics = [
        {"sourcedId": u["sourcedId"], **base, "birthDate": BIRTH, "sex": "female", "cityOfBirth": "Qzxcity"}
        for u in users[:students]
    ]
    enrollments = [enrolment(n, u["sourcedId"]) for n, u in enumerate(users[:students])]
    if not sound:
        users += wrong_people()
        demographics[0] |= {"birthDate": "Qzxbirth of July", "asian": "Qzxasian", "sex": "Qzxsex"}
        enrollments += [
            enrolment(900, "qzxid-nobody"),
            enrolment(901, "qzxid-student-001") | {"user": None},
            enrolment(902, "qzxid-student-001") | {"beginDate": f"since {GIVEN}", "role": "Qzxenrolled"},
            enrolment(903, "qzxid-student-001") | {"class": ref("class", f"class of {FAMILY}")},
        ]
    return {
        "orgs": orgs,
        "academicSessions": [session],
        "courses": [course],
        "classes": [klass],
        "users": users,
        "enrollments": enrollments,
        "demographics": demographics,
    }


def wrong_people() -> list[Row]:
    """Users of whom something is wrong."""
    return [
        person(800, role="Qzxrole"),
        person(801, status="Qzxstatus"),
        person(802, enabledUser="Qzxenabled"),
        person(803, email=EMAIL),
        person(804, email=EMAIL.upper()),
        person(805, middleName=None),
        person(806, orgs=[ref("org", "qzxorg")]),
        person(807, orgs=[]),
        person(808, agents=[ref("user", "qzxagent")]),
        person(809, "teacher", email=f"{GIVEN} at home"),
        person(810, "guardian", phone=f"ask {GIVEN}"),
        person(811, "guardian", familyName="Qzxfiltered"),
        person(812, grades=[f"{GIVEN}'s grade"]),
        person(813, dateLastModified=f"by {FAMILY}"),
        person(814, sourcedId=" "),
        person(815),
        person(815, givenName=f"{GIVEN}twin"),
        person(816, userIds=f"{{Local:{EMAIL}}}", metadata=f"{STREET}"),
    ]


def enrolment(number: int, user: str) -> Row:
    """An enrolment in the one class."""
    return {
        "sourcedId": f"qzxid-enrolment-{number:03d}",
        "status": "active",
        "dateLastModified": "2026-08-01T00:00:00.000Z",
        "user": ref("user", user),
        "class": ref("class", "k1"),
        "school": ref("org", "1001"),
        "role": "student",
        "primary": False,
    }


def server(
    data: dict[str, list[Row]] | None = None,
    answer: Callable[[Request], Reply | None] = lambda request: None,
    **more: Any,
) -> Quirky:
    """A server of the district that takes the marked credentials and gives the marked token."""

    def token(request: Request) -> Reply:
        if (request.form.get("client_id"), request.form.get("client_secret")) != (CLIENT_ID, SECRET):
            return Reply({"error": "invalid_client"}, 401)
        made.issued.append(TOKEN)
        return Reply({"access_token": TOKEN, "token_type": "bearer", "expires_in": 2462, "scope": "*"})

    made = Quirky(data or district(), answer=answer, **{"token": token, **more})
    return made


def marks(text: bytes) -> list[bytes]:
    """The marks in some bytes, with what stands around them."""
    words = [re.escape(number) for number in NUMBERS] + [b"qzx"]
    return [m.group() for m in re.finditer(b".{0,40}(?:" + b"|".join(words) + b").{0,40}", text, re.I | re.S)]


def found(root: Path, but: Iterable[Path] = ()) -> dict[str, list[bytes]]:
    """Marks in every file under `root` and in the files' names, but not in the folders and files `but`."""
    left_out = [p.resolve() for p in but]
    result: dict[str, list[bytes]] = {}
    for path in root.rglob("*"):
        if any(path.resolve().is_relative_to(p) for p in left_out):
            continue
        seen = marks(path.name.encode()) + (marks(path.read_bytes()) if path.is_file() else [])
        if seen:
            result[str(path.relative_to(root))] = seen[:3]
    return result


def secrets(root: Path, but: Iterable[Path] = ()) -> dict[str, list[str]]:
    """Files that hold the client's secret or a token, in Parquet's columns too, in whatever spelling."""
    from base64 import b64encode
    from urllib.parse import quote

    words = {SECRET, SECRET.replace("/", "\\/"), quote(SECRET, safe=""), quote(SECRET), TOKEN}
    words.add(b64encode(f"{CLIENT_ID}:{SECRET}".encode()).decode())
    left_out = [p.resolve() for p in but]
    result: dict[str, list[str]] = {}
    for path in (p for p in root.rglob("*") if p.is_file() and p.resolve() not in left_out):
        text = path.read_bytes()
        if path.suffix == ".parquet" and text[-4:] == b"PAR1":
            text += str(pq.read_table(path).to_pylist()).encode()
        seen = [w for w in words if w.encode() in text]
        if seen:
            result[str(path.relative_to(root))] = seen
    return result

"""A made-up directory for tests, as LDIF: people in organizational units, and groups in groups."""

from dataclasses import dataclass, field

from support.samba import BASE

STUDENTS, STAFF, GROUPS = (f"OU={unit},{BASE}" for unit in ("Students", "Staff", "Groups"))
ENABLED, DISABLED = 512, 514


@dataclass(frozen=True)
class Person:
    """An account. `cn` may have what must be escaped in a DN."""

    account: str
    unit: str = STUDENTS
    cn: str = ""
    given: str = "Ada"
    family: str = "Byron"
    control: int = ENABLED
    more: dict[str, str] = field(default_factory=dict)

    @property
    def dn(self) -> str:
        return f"CN={(self.cn or self.account).replace(',', chr(92) + ',')},{self.unit}"

    def ldif(self) -> str:
        values = {
            "sAMAccountName": self.account,
            "givenName": self.given,
            "sn": self.family,
            "mail": f"{self.account}@springfield.example",
            "userAccountControl": str(self.control),
        }
        return entry(self.dn, "user", **(values | self.more))


def entry(dn: str, class_: str, **values: str | list[str]) -> str:
    """An entry."""
    lines = [f"dn: {dn}", f"objectClass: {class_}"]
    for name, value in values.items():
        lines += [f"{name}: {each}" for each in ([value] if isinstance(value, str) else value)]
    return "\n".join(lines) + "\n\n"


def group(name: str, *members: str) -> str:
    """A group with members, by DN."""
    return entry(group_dn(name), "group", sAMAccountName=name, member=list(members))


def group_dn(name: str) -> str:
    return f"CN={name},{GROUPS}"


def change(dn: str, how: str, **values: str) -> str:
    """A change of single values: how is add, replace or delete."""
    lines = [f"dn: {dn}", "changetype: modify"]
    for name, value in values.items():
        lines += [f"{how}: {name}", f"{name}: {value}", "-"]
    return "\n".join(lines) + "\n\n"


def remove(dn: str) -> str:
    return f"dn: {dn}\nchangetype: delete\n\n"


def move(dn: str, rdn: str, unit: str) -> str:
    return f"dn: {dn}\nchangetype: modrdn\nnewrdn: {rdn}\ndeleteoldrdn: 1\nnewsuperior: {unit}\n\n"


UNITS = "".join(entry(unit, "organizationalUnit") for unit in (STUDENTS, STAFF, GROUPS))
TEACHERS = [Person(f"t{n}", STAFF, given="Emmy", family="Nöther") for n in range(8)]
PUPILS = [Person(f"s{n}", more={"employeeID": str(9000 + n), "department": f"Grade {n % 3}"}) for n in range(60)]
ODD = [
    Person("muller", cn="Müller, Jürgen", given="Jürgen", family="Müller ß"),
    Person("away", control=DISABLED),
    Person("head", STAFF),  # teaches, too
    Person("scanner", STAFF, family="Hall"),  # nobody's account
]
# Teachers are in a group in a group, and these two groups are in each other.
SPRINGFIELD = (
    UNITS
    + "".join(person.ldif() for person in (*PUPILS, *TEACHERS, *ODD))
    + entry(f"CN=lab1,{STUDENTS}", "computer", sAMAccountName="lab1$")
    + group("maths", *(t.dn for t in TEACHERS[:4]))
    + group("teachers", *(t.dn for t in TEACHERS[4:]), ODD[2].dn, group_dn("maths"))
    + group("leaders", ODD[2].dn)
    + change(group_dn("maths"), "add", member=group_dn("teachers"))
)
RULES = [
    {"entity": "Student", "organizationalUnits": [STUDENTS]},
    {"entity": "Teacher", "groups": [group_dn("teachers")]},
    {"entity": "Admin", "groups": ["leaders"]},
]

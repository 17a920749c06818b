"""A directory of 5,000 people, a group of 4,000 among them."""

from collections import Counter

from support.directory import DISABLED, ENABLED, UNITS, Person, group, group_dn
from support.directory_desk import opened, people
from support.samba import samba

MANY = 5_000
EVERYBODY = [
    Person(f"p{n:05d}", given="Jürgen", family=f"Müller {n}", control=DISABLED if n % 100 == 0 else ENABLED)
    for n in range(MANY)
]


def test_large_groups_are_read_whole() -> None:
    members = [person.dn for person in EVERYBODY[:4_000]]
    ldif = UNITS + "".join(person.ldif() for person in EVERYBODY) + group("pupils", *members)
    rules = [{"entity": "Student", "groups": [group_dn("pupils")]}]
    with samba(ldif) as server:
        source = opened(server, pageSize=1000, entities=rules)
        rows, reading = people(source)
    assert {row["username"] for row in rows} == {f"p{n:05d}" for n in range(4_000) if n % 100}
    assert Counter(row["familyName"].split()[0] for row in rows) == {"Müller": 3_960}
    assert len({row["sourcedId"] for row in rows}) == 3_960
    assert reading.left_out == 990 + 2  # the Administrator, and an account of the server's own
    assert reading.still

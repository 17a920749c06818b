"""Users and demographics as OneRoster 1.1 JSON objects. Slots of /users: students, contacts, teachers, admins."""

from collections.abc import Iterable
from typing import Any

from rostersync.simulator import names, seeded
from rostersync.simulator.records import Records, Row

CHANGES = seeded.rate(0.004)  # a person's data changes about every 250 days
WITHOUT_DEMOGRAPHICS = (33, 7)  # the eighth of every 33 student slots has no demographics


class People(Records):
    """The rows of people on one day."""

    def student(self, slot: int) -> Row:
        """One student. metadata.stateId and identifier belong to the person."""
        number = self.queue.number(slot, self.population.left)
        drawn = seeded.mix(self.keys["student"], slot, number)
        came = self.queue.joined_on(number)
        changes = seeded.times(drawn, CHANGES, self.day)
        cohort = self.layout.cohort_of_student(slot)
        school = self.population.school(cohort.school)
        given, family = names.given(drawn >> 20), names.family(drawn >> 28)
        first = self.layout.first_contact(slot)
        agents = [self.contact_id(c) for c in range(first, self.layout.first_contact(slot + 1))]
        login = f"{given}.{family}{number}".lower()
        return self._user(
            self.student_id(slot),
            max(came, seeded.day_of(drawn, CHANGES, changes)),
            given,
            family,
            metadata={"stateId": f"ST{10_000_000 + number}", "lunchStatus": None},
            username=login,
            userIds=[{"type": "SIS", "identifier": str(500_000 + number)}],
            middleName=names.given(drawn >> 40) if drawn >> 46 & 1 else None,
            role="student",
            identifier=str(500_000 + number),
            email=f"{login}@students.example.edu",
            phone=phone(drawn + changes) if changes else None,
            agents=[self.ref("user", a) for a in agents],
            schools=(school,),
            grades=[cohort.grade],
        )

    def contact(self, slot: int) -> Row:
        """One parent or guardian of one student."""
        student = self.layout.student_of_contact(slot)
        number = self.queue.number(student, self.population.left)
        child = seeded.mix(self.keys["student"], student, number)
        drawn = seeded.mix(self.keys["contact"], slot, number)
        changes = seeded.times(drawn, CHANGES, self.day)
        came = self.queue.joined_on(number)
        school = self.population.school(self.layout.cohort_of_student(student).school)
        given, family = names.given(drawn >> 20), names.family(child >> 28)
        login = f"{given}.{family}.c{number}.{slot - self.layout.first_contact(student)}".lower()
        return self._user(
            self.contact_id(slot),
            max(came, seeded.day_of(drawn, CHANGES, changes)),
            given,
            family,
            username=login,
            role="parent" if drawn >> 46 & 3 else "guardian",
            identifier=f"P{number}-{slot - self.layout.first_contact(student) + 1}",
            email=f"{login}@mail.example.org" if drawn >> 48 & 7 else None,
            sms=phone(drawn + 1) if drawn >> 51 & 1 else None,
            phone=phone(drawn + changes),
            agents=[self.ref("user", self.student_id(student))],
            schools=(school,),
        )

    def teacher(self, slot: int) -> Row:
        """One teacher. One in twenty-five is an aide, and one in twenty teaches at a second school."""
        hired = self.hires(slot)
        drawn = seeded.mix(self.keys["teacher"], slot, hired)
        changes = seeded.times(drawn, CHANGES, self.day)
        home = self.layout.school_of_teacher(slot).number
        schools = [self.population.school(home)]
        if drawn >> 60 & 15 == 0:
            other = self.population.school((home + 1) % len(self.layout.schools))
            schools += [other] if other not in (None, schools[0]) else []
        given, family = names.given(drawn >> 20), names.family(drawn >> 28)
        login = f"{given}.{family}.t{slot}{'abcdefghij'[hired % 10]}".lower()
        turned = self.hired_on(slot, hired)
        return self._user(
            self.teacher_id(slot),
            max(turned, seeded.day_of(drawn, CHANGES, changes)),
            given,
            family,
            metadata={"stateId": f"TE{1_000_000 + slot}{hired % 10}"},
            username=login,
            userIds=[],
            role="aide" if drawn >> 64 & 31 == 0 else "teacher",
            identifier=f"T{100_000 + slot}{hired % 10}",
            email=f"{login}@example.edu",
            phone=phone(drawn + changes),
            schools=schools,
        )

    def admin(self, slot: int) -> Row:
        """A principal for each school, then a few people of the district."""
        drawn = seeded.mix(self.keys["admin"], slot)
        school = self.population.school(slot) if slot < len(self.layout.schools) else None
        given, family = names.given(drawn >> 20), names.family(drawn >> 28)
        login = f"{given}.{family}.a{slot}".lower()
        return self._user(
            self.admin_id(slot),
            0,
            given,
            family,
            username=login,
            role="administrator",
            identifier=f"A{1000 + slot}",
            email=f"{login}@example.edu",
            schools=(school,),
        )

    def _user(
        self, sourced_id: str, modified: int, given: str, family: str, *, schools: Iterable[int | None], **own: Any
    ) -> Row:
        """A row of /users, with the values of its `own`."""
        row: Row = {
            "sourcedId": sourced_id,
            "status": "active",
            "dateLastModified": self.modified(modified),
            "metadata": None,
            "username": None,
            "userIds": None,
            "enabledUser": True,
            "givenName": given,
            "familyName": family,
            "middleName": None,
            "role": None,
            "identifier": None,
            "email": None,
            "sms": None,
            "phone": None,
            "agents": [],
            "orgs": [self.school_ref(school) for school in schools],
            "grades": None,
        }
        return row | own

    def demographics(self, slot: int) -> Row:
        """The demographics of the student in a slot, with the student's sourcedId."""
        number = self.queue.number(slot, self.population.left)
        drawn = seeded.mix(self.keys["demographics"], slot, number)
        grade = self.layout.grades.index(self.layout.cohort_of_student(slot).grade)
        race = drawn >> 40 & 7
        return {
            "sourcedId": self.student_id(slot),
            "status": "active",
            "dateLastModified": self.modified(self.queue.joined_on(number)),
            "metadata": None,
            "birthDate": f"{self.year - 5 - grade}-{drawn % 12 + 1:02d}-{(drawn >> 8) % 28 + 1:02d}",
            "sex": "female" if drawn >> 16 & 1 else "male",
            "americanIndianOrAlaskaNative": race == 1,
            "asian": race == 2,
            "blackOrAfricanAmerican": race in (3, 6),
            "nativeHawaiianOrOtherPacificIslander": None,
            "white": race in (0, 4, 5, 6),
            "demographicRaceTwoOrMoreRaces": race == 6,
            "hispanicOrLatinoEthnicity": bool(drawn >> 44 & 1),
            "countryOfBirthCode": "US" if drawn >> 46 & 7 else None,
            "stateOfBirthAbbreviation": None,
            "cityOfBirth": names.CITIES[(drawn >> 52) % len(names.CITIES)],
            "publicSchoolResidenceStatus": None,
        }


def phone(drawn: int) -> str:
    """A phone number from the range that is reserved for fiction."""
    return f"(555) {drawn % 900 + 100:03d}-01{drawn // 7 % 100:02d}"

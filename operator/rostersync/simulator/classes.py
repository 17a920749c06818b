"""Organisations, sessions, courses, classes and enrolments as OneRoster 1.1 JSON objects."""

from rostersync.simulator import names, seeded
from rostersync.simulator.layout import SUBJECTS, Cohort
from rostersync.simulator.people import People
from rostersync.simulator.records import Row

MOVES = seeded.rate(0.003)  # an enrolment moves to another section about once a school year
ROOMS = seeded.rate(0.002)  # a class changes its room
SESSIONS = (  # title, type, start, end, parent
    ("{0}-{1} School Year", "schoolYear", "{0}-08-10", "{1}-06-04", None),
    ("Semester 1", "semester", "{0}-08-10", "{0}-12-18", 0),
    ("Semester 2", "semester", "{1}-01-04", "{1}-06-04", 0),
    ("Quarter 1", "term", "{0}-08-10", "{0}-10-09", 1),
    ("Quarter 2", "term", "{0}-10-12", "{0}-12-18", 1),
    ("Quarter 3", "term", "{1}-01-04", "{1}-03-12", 2),
    ("Quarter 4", "term", "{1}-03-15", "{1}-06-04", 2),
)


class Classes(People):
    """The rows of everything but people, on one day."""

    def org(self, slot: int) -> Row:
        """The district (slot 0) or a school."""
        district = self.ref("org", self.org_id(0))
        if slot == 0:
            children: list[dict[str, str]] | None = [
                self.school_ref(s.number) for s in self.layout.schools if s.number not in self.events.closed
            ]
            name, kind, parent, status = "Tumbleweed County Schools", "district", None, "active"
        else:
            school = self.layout.schools[slot - 1]
            drawn = seeded.mix(self.keys["class"], slot, 1 << 40)
            name = f"{names.family(drawn)} {school.level} School {slot}"
            kind, parent, children = "school", district, None
            status = "inactive" if school.number in self.events.inactive else "active"
        return {
            "sourcedId": self.org_id(slot),
            "status": status,
            "dateLastModified": self.modified(0),
            "metadata": None,
            "name": name,
            "type": kind,
            "identifier": f"{slot:04d}",
            "parent": parent,
            "children": children,
        }

    def session(self, slot: int) -> Row:
        """The school year, one of its semesters, or one of their quarters."""
        title, kind, start, end, parent = SESSIONS[slot]
        years = self.year, self.year + 1
        return {
            "sourcedId": self.session_id(slot),
            "status": "active",
            "dateLastModified": self.modified(0),
            "metadata": None,
            "title": title.format(*years),
            "type": kind,
            "startDate": start.format(*years),
            "endDate": end.format(*years),
            "schoolYear": str(self.year + 1),
            "children": None,
            "parent": None if parent is None else self.ref("academicSession", self.session_id(parent)),
        }

    def course(self, slot: int) -> Row:
        """One course of the district. There is one for each grade and subject."""
        at, period = divmod(slot, self.layout.per_student)
        grade, (subject, code, sced) = self.layout.grades[at], SUBJECTS[period]
        return {
            "sourcedId": self.course_id(grade, period),
            "status": "active",
            "dateLastModified": self.modified(0),
            "metadata": None,
            "title": f"{subject} {grade}",
            "courseCode": f"{code}{grade}",
            "grades": [grade],
            "schoolYear": self.ref("academicSession", self.session_id(0)),
            "subjects": [subject],
            "subjectCodes": [sced],
            "org": self.ref("org", self.org_id(0)),
            "resources": None,
        }

    def class_(self, slot: int) -> Row:
        """One section of one course at one school."""
        cohort = self.layout.cohort_of_class(slot)
        period, section = divmod(slot - cohort.first_class, cohort.sections)
        subject, code, sced = SUBJECTS[period]
        drawn = seeded.mix(self.keys["class"], slot)
        rooms = seeded.times(drawn, ROOMS, self.day)
        terms = (0,) if period == 0 else (1, 2)
        return {
            "sourcedId": self.class_id(slot),
            "status": "active",
            "dateLastModified": self.modified(seeded.day_of(drawn, ROOMS, rooms)),
            "metadata": None,
            "title": f"{subject} {cohort.grade} - {section + 1}",
            "classCode": f"{code}{cohort.grade}-{section + 1}",
            "classType": "homeroom" if period == 0 else "scheduled",
            "location": f"Room {(drawn >> 24) % 80 + rooms}",
            "grades": [cohort.grade],
            "subjects": [subject],
            "course": self.ref("course", self.course_id(cohort.grade, period)),
            "school": self.school_ref(cohort.school),
            "terms": [self.ref("academicSession", self.session_id(t)) for t in terms],
            "subjectCodes": [sced],
            "periods": [str(period + 1)],
            "resources": None,
        }

    def enrollment(self, slot: int) -> Row:
        """A student's enrolment. In another section it becomes another enrolment, with another id."""
        student, period = divmod(slot, self.layout.per_student)
        number = self.queue.number(student, self.population.left)
        cohort, transferred = self._attends(student)
        drawn = seeded.mix(self.keys["move"], slot, number)
        moves = seeded.times(drawn, MOVES, self.day) if cohort.sections > 1 else 0
        section = ((drawn >> 24) + moves) % cohort.sections
        moved = max(self.queue.joined_on(number), seeded.day_of(drawn, MOVES, moves))
        modified = self.modified(moved)
        return {
            "sourcedId": self._enrollment_id(slot, number, moves, transferred),
            "status": "active",
            "dateLastModified": modified,
            "metadata": None,
            "user": self.ref("user", self.user_id(student, number)),
            "class": self.ref("class", self.class_id(cohort.first_class + period * cohort.sections + section)),
            "school": self.school_ref(cohort.school),
            "role": "student",
            "primary": None,
            "beginDate": modified[:10] if moved else f"{self.year}-08-10",
            "endDate": f"{self.year + 1}-06-04",
        }

    def teaching(self, slot: int) -> Row:
        """A teacher's enrolment in a class: the primary one, or the second one that every tenth class has."""
        class_ = self.layout.class_of_teaching(slot)
        second = slot - self.layout.first_teaching(class_)
        cohort = self.layout.cohort_of_class(class_)
        school = self.layout.schools[cohort.school]
        teacher = school.first_teacher + (class_ + second) % school.teachers
        hired = self.hires(teacher)
        if second and school.teachers == 1:
            role, primary = "proctor", None  # a tiny school has one teacher only
        else:
            role, primary = "teacher", not second
        return {
            "sourcedId": self._enrollment_id(self.layout.student_enrollments + slot, hired, 0, False),
            "status": "active",
            "dateLastModified": self.modified(self.hired_on(teacher, hired)),
            "metadata": None,
            "user": self.ref("user", self.teacher_id(teacher)),
            "class": self.ref("class", self.class_id(class_)),
            "school": self.school_ref(cohort.school),
            "role": role,
            "primary": primary,
            "beginDate": None,
            "endDate": None,
        }

    def _attends(self, student: int) -> tuple[Cohort, bool]:
        """The cohort whose classes a student attends, and whether the student came from a school that has closed."""
        own = self.layout.cohort_of_student(student)
        school = self.population.school(own.school)
        if school is None or school == own.school:
            return own, False
        taken = self.layout.cohort(school, own.grade)
        return (taken, True) if taken.sections else (own, False)

    def _enrollment_id(self, slot: int, person: int, moves: int, transferred: bool) -> str:
        generation = (person << 24) + (moves << 1) + transferred
        return seeded.uuid(self.ids["enrollments"], slot, self.layout.enrollments, generation)

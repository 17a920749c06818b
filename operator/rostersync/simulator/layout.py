"""The shape of a district, the same on every day: schools, grades, sections, and how many slots there are of each kind."""

import math
from bisect import bisect_right
from dataclasses import dataclass, field

GRADES = ("KG", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12")
SUBJECTS = (
    ("Homeroom", "HR", "22106"),
    ("English", "ENG", "01001"),
    ("Mathematics", "MTH", "02052"),
    ("Science", "SCI", "03051"),
    ("Social Studies", "SOC", "04101"),
    ("Physical Education", "PED", "08001"),
    ("Art", "ART", "05154"),
    ("Music", "MUS", "05101"),
    ("World Languages", "WLD", "24052"),
    ("Technology", "TEC", "10003"),
)
STUDENTS_PER_SCHOOL = 600
LEVELS = ("Elementary", 0, 6), ("Middle", 6, 9), ("High", 9, 13)


@dataclass(frozen=True)
class Size:
    """The wanted size of a district. Everything else follows from it and the seed."""

    students: int = 1000
    guardians: float = 1.4  # contacts per student
    classes_per_student: int = 8  # homeroom included
    class_size: int = 27
    students_per_teacher: int = 15

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("students", self.students, 1, 20_000_000),
            ("guardians", self.guardians, 0, 4),
            ("classes_per_student", self.classes_per_student, 1, len(SUBJECTS)),
            ("class_size", self.class_size, 1, 1000),
            ("students_per_teacher", self.students_per_teacher, 1, 1000),
        ):
            if not low <= value <= high:
                raise ValueError(f"{name} must be from {low} to {high}, not {value}")


@dataclass(frozen=True)
class School:
    """One school: its student slots first … end-1, and its teacher slots."""

    number: int  # 0 …
    level: str
    grades: tuple[str, ...]
    first: int
    end: int
    first_teacher: int
    teachers: int


@dataclass(frozen=True)
class Cohort:
    """One grade of one school: its student slots, and from `first_class` on its classes, `sections` for each subject."""

    school: int
    grade: str
    first: int
    end: int
    sections: int
    first_class: int


def _levels(schools: int, students: int) -> list[tuple[str, int, int, int]]:
    """(level, first grade, end grade, number of schools)."""
    if schools == 1:
        return [("Community", 0, min(len(GRADES), max(1, students // 25)), 1)]
    if schools == 2:
        return [("Elementary", 0, 6, 1), ("High", 6, 13, 1)]
    upper = max(1, round(schools * 0.21))
    counts = (schools - 2 * upper, upper, upper)
    return [(*level, count) for level, count in zip(LEVELS, counts, strict=True)]


@dataclass
class Layout:
    """All slots. There are a few more student slots than students, since newcomers need an empty one."""

    size: Size
    schools: list[School] = field(default_factory=list)
    cohorts: list[Cohort] = field(default_factory=list)

    def __post_init__(self) -> None:
        size = self.size
        self.students = size.students + max(2, size.students * 6 // 100)
        self.per_student = size.classes_per_student
        self._guardians = round(size.guardians * 10)
        self.contacts = self.first_contact(self.students)
        self._place_schools(max(1, round(size.students / STUDENTS_PER_SCHOOL)))
        self.teachers = self.schools[-1].first_teacher + self.schools[-1].teachers
        self.admins = len(self.schools) + max(1, len(self.schools) // 10)
        last = self.cohorts[-1]
        self.classes = last.first_class + last.sections * self.per_student
        self.users = self.students + self.contacts + self.teachers + self.admins
        self.student_enrollments = self.students * self.per_student
        self.teacher_enrollments = self.first_teaching(self.classes)
        self.enrollments = self.student_enrollments + self.teacher_enrollments
        self.grades = tuple(g for g in GRADES if any(g in s.grades for s in self.schools))
        self.courses = len(self.grades) * self.per_student
        self._cohort_starts = [c.first for c in self.cohorts]
        self._class_starts = [c.first_class for c in self.cohorts]
        self._teacher_starts = [s.first_teacher for s in self.schools]
        self._cohort_by_grade = {(c.school, c.grade): c for c in self.cohorts}

    def _place_schools(self, number: int) -> None:
        levels = _levels(number, self.size.students)
        grades = sum(end - first for _, first, end, _ in levels)
        occupied = self.size.students / self.students
        placed = teachers = classes = 0
        for level, first_grade, end_grade, count in levels:
            low = self.students * placed // grades
            placed += end_grade - first_grade
            width = self.students * placed // grades - low
            for n in range(count):
                first, end = low + width * n // count, low + width * (n + 1) // count
                staff = max(1, round((end - first) * occupied / self.size.students_per_teacher))
                taught = GRADES[first_grade:end_grade]
                school = School(len(self.schools), level, taught, first, end, teachers, staff)
                teachers += staff
                self.schools.append(school)
                for at, grade in enumerate(taught):
                    start = first + (end - first) * at // len(taught)
                    stop = first + (end - first) * (at + 1) // len(taught)
                    sections = max(1, round((stop - start) * occupied / self.size.class_size)) if stop > start else 0
                    self.cohorts.append(Cohort(school.number, grade, start, stop, sections, classes))
                    classes += sections * self.per_student

    # Guardians and co-teachers come in a fixed pattern, so that their rows are found by arithmetic.

    def first_contact(self, student: int) -> int:
        """The first contact slot of a student slot."""
        return student * self._guardians // 10

    def student_of_contact(self, contact: int) -> int:
        """The student slot that a contact slot belongs to."""
        return -(-(contact + 1) * 10 // self._guardians) - 1

    @staticmethod
    def first_teaching(class_: int) -> int:
        """The first teacher enrolment slot of a class. Every tenth class has a second teacher."""
        return class_ + (class_ + 6) // 10

    @staticmethod
    def class_of_teaching(teaching: int) -> int:
        """The class that a teacher enrolment slot belongs to."""
        class_ = teaching * 10 // 11
        while Layout.first_teaching(class_) > teaching:
            class_ -= 1
        while Layout.first_teaching(class_ + 1) <= teaching:
            class_ += 1
        return class_

    def cohort_of_student(self, student: int) -> Cohort:
        """The grade and school of a student slot."""
        return self.cohorts[bisect_right(self._cohort_starts, student) - 1]

    def cohort_of_class(self, class_: int) -> Cohort:
        """The grade and school of a class."""
        return self.cohorts[bisect_right(self._class_starts, class_) - 1]

    def school_of_teacher(self, teacher: int) -> School:
        """The school that a teacher slot belongs to."""
        return self.schools[bisect_right(self._teacher_starts, teacher) - 1]

    def cohort(self, school: int, grade: str) -> Cohort:
        """The cohort of a grade at a school. Raises KeyError when the school does not teach the grade."""
        return self._cohort_by_grade[school, grade]

    def successor(self, school: int, closed: frozenset[int]) -> int | None:
        """The next open school of the same level, to which the people of a closed one go; None when there is none."""
        level = [s.number for s in self.schools if s.level == self.schools[school].level]
        ring = level[level.index(school) + 1 :] + level[: level.index(school)]
        return next((number for number in ring if number not in closed), None)


def coprime(slots: int) -> int:
    """A step that visits each slot once, with consecutive visits far apart."""
    step = max(1, int(slots * 0.6180339887))
    while math.gcd(step, slots) != 1:
        step += 1
    return step

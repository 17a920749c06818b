"""The sizes that are measured: users, classes and enrolments in the proportion of a real school year."""

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = HERE.parent / ".bench"
COLLECTIONS = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")
PAGE = 500  # rows, as in the connection's default
STEP = PAGE - 1  # from page to page: each begins with the record that the one before ended with
SEED = 1
MIB = 1 << 20


@dataclass(frozen=True)
class Bench:
    """One size: the district, and the memory that each stage may use (None: only measured)."""

    name: str
    students: int
    memory: int
    peer_rows: int  # what dlt reads as dicts takes minutes: it gets so many enrolments

    @property
    def folder(self) -> Path:
        """Where everything of this size lies."""
        return WORK / f"{self.name}-seed{SEED}-page{PAGE}-step{STEP}"


SIZES = {
    "1k": Bench("1k", 950, 512 * MIB, 10_000),
    "10k": Bench("10k", 9_500, 512 * MIB, 100_000),
    "100k": Bench("100k", 95_000, 512 * MIB, 200_000),
    "1M": Bench("1M", 950_000, 1536 * MIB, 200_000),
}

"""Names of what a run makes: deterministic, so that making the same thing twice is noticed, never doubled."""

import hashlib
from collections.abc import Container
from datetime import UTC, datetime

LONGEST = 100  # the API's limit for names of runs and connections


def run_name(connection: str, now: datetime, taken: Container[str] = ()) -> str:
    """`springfield-20261124t020700`, with `-2`, `-3` … when that name is taken. `now` has a zone; UTC is written."""
    stamp = now.astimezone(UTC).strftime("%Y%m%dt%H%M%S")
    base = f"{connection[: LONGEST - len(stamp) - 5].rstrip('-.')}-{stamp}".lower()
    name, count = base, 1
    while name in taken:
        count += 1
        name = f"{base}-{count}"
    return name


def approval_name(run: str, digest: str) -> str:
    """Another plan of the same run gets another approval, so the digest's first eight digits are in its name."""
    return f"{run[: LONGEST - 9].rstrip('-.')}-{digest.removeprefix('sha256:')[:8]}"


def job_name(run: str, stage: str, number: int, uid: str) -> str:
    """A Job's name: at most 63 characters, the same for the same run (by UID), stage and try."""
    short = run.replace(".", "-")[:40].rstrip("-")
    return f"{short}-{stage}-{number}-{hashlib.sha256(f'{uid}/{stage}/{number}'.encode()).hexdigest()[:8]}"

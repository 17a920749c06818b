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


def triggered_name(connection: str, uid: str, hint: str, token: str) -> str:
    """The name of a run that a trigger makes: the same for the same token of the same connection (by UID)."""
    digits = hashlib.sha256(f"{uid}/{hint}/{token}".encode()).hexdigest()[:8]
    return f"{connection[: LONGEST - len(hint) - 10].rstrip('-.')}-{hint}-{digits}".lower()


def label_value(text: str) -> str:
    """A text as the value of a label (at most 63 characters): itself, or cut and told apart by a hash."""
    if len(text) <= 63:
        return text
    return f"{text[:54].rstrip('-._')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def store_claim(district: str) -> str:
    """The claim of a district's embedded store."""
    return f"rostersync-{district}-store"


def artifacts_claim(connection: str) -> str:
    """The claim of a connection's artifacts."""
    return f"rostersync-{connection}-artifacts"

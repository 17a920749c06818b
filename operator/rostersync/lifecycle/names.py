"""Names of what a run makes: deterministic, so that making the same thing twice is noticed, never doubled.

What belongs to a connection of another kind than the default ends in that kind: `-exampleconnection`. What belongs to one
of the default kind ends in `-artifacts`, a time or digits, so nothing of it has the same name, whatever it is called.
"""

import hashlib
from collections.abc import Container
from datetime import UTC, datetime

from rostersync.api.kinds import Ref

LONGEST = 100  # the API's limit for names of runs and connections


def run_name(connection: Ref, now: datetime, taken: Container[str] = ()) -> str:
    """`springfield-20261124t020700`, with `-2`, `-3` … when that name is taken. `now` has a zone; UTC is written."""
    stamp, kind = now.astimezone(UTC).strftime("%Y%m%dt%H%M%S"), _kind(connection)
    base = f"{connection.name[: LONGEST - len(stamp) - 5 - len(kind)].rstrip('-.')}-{stamp}".lower()
    name, count = f"{base}{kind}", 1
    while name in taken:
        count += 1
        name = f"{base}-{count}{kind}"
    return name


def approval_name(run: str, digest: str) -> str:
    """Another plan of the same run gets another approval, so the digest's first eight digits are in its name."""
    return f"{run[: LONGEST - 9].rstrip('-.')}-{digest.removeprefix('sha256:')[:8]}"


def job_name(run: str, stage: str, number: int, uid: str) -> str:
    """A Job's name: at most 63 characters, the same for the same run (by UID), stage and try."""
    short = run.replace(".", "-")[:40].rstrip("-")
    return f"{short}-{stage}-{number}-{hashlib.sha256(f'{uid}/{stage}/{number}'.encode()).hexdigest()[:8]}"


def triggered_name(connection: Ref, uid: str, hint: str, token: str) -> str:
    """The name of a run that a trigger makes: the same for the same token of the same connection (by UID)."""
    digits, kind = hashlib.sha256(f"{uid}/{hint}/{token}".encode()).hexdigest()[:8], _kind(connection)
    return f"{connection.name[: LONGEST - len(hint) - 10 - len(kind)].rstrip('-.')}-{hint}-{digits}{kind}".lower()


def label_value(text: str) -> str:
    """A text as the value of a label (at most 63 characters): itself, or cut and told apart by a hash."""
    if len(text) <= 63:
        return text
    return f"{text[:54].rstrip('-._')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def artifacts_claim(connection: Ref) -> str:
    """The claim of a connection's artifacts."""
    return f"rostersync-{connection.name}-artifacts{_kind(connection)}"


def connection_label(connection: Ref) -> str:
    """A connection as the value of a label; no name of an object has an underscore."""
    return label_value(connection.name if connection.is_default else f"{connection.kind}_{connection.name}")


def _kind(connection: Ref) -> str:
    return "" if connection.is_default else f"-{connection.kind.lower()}"

"""Names of the objects that a run creates. They are deterministic, so that creating an object twice is noticed.

Names for a connection of another kind than the default end in its kind: `-exampleconnection`. Names for the default
kind end in `-artifacts`, a time or digits. So the two can never be equal.
"""

import hashlib
from collections.abc import Container
from datetime import UTC, datetime

from rostersync.api.kinds import Ref

LONGEST = 100  # the API's limit for names of runs and connections


def run_name(connection: Ref, now: datetime, taken: Container[str] = ()) -> str:
    """`springfield-20261124t020700`, with `-2`, `-3` … if that name is taken. `now` has a zone. The name is in UTC."""
    stamp, kind = now.astimezone(UTC).strftime("%Y%m%dt%H%M%S"), _kind(connection)
    base = f"{connection.name[: LONGEST - len(stamp) - 5 - len(kind)].rstrip('-.')}-{stamp}".lower()
    name, count = f"{base}{kind}", 1
    while name in taken:
        count += 1
        name = f"{base}-{count}{kind}"
    return name


def approval_name(run: str, digest: str) -> str:
    """An approval's name.

    Each plan of a run needs its own approval, so the name has the first eight digits of the digest.
    """
    return f"{run[: LONGEST - 9].rstrip('-.')}-{digest.removeprefix('sha256:')[:8]}"


def job_name(run: str, stage: str, number: int, uid: str) -> str:
    """A Job's name, of at most 63 characters: the same for the same run (by UID), stage and attempt."""
    short = run.replace(".", "-")[:40].rstrip("-")
    return f"{short}-{stage}-{number}-{hashlib.sha256(f'{uid}/{stage}/{number}'.encode()).hexdigest()[:8]}"


def triggered_name(connection: Ref, uid: str, hint: str, token: str) -> str:
    """The name of a run that a trigger creates: the same for the same token and connection (by UID)."""
    digits, kind = hashlib.sha256(f"{uid}/{hint}/{token}".encode()).hexdigest()[:8], _kind(connection)
    return f"{connection.name[: LONGEST - len(hint) - 10 - len(kind)].rstrip('-.')}-{hint}-{digits}{kind}".lower()


def label_value(text: str) -> str:
    """A text as the value of a label, of at most 63 characters: the text itself, or its start and a hash."""
    if len(text) <= 63:
        return text
    return f"{text[:54].rstrip('-._')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def artifacts_claim(connection: Ref) -> str:
    """The claim of a connection's artifacts."""
    return f"rostersync-{connection.name}-artifacts{_kind(connection)}"


def connection_label(connection: Ref) -> str:
    """A connection as the value of a label. No object's name has an underscore."""
    return label_value(connection.name if connection.is_default else f"{connection.kind}_{connection.name}")


def _kind(connection: Ref) -> str:
    return "" if connection.is_default else f"-{connection.kind.lower()}"

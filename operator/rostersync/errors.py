"""Errors, by what to do next. A message says what was tried, where, what came back and what to do.

No message may hold personal data. Texts of DuckDB, servers and pydantic go into `detail`, which is only ever written to
a file among the run's artifacts.
"""


class RostersyncError(Exception):
    """Something went wrong in rostersync.

    `reason` is the CamelCase code of a condition. `detail` is text of others, only for the artifacts.
    """

    reason = "Failed"

    def __init__(self, message: str, *, reason: str | None = None, detail: str | None = None) -> None:
        super().__init__(message)
        if reason is not None:
            self.reason = reason
        self.detail = detail


class Retryable(RostersyncError):
    """May pass by itself: run the same command again."""

    reason = "Retryable"


class Permanent(RostersyncError):
    """Fails again until a person changes something (exit code 42 of plan and apply)."""

    reason = "Permanent"


class InvalidManifest(Permanent):
    """A manifest that the API would refuse. The message names the file, the field and the allowed values."""

    reason = "InvalidSpec"


class NotYetSupported(Permanent):
    """A field of the API that this version does not support yet."""

    reason = "NotYetSupported"


class StoreBusy(Retryable):
    """Another process uses the store, and it cannot be shared now."""

    reason = "StoreBusy"


class BaseMoved(Retryable):
    """The store's revision is not the one that the plan is based on: plan again from the staged extract."""

    reason = "BaseMoved"


class DiskFull(Retryable):
    """A disk is full. `volume` says which: store, artifacts, scratch, state, or the folder of a copy.

    What was tried is undone, except for what the message says. What was approved stays approved.
    """

    reason = "DiskFull"

    def __init__(self, message: str, *, volume: str = "", detail: str | None = None) -> None:
        super().__init__(message, detail=detail)
        self.volume = volume


class ArtifactsAway(Retryable):
    """The artifacts are out of reach for now. Nothing was done. What was approved stays approved."""

    reason = "ArtifactsAway"


class StoreUnreachable(Retryable):
    """The store is out of reach for now, as a server that is restarted. Nothing was done. What was approved stays approved."""

    reason = "StoreUnreachable"


class Unsure(Retryable):
    """The commit had begun, and nobody can tell whether it succeeded.

    Run apply again: it finds out, and is idempotent.
    """

    reason = "ApplyUnsure"

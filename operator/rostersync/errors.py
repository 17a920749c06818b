"""Errors, grouped by what happens next. A message says what was tried, where, what came back and what to do.

No message may carry personal data: texts of DuckDB, servers and pydantic go to `detail`, which only
ever reaches a file among the run's artifacts.
"""


class RostersyncError(Exception):
    """Something went wrong in rostersync.

    `reason` is the CamelCase code of a condition; `detail` is text of others, for the artifact only.
    """

    reason = "Failed"

    def __init__(self, message: str, *, reason: str | None = None, detail: str | None = None) -> None:
        super().__init__(message)
        if reason is not None:
            self.reason = reason
        self.detail = detail


class Retryable(RostersyncError):
    """May go through later without anybody's doing: run the same command again."""

    reason = "Retryable"


class Permanent(RostersyncError):
    """Will fail again until a person changes something (exit code 42 of plan and apply)."""

    reason = "Permanent"


class InvalidManifest(Permanent):
    """A manifest that the API would refuse; the message names file, field and allowed values."""

    reason = "InvalidSpec"


class NotYetSupported(Permanent):
    """A field of the API that this version does not carry out yet."""

    reason = "NotYetSupported"


class StoreBusy(Retryable):
    """Another process has the embedded store open for writing."""

    reason = "StoreBusy"


class BaseMoved(Retryable):
    """The store's revision is not the one the plan was made on: plan again from the staged extract."""

    reason = "BaseMoved"


class DiskFull(Retryable):
    """A disk is full. `volume` says which: store, artifacts, scratch, state, or the folder of a copy.

    Nothing of what was tried stays, but for what the message says; what was approved stays approved.
    """

    reason = "DiskFull"

    def __init__(self, message: str, *, volume: str = "", detail: str | None = None) -> None:
        super().__init__(message, detail=detail)
        self.volume = volume


class Unsure(Retryable):
    """The commit was begun, and nothing tells whether it went through. The same once more finds out, and goes on."""

    reason = "ApplyUnsure"

"""What a person types next, as the pages say it: the local command's words, or kubectl's."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Typed:
    """Commands, or sentences in their place. `{run}` is filled in."""

    look: str = "rostersync diff {run}"
    approve: str = 'rostersync approve {run} --reason "…"'
    reject: str = 'rostersync reject {run} --reason "…"'
    rekeyed: str = "rostersync diff {run} --rekeyed"
    issues: str = "rostersync issues {run}"
    start: str = "rostersync run -f connection.yaml"


LOCAL = Typed()

"""What to type next, as pages say it: for the local command or for kubectl."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Typed:
    """Commands, or sentences in their place. `{run}` is filled in."""

    look: str = "rostersync diff {run}"
    approve: str = 'rostersync approve {run} --reason "…"'
    reject: str = 'rostersync reject {run} --reason "…"'
    rekeyed: str = "rostersync diff {run} --rekeyed"
    issues: str = "rostersync issues {run}"
    roster: str = "rostersync diff {run} --roster"
    start: str = "rostersync run -f connection.yaml"


LOCAL = Typed()

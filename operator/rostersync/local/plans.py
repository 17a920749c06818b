"""Opens plans of runs for reading."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rostersync.errors import Permanent, RostersyncError
from rostersync.execution.inputs import artifact_key
from rostersync.execution.workspace import Workspace, stored_connection
from rostersync.lifecycle.outcomes import succeeded_reason
from rostersync.local.state import State
from rostersync.render import details


@contextmanager
def opened_plan(state: State, name: str | None) -> Iterator[Path]:
    """The plan folder of a run (without a name, the newest run), readable. Raises Permanent when there is none."""
    run = state.latest(name)
    found = run["metadata"]["name"]
    if not (state.layout.folder(found) / "plan").is_dir():
        stands = succeeded_reason(run.get("status") or {}) or "new"
        planned = (run.get("status") or {}).get("plan")
        gone = " The details of its plan were removed: by forget, by history.runs, or by hand." if planned else ""
        raise Permanent(f"Run {found} has no plan: it is {stands}.{gone}", reason="NoPlan")
    work = Workspace(state.layout, found, artifact_key(stored_connection(state.layout.folder(found)), {}, os.environ))
    try:
        yield work.open("plan")
    except Exception as error:
        if not _is_of_parquet(error):
            raise
        text = (
            f"The plan of run {found} has a file that is not the Parquet file it was: `rostersync verify {found}` names it. "
            "Make the plan again; nothing was changed."
        )
        raise Permanent(text, reason="PlanCorrupt", detail=str(error)) from None
    finally:
        work.close()


def _is_of_parquet(error: Exception) -> bool:
    """Whether Arrow could not read a file. It is not imported to ask, since most commands need none of it."""
    arrow = sys.modules.get("pyarrow")
    without_number = isinstance(error, OSError) and error.errno is None  # how Arrow tells of a broken footer
    return arrow is not None and (isinstance(error, arrow.ArrowException) or without_number)


def details_of(state: State, name: str) -> details.Details:
    """What a run's plan has besides its counts. Empty when there is no plan, or it cannot be opened here."""
    with suppress(RostersyncError), opened_plan(state, name) as plan:
        return details.read(plan)
    return details.Details()

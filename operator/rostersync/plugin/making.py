"""Makes SyncRuns."""

from typing import TYPE_CHECKING

from rostersync.api.kinds import Ref

if TYPE_CHECKING:
    from rostersync.plugin.cluster import Cluster, Object


def new_run(cluster: "Cluster", connection: Ref, spec: "Object") -> "Object":
    """The SyncRun, under the first name of this second that is free."""
    from rostersync.errors import Permanent
    from rostersync.lifecycle.names import run_name

    now, taken = cluster.now(), set[str]()
    while True:
        name = run_name(connection, now, taken)
        try:
            return cluster.create("SyncRun", name, spec)
        except Permanent as error:
            if error.reason != "AlreadyExists":
                raise
            taken.add(name)

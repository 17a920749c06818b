"""Objects by the names that people type. Where there is none, the error says what there is instead."""

from contextlib import suppress
from typing import TYPE_CHECKING

from rostersync.api import kinds
from rostersync.api.kinds import Ref
from rostersync.plugin import options

if TYPE_CHECKING:
    from rostersync.plugin.cluster import Cluster, Object

LISTED = 10  # names that an error lists


def run(cluster: "Cluster", name: str) -> "Object":
    """A SyncRun. Raises Permanent that lists those there are."""
    from rostersync.errors import Permanent
    from rostersync.plugin.status import newest_first

    try:
        return cluster.get("SyncRun", name)
    except Permanent as error:
        if error.reason != "NotFound":
            raise
        must_have_namespace(cluster)
        there = [r["metadata"]["name"] for r in newest_first(cluster.list("SyncRun"))]
        raise Permanent(f"{error} {_instead(there, 'runs')}", reason="NotFound") from None


def run_or_connection(cluster: "Cluster", name: "str | Ref") -> "Object":
    """The run of a name, else the connection, first of the default kind. Raises Permanent that lists the runs there are."""
    from rostersync.errors import Permanent

    if isinstance(name, Ref):
        return connection(cluster, name)
    try:
        return run(cluster, name)
    except Permanent as error:
        if error.reason != "NotFound":
            raise
        with suppress(Permanent):
            for found in sorted(connections(cluster), key=lambda c: not Ref.to(c).is_default):
                if found["metadata"]["name"] == name:
                    return found
        raise


def newest_run(cluster: "Cluster", of: Ref | None) -> "Object":
    """The newest run, of the connection `of` where one is named. Raises Permanent when there is none."""
    from rostersync.errors import Permanent
    from rostersync.plugin.status import newest_first

    if of:
        connection(cluster, of)
    found = newest_first(runs_of(cluster, of))
    if not found:
        must_have_namespace(cluster)
        start = options.typed(cluster).start.replace("CONNECTION", of.key if of else "CONNECTION")
        raise Permanent(
            f"There are no runs{f' of {of.in_words}' if of else ''} in namespace {cluster.namespace}. Start one: `{start}`.",
            reason="NotFound",
        )
    return found[0]


def runs_of(cluster: "Cluster", connection: Ref | None, everywhere: bool = False) -> "list[Object]":
    """The runs of a connection; all runs where none is named."""
    if not connection:
        return cluster.list("SyncRun", everywhere)
    found = cluster.list("SyncRun", everywhere, f"spec.connectionRef.name={connection.name}")
    return [run for run in found if Ref.of(run["spec"]["connectionRef"]) == connection]


def connection(cluster: "Cluster", ref: Ref) -> "Object":
    """A connection. Raises Permanent that lists those there are."""
    from rostersync.errors import Permanent

    try:
        return cluster.get(ref.kind, ref.name)
    except Permanent as error:
        if error.reason != "NotFound":
            raise
        raise no_connection(cluster, ref) from None


def connections(cluster: "Cluster", everywhere: bool = False) -> "list[Object]":
    """The connections of every kind that the cluster knows and the caller may list. Raises Permanent where there is none."""
    from rostersync.errors import Permanent

    found, refused, known = list["Object"](), list[Permanent](), kinds.connections()
    for kind in known:
        try:
            found += cluster.list(kind.name, everywhere)
        except Permanent as error:
            refused.append(error)
            if error.reason not in ("NotInstalled", "Forbidden") or len(refused) == len(known):
                raise refused[0] from None
    return found


def no_connection(cluster: "Cluster", ref: Ref, everywhere: bool = False) -> Exception:
    """The error for a connection that is not there."""
    from rostersync.errors import Permanent

    there = [Ref.to(c).key for c in connections(cluster, everywhere)]
    if not there and not everywhere:
        must_have_namespace(cluster)
    where = "in any namespace" if everywhere else f"in namespace {cluster.namespace}"
    return Permanent(f"There is no {ref} {where}. {_instead(sorted(there), 'connections')}", reason="NotFound")


def must_have_namespace(cluster: "Cluster") -> None:
    """Raises Permanent when there is no such namespace: the API server answers a list in it with no objects."""
    from rostersync.errors import Permanent

    if not cluster.has_namespace():
        raise Permanent(
            f"There is no namespace {cluster.namespace}. Another one is named with -n; `kubectl roster runs -A` shows all.",
            reason="NamespaceNotFound",
        )


def _instead(names: list[str], what: str) -> str:
    if not names:
        return f"There are no {what} there; another namespace is named with -n, and `kubectl roster runs -A` shows all."
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"There are: {', '.join(names[:LISTED])}{more}."

"""The newest state that the watches have shown. Decisions read nothing else.

Watches of different kinds run at their own pace, and the answer to a write arrives before its watch event. So the
newest resourceVersion of each object wins, wherever it came from. A deleted object stays deleted. Children are found by
the UID of their owner, never by name alone.
"""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rostersync.api.kinds import APPROVAL, RUN, Ref, connections, is_connection
from rostersync.api.kubernetes import Condition, meta, pod_status
from rostersync.api.objects import condition
from rostersync.attempts import ATTEMPTS, Attempt
from rostersync.controller import turns
from rostersync.controller.options import STAGE_LABEL
from rostersync.model import Mode
from rostersync.sources.registry import PROFILES

Object = dict[str, Any]
Key = tuple[str, str, str]  # kind (plural), namespace, name

RUNS, APPROVALS = RUN.plural, APPROVAL.plural
JOBS, PODS = "jobs", "pods"
_REMEMBERED = 20_000  # UIDs of deleted objects
_Place = tuple[str, str, tuple[str, str]]  # age and key, so that related objects are sorted


class Cache:
    """Objects by kind, namespace and name, with their children."""

    def __init__(self, slim: Callable[[str, Object], Object] = lambda kind, obj: obj) -> None:
        """`slim` drops the fields that nobody will read."""
        self._slim = slim
        self._objects: dict[str, dict[tuple[str, str], Object]] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._related: dict[tuple[str, str], list[_Place]] = {}  # (kind, relation) -> keys of that kind, oldest first

    def put(self, kind: str, obj: Object) -> bool:
        """Store a newer state of an object. Returns whether it was newer."""
        meta = obj["metadata"]
        key, uid = (meta.get("namespace", ""), meta["name"]), meta["uid"]
        if uid in self._gone:
            return False
        known = self._objects.setdefault(kind, {})
        old = known.get(key)
        if old and version(old) >= version(obj):
            return False
        new = known[key] = self._slim(kind, obj)
        before = set(relations(kind, old)) if old else set()
        if old and age(old) != age(new):  # a new object under this name, whose predecessor's deletion was never seen
            self._unrelate(kind, key, old, before)
            before = set()
        after = set(relations(kind, new))
        if old:
            self._unrelate(kind, key, old, before - after)
        for relation in after - before:
            insort(self._related.setdefault((kind, relation), []), (*age(new), key))
        return True

    def remove(self, kind: str, obj: Object) -> bool:
        """Remove a deleted object. Returns whether it was there. A newer object of the same name stays."""
        meta = obj["metadata"]
        key = (meta.get("namespace", ""), meta["name"])
        self._gone[meta["uid"]] = None
        while len(self._gone) > _REMEMBERED:
            self._gone.popitem(last=False)
        old = self._objects.get(kind, {}).get(key)
        if old is None or old["metadata"]["uid"] != meta["uid"]:
            return False
        self._unrelate(kind, key, old, set(relations(kind, old)))
        del self._objects[kind][key]
        return True

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object, if it is there."""
        return self._objects.get(kind, {}).get((namespace, name))

    def all(self, kind: str) -> Iterator[Object]:
        """All objects of a kind."""
        yield from list(self._objects.get(kind, {}).values())

    def connections(self) -> Iterator[tuple[str, Object]]:
        """Every connection, with the plural of its kind."""
        for kind in connections():
            yield from ((kind.plural, obj) for obj in self.all(kind.plural))

    def count(self, kind: str) -> int:
        """How many objects of a kind there are."""
        return len(self._objects.get(kind, {}))

    def related(self, kind: str, relation: str) -> list[Object]:
        """Objects of a kind with a relation, oldest first. See `relations`."""
        known = self._objects.get(kind, {})
        return [known[key] for _, _, key in self._related.get((kind, relation), ())]

    def first(self, kind: str, relation: str) -> Object | None:
        """The oldest object of a kind with a relation, found without reading the others."""
        found = self._related.get((kind, relation))
        return self._objects[kind][found[0][2]] if found else None

    def size(self, kind: str, relation: str) -> int:
        """How many objects of a kind have a relation."""
        return len(self._related.get((kind, relation), ()))

    def replace(
        self, kind: str, listed: Iterable[Object], at: int, among: Callable[[Object], bool] = lambda obj: True
    ) -> list[Object]:
        """Correct a kind by a list of all its objects for which `among` is true, read at resourceVersion `at`.

        Returns the objects that differed, in their old or new state.
        """
        differed, seen = [], set()
        for obj in listed:
            seen.add((obj["metadata"].get("namespace", ""), obj["metadata"]["name"]))
            if self.put(kind, obj):
                differed.append(obj)
        for key, obj in list(self._objects.get(kind, {}).items()):
            if key not in seen and version(obj) <= at and among(obj):
                self.remove(kind, obj)
                differed.append(obj)
        return differed

    def _unrelate(self, kind: str, key: tuple[str, str], obj: Object, relations: Iterable[str]) -> None:
        place: _Place = (*age(obj), key)
        for relation in relations:
            places = self._related[kind, relation]
            del places[bisect_left(places, place)]
            if not places:
                del self._related[kind, relation]


def version(obj: Object) -> int:
    """The resourceVersion, which the API server allows clients to compare."""
    return int(obj["metadata"].get("resourceVersion", 0))


def age(obj: Object) -> tuple[str, str]:
    """Sorts objects oldest first, and by name within one second."""
    return (str(obj["metadata"].get("creationTimestamp", "")), str(obj["metadata"]["name"]))


def owner(obj: Object) -> str:
    """The UID of the controlling owner, or an empty text."""
    return next((r["uid"] for r in meta(obj).get("ownerReferences") or () if r.get("controller")), "")


def labels(obj: Object) -> dict[str, str]:
    """The object's labels."""
    return obj["metadata"].get("labels") or {}


def attempt_of(obj: Object) -> Attempt | None:
    """What a Job or pod is for. None if only a newer version knows it."""
    return ATTEMPTS.get(labels(obj).get(STAGE_LABEL, ""))


def connection_key(run: Object) -> Key:
    """The key of a run's connection."""
    ref = Ref.of(run["spec"]["connectionRef"])
    return (ref.plural, run["metadata"]["namespace"], ref.name)


def place_of(run: Object) -> str:
    """The suffix that the relations of all runs of this run's connection share."""
    return place(run["metadata"].get("namespace", ""), Ref.of(run["spec"]["connectionRef"]))


def place(namespace: str, ref: Ref) -> str:
    """The suffix that the relations of all runs of a connection share: its namespace, and its reference there."""
    return f"{namespace}/{ref.key}"


def source_of(connection: Object) -> str:
    """The relation of all connections of one source: `source/NAMESPACE/DISTRICT/SOURCEID`, with no slash within a part."""
    meta, spec = connection["metadata"], connection.get("spec") or {}
    source = PROFILES[connection["kind"]].source_named(meta["name"], spec.get("sourceID"))
    return f"source/{meta.get('namespace', '')}/{spec.get('district') or meta['name']}/{source}"


def district_of(connection: Object) -> str:
    """The relation of all connections of one district: `district/NAMESPACE/DISTRICT`."""
    meta, spec = connection["metadata"], connection.get("spec") or {}
    return f"district/{meta.get('namespace', '')}/{spec.get('district') or meta['name']}"


def relations(kind: str, obj: Object) -> Iterator[str]:
    """The relations by which an object is found: its UID, its owner's UID, its connection, its run, its source, its
    district.

    Runs are also found by state: open, waiting for the first Job, begun, planned. Live Jobs and pods are also found by
    what they are for, by the turn they take, and by the slot they take.
    """
    yield f"uid/{obj['metadata']['uid']}"
    namespace = obj["metadata"].get("namespace", "")
    if kind == RUNS:
        where = place_of(obj)
        yield f"connection/{where}"
        if not over(obj):
            yield f"open/{where}"
            yield "open"
            yield f"{'begun' if begun(obj) else 'waiting'}/{where}"
        if planned(obj):
            yield f"planned/{mode_of(obj)}/{where}"
    elif kind == APPROVALS:
        yield f"run/{obj['spec']['runRef']['uid']}"
    elif kind in (JOBS, PODS):
        yield f"owner/{owner(obj)}"
        if not finished(kind, obj):
            attempt = attempt_of(obj)
            if attempt is None or attempt.store_alone:
                yield f"turn/{namespace}/{turns.of_labels(labels(obj))}"
            if attempt:
                yield f"attempt/{attempt.name}"
            if attempt and attempt.slot:
                yield f"live/{namespace}"
                yield "live"
    elif is_connection(kind):
        yield source_of(obj)
        yield district_of(obj)


def finished(kind: str, obj: Object) -> bool:
    """Whether a Job or a pod has finished for good."""
    if kind == PODS:
        return pod_status(obj).get("phase") in ("Succeeded", "Failed")
    return job_condition(obj) is not None


def over(run: Object) -> bool:
    """Whether a run has ended. Its watch no longer shows it."""
    return bool((run.get("status") or {}).get("outcome"))


def begun(run: Object) -> bool:
    """Whether a run ever had a Job, according to its status."""
    return bool((run.get("status") or {}).get("jobs"))


def planned(run: Object) -> bool:
    """Whether a run has a plan that others of its connection and mode may replace, or be the same as."""
    plan = (run.get("status") or {}).get("plan") or {}
    return bool(plan.get("digest")) and mode_of(run) in (Mode.IMPORT, Mode.RESTORE)


def mode_of(run: Object) -> str:
    """The mode of a run."""
    return str(run["spec"].get("mode", Mode.IMPORT.value))


def job_condition(job: Object) -> Condition | None:
    """The Job's final condition, Complete or Failed. None while it is active."""
    ends = (condition(job.get("status") or {}, kind) for kind in ("Complete", "Failed"))
    return next((c for c in ends if c and c["status"] == "True"), None)

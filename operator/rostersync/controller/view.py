"""A connection as the controller uses it: validated once a generation, with everything that its Jobs need."""

import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from rostersync.api.explain import problems
from rostersync.api.kinds import Ref, connection_model
from rostersync.api.packed import pack
from rostersync.api.v1alpha1.connection import Connection as Manifest
from rostersync.api.v1alpha1.defaults import district
from rostersync.controller import turns
from rostersync.controller.cluster.cache import Object, place
from rostersync.controller.options import CHANGED_BY, CHECK_REQUESTED_AT, REQUESTED_AT, REQUESTED_BY
from rostersync.deliveries.registry import claims_of, secrets_of
from rostersync.errors import NotYetSupported
from rostersync.execution.homes import home_of
from rostersync.execution.supported import supported
from rostersync.lifecycle.configured import connection_of
from rostersync.lifecycle.names import artifacts_claim, connection_label
from rostersync.lifecycle.observed import Connection
from rostersync.lifecycle.timetable import Timetable, timetable
from rostersync.sources.profile import Endpoint
from rostersync.sources.registry import profile_of
from rostersync.stores.placement import NOWHERE, Claim, Placement
from rostersync.stores.registry import placement_of

LARGEST = 200 * 1024  # bytes of a packed connection; an object's annotations must stay under 256 KiB


@dataclass(frozen=True)
class View:
    """One connection at one generation. `spec` is None when it is invalid, and `known.problem` says why."""

    name: str
    namespace: str
    uid: str
    generation: int
    known: Connection
    spec_hash: str
    district: str
    endpoint: Endpoint | None = None  # parsed from the spec
    placement: Placement = NOWHERE  # of its store
    spec: Any = None  # ConnectionSpec
    delivery_secrets: tuple[str, ...] = ()
    delivery_claims: Mapping[str, str] = field(default_factory=dict)  # and the field that names it first
    packed: str = ""
    table: Timetable | None = None

    @property
    def place(self) -> str:
        """The suffix that the relations of its runs share."""
        return place(self.namespace, self.known.ref)

    @property
    def turn(self) -> str:
        """What its Jobs take turns on: the district's store, or only the connection's own volume."""
        return self.district if self.placement.exclusive else turns.of_connection(connection_label(self.known.ref))

    @property
    def artifacts_claim(self) -> Claim | None:
        """The claim of the artifacts, if they are on one. Only of a valid spec."""
        return home_of(self.spec.artifacts).claim(self.spec.artifacts, artifacts_claim(self.known.ref))


class Views:
    """Views of connections, rebuilt when a spec changes."""

    def __init__(self) -> None:
        self._made: dict[str, View] = {}

    def of(self, obj: Object) -> View:
        """The view of a connection's object."""
        meta = obj["metadata"]
        known = self._made.get(meta["uid"])
        if known is None or known.generation != meta["generation"]:
            known = self._made[meta["uid"]] = view(obj)
        return known

    def last(self, uid: str) -> View | None:
        """The last view of a connection that is gone, if this process ever saw it."""
        return self._made.get(uid)

    def keep(self, uids: Set[str]) -> None:
        """Forget all connections but these."""
        for uid in self._made.keys() - uids:
            del self._made[uid]


def view(obj: Object) -> View:
    """The view of a connection, valid or not."""
    meta = obj["metadata"]
    kept = {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]}
    plain = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": kept, "spec": obj["spec"]}
    digits = hashlib.sha256(json.dumps(obj["spec"], sort_keys=True).encode()).hexdigest()[:16]
    base = View(
        meta["name"],
        meta["namespace"],
        meta["uid"],
        meta["generation"],
        Connection(Ref.to(obj), uid=meta["uid"]),
        digits,
        str(obj["spec"].get("district") or meta["name"]),
    )
    kind = connection_model(plain)
    try:
        model = kind.model_validate(plain)
    except ValidationError as error:
        wrong = "; ".join(str(p) for p in problems(error, kind)[:5])
        return replace(base, known=replace(base.known, problem=("InvalidSpec", wrong[:1024])))
    spec, known = model.spec, connection_of(model, supported())
    packed = pack(plain)
    problem = known.problem
    if not known.terms_accepted:
        problem = (
            "TermsNotAccepted",
            "spec.termsOfUse.accepted is not true; no run starts before the terms are accepted.",
        )
    elif problem is None and len(packed) > LARGEST:
        problem = (
            "SpecTooLarge",
            f"The connection comes to {len(packed):,} bytes, packed; {LARGEST:,} fit. Shorten lists such as "
            "spec.schoolsMapping.schools or values of spec.attributesMapping.",
        )
    known = replace(known, problem=problem, suspended=spec.suspend, uid=meta["uid"])
    return replace(
        base,
        known=known,
        district=district(model),
        spec=spec,
        packed=packed,
        delivery_secrets=secrets_of(model),
        delivery_claims=claims_of(model),
        endpoint=profile_of(model).endpoint(model),
        placement=_placement(model),
        table=timetable(spec, meta["uid"]),
    )


def _placement(model: Manifest) -> Placement:
    try:
        return placement_of(model)
    except NotYetSupported:  # its status says so, and nothing is started
        return NOWHERE


@dataclass(frozen=True)
class Stamps:
    """What a connection's annotations say, as admission stamped them."""

    requested_at: str
    requested_by: str
    changed_by: str
    check_requested_at: str


def stamps(obj: Object) -> Stamps:
    """The annotations that count, shortened to what a status can hold."""
    notes = obj["metadata"].get("annotations") or {}
    return Stamps(
        str(notes.get(REQUESTED_AT, ""))[:256],
        str(notes.get(REQUESTED_BY, "")),
        str(notes.get(CHANGED_BY, "")),
        str(notes.get(CHECK_REQUESTED_AT, ""))[:256],
    )

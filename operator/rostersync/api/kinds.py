"""The kinds of rostersync.dev: one record each, which says what every other part needs to know of a kind.

Nothing heavy is imported, and a model is imported when it is asked for: kubectl's plugin starts with this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from rostersync.api.v1alpha1 import GROUP
from rostersync.errors import Permanent

if TYPE_CHECKING:
    from rostersync.api.v1alpha1.connection import Connection
    from rostersync.api.v1alpha1.meta import Model

_SUCCEEDED = '.status.conditions[?(@.type=="Succeeded")]'
_DELIVERED = '.status.conditions[?(@.type=="Delivered")].status'
_READY = '.status.conditions[?(@.type=="Ready")]'


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`; `wide` ones show with `-o wide` only."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The entry of additionalPrinterColumns."""
        entry: dict[str, Any] = {"name": self.name, "type": self.type, "jsonPath": self.path}
        return entry | {"priority": 1} if self.wide else entry


@dataclass(frozen=True)
class Kind:
    """A kind of object.

    `module` holds its model, a class of the kind's name; empty: the kind's file in api/v1alpha1.
    """

    name: str
    short: str
    selectable: tuple[str, ...]
    columns: tuple[Column, ...]
    is_connection: bool = False
    module: str = ""

    @property
    def singular(self) -> str:
        """As kubectl takes it, and as policies are named."""
        return self.name.lower()

    @property
    def one(self) -> str:
        """Its name after its article, for sentences."""
        return f"{'an' if self.name[0] in 'AEIOU' else 'a'} {self.name}"

    @property
    def plural(self) -> str:
        """Its name in paths and in RBAC."""
        return f"{self.singular}s"

    @property
    def model(self) -> "type[Model]":
        """The type that validates it, and that its CRD is made from."""
        found: type[Model] = getattr(
            import_module(self.module or f"rostersync.api.v1alpha1.{self.singular}"), self.name
        )
        return found


def connection(name: str, short: str, address: Column, module: str = "") -> Kind:
    """The record of a kind of connection; `address` is the column that says where its source is."""
    return Kind(
        name,
        short,
        (".spec.district", ".spec.sourceID", ".spec.suspend"),
        (
            Column("Ready", f"{_READY}.status"),
            Column("Schools", ".status.schools.mapped", "integer"),
            Column("Last Run", ".status.lastRun.completionTime", "date"),
            Column("Outcome", ".status.lastRun.outcome"),
            Column("Next", ".status.nextRunTime"),  # a string: a date in the future prints as <invalid>
            Column("Held", ".status.heldRuns", "integer"),
            Column("Reason", f"{_READY}.reason", wide=True),
            Column("Message", f"{_READY}.message", wide=True),
            address,
            Column("Age", ".metadata.creationTimestamp", "date", wide=True),
        ),
        is_connection=True,
        module=module,
    )


SERVICE_URL = Column("Service URL", ".spec.deliveryConfig.serviceURL", wide=True)
_URL = Column("URL", ".spec.deliveryConfig.url", wide=True)
_AGE = Column("Age", ".metadata.creationTimestamp", "date")

RUN = Kind(
    "SyncRun",
    "srun",
    (".spec.connectionRef.name", ".spec.mode", ".spec.requestedBy", ".status.outcome", ".status.completionTime"),
    (
        Column("Connection", ".spec.connectionRef.name"),
        Column("Status", f"{_SUCCEEDED}.reason"),
        Column("Created", ".status.totals.created", "integer"),
        Column("Updated", ".status.totals.updated", "integer"),
        Column("Deleted", ".status.totals.deleted", "integer"),
        Column("Delivered", _DELIVERED, wide=True),
        Column("Kind", ".spec.connectionRef.kind", wide=True),
        Column("Mode", ".spec.mode", wide=True),
        Column("Holds", ".status.holdsTotal", "integer", wide=True),
        Column("Hold Reasons", ".status.holdReasons", wide=True),
        Column("Skipped", ".status.totals.skipped", "integer", wide=True),
        Column("Deferred", ".status.totals.deferred", "integer", wide=True),
        Column("Kept", ".status.totals.kept", "integer", wide=True),
        Column("Requested By", ".spec.requestedBy", wide=True),
        Column("Message", f"{_SUCCEEDED}.message", wide=True),
        _AGE,
    ),
)
APPROVAL = Kind(
    "SyncApproval",
    "sappr",
    (".spec.connectionRef.name", ".spec.runRef.name", ".spec.decision", ".status.state"),
    (
        Column("Run", ".spec.runRef.name"),
        Column("Connection", ".spec.connectionRef.name"),
        Column("State", ".status.state"),
        Column("Decision", ".spec.decision"),
        Column("Decided By", ".spec.decidedBy"),
        Column("Expires", ".spec.expiresAt"),
        Column("Kind", ".spec.connectionRef.kind", wide=True),
        Column("Created", ".status.totals.created", "integer", wide=True),
        Column("Updated", ".status.totals.updated", "integer", wide=True),
        Column("Deleted", ".status.totals.deleted", "integer", wide=True),
        Column("Holds", ".status.holdsTotal", "integer", wide=True),
        Column("Hold Reasons", ".status.holdReasons", wide=True),
        Column("Requested By", ".spec.requestedBy", wide=True),
        Column("Reason", ".spec.reason", wide=True),
        Column("Digest", ".spec.planDigest", wide=True),
        _AGE,
    ),
)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        connection("FocusConnection", "fcon", SERVICE_URL),
        connection("InfiniteCampusConnection", "iccon", SERVICE_URL),
        connection("IlluminateConnection", "ilcon", SERVICE_URL),
        connection("ActiveDirectoryConnection", "adcon", _URL),
        RUN,
        APPROVAL,
    )
}
"""Every kind by its name."""
DEFAULT_CONNECTION = "FocusConnection"
"""The kind of a connection that is named without one."""


@dataclass(frozen=True, order=True)
class Ref:
    """A connection within one namespace. Connections of two kinds may have the same name."""

    kind: str
    name: str

    @classmethod
    def of(cls, reference: Mapping[str, Any]) -> "Ref":
        """The connection that a connectionRef names."""
        return cls(reference.get("kind") or DEFAULT_CONNECTION, reference["name"])

    @classmethod
    def to(cls, connection: Mapping[str, Any]) -> "Ref":
        """The connection that an object is."""
        return cls(connection["kind"], connection["metadata"]["name"])

    @classmethod
    def of_key(cls, key: str) -> "Ref":
        """The connection of a `key`, even of a kind that only another version knows."""
        kind, _, name = key.rpartition("/")
        return cls(next((k.name for k in connections() if k.singular == kind), kind or DEFAULT_CONNECTION), name)

    @classmethod
    def parse(cls, text: str) -> "Ref":
        """The connection that a person typed: NAME, or KIND/NAME as in kubectl.

        Raises Permanent for an unknown kind.
        """
        before, slash, name = text.rpartition("/")
        if not slash:
            return cls(DEFAULT_CONNECTION, text)
        said = before.lower().removesuffix(f".{GROUP}")
        kind = next((k for k in connections() if said in (k.singular, k.plural, k.short)), None)
        if kind is None or not name:
            kinds = ", ".join(f"{k.singular} ({k.short})" for k in connections())
            raise Permanent(
                f"{text} is not a connection: it is named NAME or KIND/NAME, where KIND is one of {kinds}.",
                reason="NotAConnection",
            )
        return cls(kind.name, name)

    @property
    def is_default(self) -> bool:
        """Whether it is of the default kind, which names leave out."""
        return self.kind == DEFAULT_CONNECTION

    @property
    def key(self) -> str:
        """The key of everything that is stored by connection: for the default kind, its name alone."""
        return self.name if self.is_default else f"{self.kind.lower()}/{self.name}"

    @property
    def plural(self) -> str:
        """The name of its kind in paths and in RBAC, even of a kind that only another version knows."""
        return KINDS[self.kind].plural if self.kind in KINDS else f"{self.kind.lower()}s"

    def as_dict(self) -> dict[str, str]:
        """A connectionRef."""
        return {"kind": self.kind, "name": self.name}

    def in_brief(self) -> dict[str, str]:
        """A reference that leaves the default kind out."""
        return {"name": self.name} if self.is_default else self.as_dict()

    @property
    def in_words(self) -> str:
        """For tables and sentences: the name alone for the default kind, else `KIND NAME`."""
        return self.name if self.is_default else str(self)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def key_of(run: Mapping[str, Any]) -> str:
    """The key of the connection that a run is of."""
    return Ref.of(run["spec"]["connectionRef"]).key


def connections() -> tuple[Kind, ...]:
    """The kinds of connections."""
    return tuple(kind for kind in KINDS.values() if kind.is_connection)


def is_connection(plural: str) -> bool:
    """Whether a kind, by its name in paths and RBAC, is one of connections."""
    return any(kind.plural == plural for kind in connections())


def plurals() -> tuple[str, ...]:
    """The names of all kinds in paths and in RBAC."""
    return tuple(kind.plural for kind in KINDS.values())


def by_plural(plural: str) -> Kind:
    """The kind with a name in paths and RBAC."""
    return next(kind for kind in KINDS.values() if kind.plural == plural)


def connection_model(document: object) -> "type[Connection]":
    """The type of connection that a document names; that of the default kind if it names none that is known."""
    said = document.get("kind") if isinstance(document, dict) else None
    kind = KINDS.get(said, KINDS[DEFAULT_CONNECTION]) if isinstance(said, str) else KINDS[DEFAULT_CONNECTION]
    return cast("type[Connection]", (kind if kind.is_connection else KINDS[DEFAULT_CONNECTION]).model)

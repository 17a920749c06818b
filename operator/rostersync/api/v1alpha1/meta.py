"""What all kinds share: base models, metadata, conditions, and strings and numbers with limits.

Every string, list and map has an upper limit, since the API server uses the limits to estimate the cost of CEL rules.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, StringConstraints, model_validator

SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
DIGEST = r"^sha256:[0-9a-f]{64}$"


class Safety:
    """Marks a field of a connection whose change can waive an approval or lose evidence, so it needs the verb approve."""


# Text and 5.0 are no integers or booleans, as for the API server.
Int = Annotated[int, Strict()]
Bool = Annotated[bool, Strict()]
Count = Annotated[int, Strict(), Field(ge=0)]
Seen = Annotated[int, Strict(), Field(ge=-1)]

ObjectName = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=SUBDOMAIN)]
ShortName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=SUBDOMAIN)]
UserName = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
UID = Annotated[str, StringConstraints(min_length=1, max_length=64)]
SourcedID = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Digest = Annotated[str, StringConstraints(max_length=71, pattern=DIGEST)]
Timestamp = Annotated[str, StringConstraints(max_length=40), Field(json_schema_extra={"format": "date-time"})]
Code = Annotated[str, StringConstraints(max_length=64)]
Sentence = Annotated[str, StringConstraints(max_length=1024)]


def _holds_nul(value: Any) -> bool:
    """Whether a text, or one in a list or map of texts, holds NUL. Nested objects check their own texts."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(isinstance(text, str) and "\0" in text for pair in value.items() for text in pair)
    return isinstance(value, list | tuple) and any(isinstance(text, str) and "\0" in text for text in value)


class Model(BaseModel):
    """Base of everything in a spec: unknown fields are refused, and no error ever prints an input."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, serialize_by_alias=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: Any) -> Any:
        """Treat `field:` without a value as an absent field, as the API server does. Refuse NUL in every text."""
        if not isinstance(data, dict):
            return data
        if any(map(_holds_nul, data.values())):
            raise ValueError("holds a NUL character, which no name, address or text may; remove it")
        if None in data.values():
            return {key: value for key, value in data.items() if value is not None}
        return data


class StatusModel(Model):
    """Base of everything in a status: fields of a newer version are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, serialize_by_alias=True)


class ObjectMeta(StatusModel):
    """The part of Kubernetes' metadata that rostersync reads. Everything else is ignored."""

    name: str = ""
    generateName: str | None = None
    namespace: str | None = None
    uid: str | None = None
    generation: int | None = None
    resourceVersion: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    creationTimestamp: str | None = None
    deletionTimestamp: str | None = None


class KindModel(Model):
    """Base of every kind: what comes before its spec."""

    apiVersion: Literal["rostersync.dev/v1alpha1"] = Field(
        default="rostersync.dev/v1alpha1", description="Version of this API."
    )
    kind: str = Field(default="", description="Kind of the object.")
    metadata: ObjectMeta = Field(description="Name, namespace and the rest of Kubernetes' metadata.")


class Condition(StatusModel):
    """One condition of an object, in the form of the Kubernetes API conventions."""

    type: Annotated[str, StringConstraints(min_length=1, max_length=316)] = Field(
        description="What the condition is about, such as Ready or Succeeded."
    )
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: Annotated[
        str, StringConstraints(min_length=1, max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
    ] = Field(description="Why, as a code.")
    message: Annotated[str, StringConstraints(max_length=32768)] = Field(
        default="", description="Why, as a sentence for people; never with personal data."
    )
    lastTransitionTime: Timestamp = Field(description="When the status last changed.")
    observedGeneration: Count | None = Field(default=None, description="The generation of the spec that was looked at.")


class LocalRef(Model):
    """The name of an object in the namespace of the one that names it."""

    name: ObjectName = Field(description="Name of the object, in the same namespace.")


class SecretRef(LocalRef):
    """The name of a Secret in the namespace of the connection. Its author must be allowed to read that Secret."""


def cel(rule: str, message: str, field: str | None = None, reason: str = "FieldValueInvalid", **more: Any) -> Any:
    """One entry of x-kubernetes-validations: a rule that the API server checks, and what it says when broken."""
    entry: dict[str, Any] = {"rule": rule, "message": message, "reason": reason}
    if field is not None:
        entry["fieldPath"] = field
    return entry | more


def immutable(field: str, then: str = "", *, optional: bool = True) -> Any:
    """The rule that a field never changes. `then` ends its message and says what to do instead."""
    rule = f"self.{field} == oldSelf.{field}"
    if optional:
        rule = f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || {rule})"
    return cel(rule, f"{field} is immutable{then}", f".{field}", "FieldValueForbidden")


NO_PASSWORD = cel(
    r"!self.matches('^[^/]*//[^/?#]*@')",
    "must not hold a user or password; they belong in a Secret",
)
"""The rule for every URL: many people can read a spec, and few a Secret."""


def validations(*rules: Any) -> ConfigDict:
    """Model configuration that adds these rules to the model's schema in the CRD."""
    return ConfigDict(json_schema_extra={"x-kubernetes-validations": list(rules)})

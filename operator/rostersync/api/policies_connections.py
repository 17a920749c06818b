"""Policies on connections of every kind: which Secrets they may name, who may weaken their safety, who changed them
last.
"""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rostersync.api.kinds import Kind, connections
from rostersync.api.policies_parts import (
    LAST_CHANGED_BY,
    REQUESTED_AT,
    REQUESTED_BY,
    SPEC_IS_AN_OBJECT,
    USER,
    Manifest,
    Settings,
    must,
    mutating,
    named,
    patch,
    put,
    rule,
    validating,
    when,
)
from rostersync.api.v1alpha1 import GROUP
from rostersync.api.v1alpha1.jobs import ImagePullSecret
from rostersync.api.v1alpha1.meta import Safety, SecretRef

Step = tuple[str, int]
"""A field, and how many entries it may have; 0 if it is not a list."""


def spec_of(kind: Kind) -> type[BaseModel]:
    """The type of a kind's spec."""
    (spec,) = _models(kind.model.model_fields["spec"].annotation)
    return spec


def safety_fields(spec: type[BaseModel]) -> tuple[str, ...]:
    """The fields of a connection that an UPDATE may only change with the verb approve on it."""
    return tuple(
        field.alias or name
        for name, field in spec.model_fields.items()
        if any(isinstance(mark, Safety) for mark in field.metadata)
    )


def secret_paths(model: type[BaseModel], above: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """All places in the spec that name a Secret, found in the types."""
    for name, field in model.model_fields.items():
        for inner in _models(field.annotation):
            path = (*above, (field.alias or name, _at_most(field) if _is_list(field.annotation) else 0))
            if issubclass(inner, SecretRef | ImagePullSecret):
                yield path
            else:
                yield from secret_paths(inner, path)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _is_list(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is tuple


def _at_most(field: FieldInfo) -> int:
    return int(next(m.max_length for m in field.metadata if hasattr(m, "max_length")))


def validating_policies(settings: Settings) -> list[Manifest]:
    """The policies on Secrets that a connection names, on its safety, and on its status."""
    return [policy for kind in connections() for policy in (*_secrets(kind), *_safety(kind), *_status(kind, settings))]


def _secrets(kind: Kind) -> list[Manifest]:
    # The API server allows a million units per expression, and asking the authorizer costs 350,000. So every entry of a
    # list has its own validation.
    return validating(
        f"{kind.singular}-secrets.{GROUP}",
        [rule(["CREATE", "UPDATE"], [kind.plural])],
        [
            must(
                f"{absent} ||\n"
                "authorizer.group('').resource('secrets').namespace(request.namespace)\n"
                f".name({ref}.name).check('get').allowed()",
                f"'you may not get Secret \"' + {ref}.name + '\" in namespace \"' + request.namespace + "
                f"'\", so you may not let {ref.removeprefix('object.')} name it: a connection sends its Secrets "
                "where its spec says'",
                computed=True,
            )
            for path in secret_paths(spec_of(kind))
            for ref, absent in _places(path)
        ],
        when("spec-changes", "request.operation == 'CREATE' || object.spec != oldObject.spec"),
    )


def _places(path: tuple[Step, ...]) -> Iterator[tuple[str, str]]:
    """Each reference that a path can mean, as CEL, with CEL for whether it is absent."""
    places = [("object.spec", [])]  # type: list[tuple[str, list[str]]]
    for name, count in path:
        if count:
            places = [
                (f"{at}.{name}[{i}]", [*absent, f"!has({at}.{name})", f"size({at}.{name}) <= {i}"])
                for at, absent in places
                for i in range(count)
            ]
        else:
            places = [(f"{at}.{name}", [*absent, f"!has({at}.{name})"]) for at, absent in places]
    for at, absent in places:
        yield at, " || ".join(absent)


def _safety(kind: Kind) -> list[Manifest]:
    changed = " +\n".join(
        f"(object.spec.?{field} == oldObject.spec.?{field} ? [] : ['{field}'])"
        for field in safety_fields(spec_of(kind))
    )
    return validating(
        f"{kind.singular}-safety.{GROUP}",
        [rule(["UPDATE"], [kind.plural])],
        [
            must(
                "size(variables.changed) == 0 ||\n"
                f"authorizer.group('{GROUP}').resource('{kind.plural}').namespace(request.namespace)\n"
                ".name(object.metadata.name).check('approve').allowed()",
                "'a change of ' + variables.changed.join(', ') + ' can waive an approval or lose evidence, so it needs the verb approve "
                f"on {kind.plural}.{GROUP} \"' + object.metadata.name + '\", which you (' + "
                f"{USER} + ') lack; ask an approver to make the change'",
                computed=True,
            )
        ],
        when("spec-changes", "object.spec != oldObject.spec"),
        named(changed=changed),
    )


def _status(kind: Kind, settings: Settings) -> list[Manifest]:
    return validating(
        f"{kind.singular}-status.{GROUP}",
        [rule(["UPDATE"], [f"{kind.plural}/status"])],
        [
            must(
                f"{USER} in {settings.operators}",
                f"the status of {kind.one} is the operator's to write; change the spec, or ask for a run or a test "
                "by annotation",
            )
        ],
    )


def mutating_policies() -> list[Manifest]:
    """The policies that record who last changed a connection's spec, and who last requested a run."""
    return [policy for kind in connections() for policy in _stamps(kind)]


def _stamps(kind: Kind) -> list[Manifest]:
    asked, changed = (f"/metadata/annotations/{key.replace('/', '~1')}" for key in (REQUESTED_BY, LAST_CHANGED_BY))

    def annotation(of: str, key: str) -> str:
        return f"{of}.metadata.?annotations[?'{key}']"

    return mutating(
        f"{kind.singular}-stamp.{GROUP}",
        [rule(["CREATE", "UPDATE"], [kind.plural])],
        [
            patch(
                f"(has(object.metadata.annotations) ? [] : [{put('/metadata/annotations', '{}')}]) +\n"
                f"[{put(changed, 'variables.changedBy')}]"
            ),
            patch(
                f"variables.askedBy == {annotation('object', REQUESTED_BY)} ? [] :\n"
                "variables.askedBy.hasValue()\n"
                f"? [{put(asked, 'variables.askedBy.value()')}]\n"
                f": [JSONPatch{{op: 'remove', path: '{asked}'}}]"
            ),
        ],
        SPEC_IS_AN_OBJECT,
        variables=named(
            changedBy="request.operation == 'CREATE' || object.spec != oldObject.spec\n"
            f"? {USER} : {annotation('oldObject', LAST_CHANGED_BY)}.orValue('unknown')",
            # absent where nobody has requested a run; a name that somebody wrote there is removed
            askedBy=f"{annotation('object', REQUESTED_AT)}.hasValue() &&\n"
            f"(request.operation == 'CREATE' || {annotation('object', REQUESTED_AT)} != "
            f"{annotation('oldObject', REQUESTED_AT)})\n"
            f"? optional.of({USER})\n"
            f": request.operation == 'CREATE' ? optional.none() : {annotation('oldObject', REQUESTED_BY)}",
        ),
    )

"""Says what is wrong with a manifest, in our own sentences: field, reason, what is allowed. Inputs are never repeated.

pydantic's texts may print values, so only its codes and limits are used.
"""

import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from rostersync.api.v1alpha1.attributes import SHOWN
from rostersync.api.v1alpha1.meta import DIGEST, SUBDOMAIN
from rostersync.api.v1alpha1.storage import QUANTITY
from rostersync.spelling import near

_IN_TEXT = re.compile(r"(\[\d+\](?:\.\w+)?): (.*)", re.DOTALL)
_FORMS = {
    SUBDOMAIN: "must consist of lower case letters, digits, dashes and dots, and begin and end with a letter or digit",
    DIGEST: "must be sha256: and 64 hexadecimal digits",
    QUANTITY: "must be a quantity such as 500m, 2 or 10Gi",
    r"^[1-9][0-9]{0,5}[mhd]$": "must be a duration such as 90m, 72h or 400d",
    r"""^[^\s,"']*$""": "must not have spaces, commas or quotes",
}
# pydantic's code -> sentence, to be filled from its context
_SENTENCES = {
    "missing": "is required",
    "string_type": "must be text; put it in quotes if it looks like a number or like true and false",
    "int_type": "must be a whole number, without quotes",
    "bool_type": "must be true or false, without quotes",
    "model_type": "must be a mapping of fields to values",
    "model_attributes_type": "must be a mapping of fields to values",
    "dict_type": "must be a mapping of names to values",
    "tuple_type": "must be a list",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
}


@dataclass(frozen=True)
class Problem:
    """One mistake: `path` is its dotted field path (`spec.schedule.cron`), `location` its keys and indexes."""

    path: str
    message: str
    location: tuple[str | int, ...]

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def problems(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """All problems of a failed validation of `model`, in the order of the fields."""
    entries = error.errors(include_url=False, include_input=False)
    # for pydantic, a list whose only entry is invalid counts as empty; the entry's own problem says more
    above = {entry["loc"][:depth] for entry in entries for depth in range(len(entry["loc"]))}
    return [
        _problem(entry["loc"], entry["type"], entry.get("ctx", {}), model)
        for entry in entries
        if entry["type"] != "too_short" or entry["loc"] not in above
    ]


def _problem(location: tuple[int | str, ...], code: str, context: Mapping[str, Any], model: type[BaseModel]) -> Problem:
    holder, shown = _walk(location, model)
    path = _dotted(shown)
    if code == "extra_forbidden":
        return _unknown_field(str(location[-1]), shown, holder)
    message = _message(code, context)
    if match := _IN_TEXT.fullmatch(message):
        path, message = path + match[1], match[2]
    return Problem(path, message, shown)


def _message(code: str, context: Mapping[str, Any]) -> str:
    if code == "value_error":
        return str(context["error"])
    if code in ("literal_error", "enum"):
        allowed = re.findall(r"'([^']*)'", str(context["expected"]))
        return f"must be one of {', '.join(allowed)}" if len(allowed) > 1 else f"must be {allowed[0]}"
    if code == "string_pattern_mismatch":
        return _FORMS.get(context["pattern"], f"must match {context['pattern']}")
    return _SENTENCES.get(code, "is not valid").format(**context)


def _unknown_field(name: str, location: tuple[str | int, ...], holder: type[BaseModel] | None) -> Problem:
    allowed = [field.alias or key for key, field in holder.model_fields.items()] if holder else []
    close = near(name, allowed, most=2)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    what = "is not a field here" if SHOWN.fullmatch(name) else "has a field that is not known"
    shown = location if SHOWN.fullmatch(name) else location[:-1]
    return Problem(_dotted(shown), f"{what}; {hint}allowed: {', '.join(allowed)}", shown)


def _walk(
    location: tuple[int | str, ...], model: type[BaseModel]
) -> tuple[type[BaseModel] | None, tuple[str | int, ...]]:
    """The model of a location's last field, and the location without keys of free-form maps, which are data."""
    here: Any = model
    holder: type[BaseModel] | None = model
    for depth, key in enumerate(location):
        if isinstance(here, type) and issubclass(here, BaseModel):
            holder = here
            here = {f.alias or name: f.annotation for name, f in here.model_fields.items()}.get(str(key))
        elif isinstance(key, int):
            here = next(iter(get_args(here)), None)
        else:
            return None, location[:depth]
        here = _bare(here)
    return holder, location


def _bare(annotation: Any) -> Any:
    """X, for `Annotated[X, …]` and `X | None`."""
    while get_origin(annotation) not in (None, tuple, list, dict):
        arguments = [a for a in _arguments(annotation) if a is not type(None)]
        if not arguments:
            break
        annotation = arguments[0]
    return annotation


def _arguments(annotation: Any) -> Iterator[Any]:
    arguments = get_args(annotation)
    yield from arguments if get_origin(annotation) in (Union, types.UnionType) else arguments[:1]


def _dotted(location: tuple[str | int, ...]) -> str:
    text = ""
    for key in location:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text

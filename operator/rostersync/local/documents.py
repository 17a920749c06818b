"""Reads YAML as the API server does: refuses duplicate keys, keeps dates as text, and knows the line of every value.

A file may come from anywhere, so its size is limited before values are built from it. Aliases and merges count as what
they expand to.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rostersync.errors import InvalidManifest

MAX_BYTES = 2**20  # of a file, since Kubernetes takes no larger object
MAX_LINES = 50_000  # of a file, empty ones included
MAX_VALUES = 20_000  # of a file, including keys; reading that many takes about a second
MAX_DEPTH = 50  # nested mappings and lists

_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOUNDS = {
    "LARGE": f"more than {MAX_VALUES} values, where an alias counts as what it stands for; split the file, or repeat less",
    "DEEP": f"mappings and lists more than {MAX_DEPTH} deep; no manifest needs that",
    "LOOP": "an alias within what it stands for; write the values out",
    "NUL": "a NUL character or half a letter, which no name, address or text may hold; take it out",
    "LINES": f"more than {MAX_LINES} lines; split the file",
}
_HINTS = {
    "mapping values are not allowed": "a colon where none can stand: check the indentation, or quote the text",
    "could not find expected ':'": "a field without its colon",
    "that cannot start any token": "a character that cannot begin a value: a tab, or text that needs quotes",
    "expected <block end>": "the indentation does not fit the lines above, or a text that begins with a bracket needs quotes",
    "found undefined alias": "an alias (*name) without its anchor",
    "unexpected end of stream": "a quote or bracket that is never closed",
}


@dataclass(frozen=True)
class Document:
    """One document of a file. `value` may hold secrets, so it is not printed."""

    file: Path
    number: int  # from 1
    value: Any = field(repr=False)
    node: yaml.Node = field(repr=False)

    @property
    def where(self) -> str:
        """The place, for people."""
        return f"{self.file}, document {self.number}"

    def line(self, location: tuple[str | int, ...]) -> int:
        """Line (from 1) of the value at a location, or of the nearest thing above it that is there."""
        node = self.node
        line = node.start_mark.line
        for key in location:
            if isinstance(node, yaml.MappingNode):
                found = next(((k, v) for k, v in node.value if k.value == key), None)
                if found is None:
                    break
                line, node = found[0].start_mark.line, found[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
                node = node.value[key]
                line = node.start_mark.line
            else:
                break
        return int(line) + 1


class _Loader(yaml.SafeLoader):
    """SafeLoader without dates, with unique text keys only, and with limits."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._values = self._depth = 0
        self._sizes: dict[int, int] = {}  # of nodes, by identity: how much an alias expands to
        self._nodes: list[yaml.Node | None] = []  # kept alive, so that no identity is reused

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        before = self._values
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _beyond("DEEP", event)
        self._values += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(event, yaml.AliasEvent):
            if id(node) not in self._sizes:
                raise _beyond("LOOP", event)
            self._values += self._sizes[id(node)]
        else:
            self._sizes[id(node)] = self._values - before
            self._nodes.append(node)
        if self._values > MAX_VALUES:
            raise _beyond("LARGE", event)
        return node

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        text = super().construct_scalar(node)
        if isinstance(text, str) and _unfit(text):
            raise yaml.constructor.ConstructorError(None, None, "NUL", node.start_mark)
        return text

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = self._key(key_node)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, "DUPLICATE", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)

    def _key(self, node: yaml.Node) -> str:
        if node.tag == "tag:yaml.org,2002:merge":
            return "<<"
        value = self.construct_object(node)
        if isinstance(value, int) and not isinstance(value, bool) and str(value) == node.value:
            node.tag = "tag:yaml.org,2002:str"  # values: {9: "09"} means the text 9, as for the API server
            self.constructed_objects.pop(node, None)
        elif not isinstance(value, str):
            raise yaml.constructor.ConstructorError(None, None, "KEY", node.start_mark)
        return str(node.value)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _unfit(text: str) -> bool:
    """Whether a text holds what cannot be stored: NUL, or a lone surrogate."""
    return "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text)


def _whole_number(loader: _Loader, node: yaml.ScalarNode) -> int:
    value = loader.construct_yaml_int(node)
    if abs(value) >= 2**63:
        raise ValueError("no field holds so large a number")
    return int(value)


def _unknown(loader: _Loader, node: yaml.Node) -> Any:
    raise yaml.constructor.ConstructorError(None, None, "a tag that is not read", node.start_mark)


_Loader.add_constructor("tag:yaml.org,2002:int", _whole_number)
for _tag in ("binary", "timestamp", "set", "omap", "pairs"):  # the API server knows none of these
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _unknown)


def _beyond(which: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    mark = event.start_mark
    where = yaml.Mark("", mark.index, mark.line, mark.column, None, 0) if mark else None
    return yaml.composer.ComposerError(None, None, which, where)


def read(file: Path) -> Iterator[Document]:
    """The documents of a file, empty ones left out. Raises InvalidManifest, naming the line of what is not YAML."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
        text = raw[:MAX_BYTES].decode("utf-8-sig") if len(raw) <= MAX_BYTES else ""
    except UnicodeDecodeError:
        raise InvalidManifest(f"{file} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise InvalidManifest(f"{file} cannot be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise InvalidManifest(f"{file} is larger than {MAX_BYTES // 2**20} MiB, which no manifest is; check the path")
    number = 0
    try:
        _count(file, text)
        loader = _Loader(text)
        try:
            while loader.check_node():
                number += 1
                node = loader.get_node()
                if node is not None and (value := loader.construct_document(node)) is not None:
                    yield Document(file, number, value, node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(file, max(number, 1), error) from None
    except yaml.YAMLError:
        raise InvalidManifest(f"{file} holds characters that YAML does not allow, such as NUL") from None
    except (
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        OverflowError,
        RecursionError,
    ):  # numbers and tags that cannot be read
        raise InvalidManifest(
            f"{file}, document {max(number, 1)}: a value that cannot be read; put it in quotes"
        ) from None


def _count(file: Path, text: str) -> None:
    """Refuse early what is clearly too large. Other errors are found by the slow parser."""
    if text.count("\n") > MAX_LINES:
        raise InvalidManifest(f"{file}: {_BOUNDS['LINES']}")
    values = depth = 0
    with contextlib.suppress(yaml.YAMLError, ValueError):
        for event in yaml.parse(text, Loader=_FAST):
            values += isinstance(event, yaml.NodeEvent)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if values > MAX_VALUES or depth > MAX_DEPTH:
                raise _not_yaml(file, 1, _beyond("DEEP" if depth > MAX_DEPTH else "LARGE", event))


def _not_yaml(file: Path, number: int, error: yaml.MarkedYAMLError) -> InvalidManifest:
    """A sentence of our own, since the parser's quotes the file."""
    mark = error.problem_mark or error.context_mark
    line = f"line {mark.line + 1}" if mark else f"document {number}"
    problem = error.problem or ""
    if problem == "DUPLICATE":
        return InvalidManifest(f"{file}, {line}: this field stands twice in one mapping; keep one of them")
    if problem in _BOUNDS:
        return InvalidManifest(f"{file}, {line}: {_BOUNDS[problem]}")
    if problem == "KEY":
        return InvalidManifest(f"{file}, {line}: a field name that is not text; put it in quotes")
    hint = next((hint for words, hint in _HINTS.items() if words in problem), "check quotes, colons and indentation")
    return InvalidManifest(f"{file}, {line}: not valid YAML: {hint}")

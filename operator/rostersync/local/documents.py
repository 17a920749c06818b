"""Reading YAML as the API server would: duplicate keys refused, dates kept as text, every value with its line."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rostersync.errors import InvalidManifest

_HINTS = {
    "mapping values are not allowed": "a colon where none can stand: check the indentation, or quote the text",
    "could not find expected ':'": "a field without its colon",
    "that cannot start any token": "a character that cannot begin a value: a tab, or text that needs quotes",
    "expected <block end>": "the indentation does not fit the lines above",
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
    """SafeLoader without dates, with text keys only, each once."""

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


def read(file: Path) -> Iterator[Document]:
    """The documents of a file, empty ones left out. Raises InvalidManifest, naming the line of what is not YAML."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidManifest(f"{file} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise InvalidManifest(f"{file} cannot be read: {error.strerror}") from None
    number = 0
    try:
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
        raise InvalidManifest(f"{file} holds characters that YAML does not allow") from None


def _not_yaml(file: Path, number: int, error: yaml.MarkedYAMLError) -> InvalidManifest:
    """Our own sentence: the parser's repeats what stands in the file."""
    mark = error.problem_mark or error.context_mark
    line = f"line {mark.line + 1}" if mark else f"document {number}"
    problem = error.problem or ""
    if problem == "DUPLICATE":
        return InvalidManifest(f"{file}, {line}: this field stands twice in one mapping; keep one of them")
    if problem == "KEY":
        return InvalidManifest(f"{file}, {line}: a field name that is not text; put it in quotes")
    hint = next((hint for words, hint in _HINTS.items() if words in problem), "check quotes, colons and indentation")
    return InvalidManifest(f"{file}, {line}: not valid YAML: {hint}")

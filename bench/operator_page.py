"""The parts of operator/BENCHMARKS.md that are not the engine's, between two marks each, so that they and the engine's part leave
each other alone."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """What one target writes."""

    name: str
    target: str

    @property
    def begin(self) -> str:
        """The mark in front of it."""
        return f"<!-- {self.name}: written by `make {self.target}`; do not edit -->"

    @property
    def end(self) -> str:
        """The mark behind it."""
        return f"<!-- end of {self.name} -->"

    def marked(self, text: str) -> str:
        """A text as this part."""
        return f"{self.begin}\n\n{text.strip()}\n\n{self.end}"


OPERATOR, DELIVERIES = Part("operator", "bench-operator"), Part("deliveries", "bench-deliveries")
SOURCES = Part("several sources", "bench-sources")
_PARTS = (OPERATOR, DELIVERIES, SOURCES)


def split(page: str) -> tuple[str, str]:
    """(the page without these parts, the parts with their marks); the second is empty when there is none."""
    rest, found = page, []
    for part in _PARTS:
        rest, text = _without(rest, part)
        found.append(text)
    return rest, _joined(*found)


def placed(page: str, part: str) -> str:
    """The page with new parts, which have their marks, at its end. Others that it has stay."""
    rest, kept = split(page)
    old, new = ({p: _without(text, p)[1] for p in _PARTS} for text in (kept, part))
    return _joined(rest, *(new[p] or old[p] for p in _PARTS)) + "\n"


def _without(page: str, part: Part) -> tuple[str, str]:
    before, begin, rest = page.partition(part.begin)
    text, end, after = rest.partition(part.end)
    if not begin or not end:
        return page, ""
    left = _joined(before, after)
    return f"{left}\n" if left else "", f"{part.begin}{text}{part.end}"


def _joined(*texts: str) -> str:
    return "\n\n".join(stripped for text in texts if (stripped := text.strip()))

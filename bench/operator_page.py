"""The operator's part of operator/BENCHMARKS.md, between two marks, so that the engine's part and it leave each other alone."""

BEGIN, END = "<!-- operator: written by `make bench-operator`; do not edit -->", "<!-- end of operator -->"


def split(page: str) -> tuple[str, str]:
    """(the page without the operator's part, that part with its marks); the part is empty when there is none."""
    before, begin, rest = page.partition(BEGIN)
    part, end, after = rest.partition(END)
    if not begin or not end:
        return page, ""
    left = "\n\n".join(text for text in (before.rstrip(), after.strip()) if text)
    return f"{left}\n" if left else "", f"{BEGIN}{part}{END}"


def placed(page: str, part: str) -> str:
    """The page with a new part, which has its marks, at its end."""
    rest, _ = split(page)
    return "\n\n".join(text for text in (rest.rstrip(), part) if text) + "\n"


def marked(text: str) -> str:
    """A text as the operator's part."""
    return f"{BEGIN}\n\n{text.strip()}\n\n{END}"

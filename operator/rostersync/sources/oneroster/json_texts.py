"""Takes out of the JSON of a page what no text may hold, so that one spoiled name stops no district."""

import re

_NUL = rb"\u0000"
_BACKSLASH = rb"\\"  # as JSON writes one
# An escaped backslash, a letter written as two halves, or a half alone.
_SURROGATES = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_REPLACEMENT = rb"\ufffd"


def without_nul(body: bytes) -> bytes:
    """JSON whose texts hold no NUL: nobody can type or see one, and PostgreSQL cannot keep it."""
    if _NUL not in body:
        return body
    return _BACKSLASH.join(part.replace(_NUL, b"") for part in body.split(_BACKSLASH))


def without_halves(body: bytes) -> bytes:
    """JSON whose texts hold no half of a letter of two, as where a server cut a text there: each becomes U+FFFD."""
    return _SURROGATES.sub(lambda found: _REPLACEMENT if found["half"] else found[0], body)

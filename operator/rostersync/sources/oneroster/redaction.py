"""Removes the client's secret and tokens from texts of servers, which may echo what they were sent."""

import base64
import html
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, quote_plus

from rostersync.errors import RostersyncError
from rostersync.sources.port import Credentials

_HIDDEN = "[hidden]"
_SHORTEST = 4  # characters; anything shorter appears in texts by chance


class Redaction:
    """Knows the secrets: the credentials that it is made with, and every token that is added."""

    def __init__(self, credentials: Credentials) -> None:
        self._lock = threading.Lock()
        self._told: set[str] = set()
        self.add(credentials.client_secret)
        self.add(credentials.user_secret)
        self.add(base64.b64encode(f"{credentials.client_id}:{credentials.client_secret}".encode()).decode())

    def add(self, secret: str) -> None:
        """Add a secret."""
        with self._lock:
            self._told |= _spellings(secret) if len(secret) >= _SHORTEST else set()

    def without(self, text: str | None) -> str | None:
        """The text without secrets, however they are spelled."""
        with self._lock:
            words = sorted(self._told, key=len, reverse=True)
        for word in words if text else ():
            text = (text or "").replace(word, _HIDDEN)
        return text

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Remove secrets from the detail of errors that pass through."""
        try:
            yield
        except RostersyncError as error:
            error.detail = self.without(error.detail)
            raise


def _spellings(secret: str) -> set[str]:
    """A secret as it is, and as forms, JSON (where PHP escapes slashes), HTML and Python write it."""
    quoted = [json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]]
    marked = [html.escape(secret), html.escape(secret, quote=False), html.escape(secret).replace("&#x27;", "&#039;")]
    return {
        secret,
        *quoted,
        *(q.replace("/", "\\/") for q in quoted),
        *marked,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        repr(secret)[1:-1],
    }

"""Access tokens. Like Focus, this gives out a token that is still valid again, with the lifetime that it has left."""

import secrets
import threading
import time
from typing import Any

LIFETIME = 2462.0  # seconds, as a real Focus said


class Tokens:
    """The tokens of one server."""

    def __init__(self, lifetime: float) -> None:
        self.lifetime = lifetime
        self._lock = threading.Lock()
        self._token: str | None = None
        self._until = 0.0
        self._requests = 310

    def issue(self) -> dict[str, Any]:
        """The answer to a token request, in Focus' form."""
        with self._lock:
            left = self._until - time.monotonic()
            if self._token is None or left < self.lifetime / 10:
                self._token, left = secrets.token_hex(32), self.lifetime
                self._until = time.monotonic() + left
            self._requests += 1
            ends = time.gmtime(time.time() + left)
            return {
                "request_id": self._requests,
                "access_token": self._token,
                "token_type": "bearer",
                "expiration": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", ends),
                "expires_in": int(left),
                "scope": "*",
            }

    def good(self, token: str) -> bool:
        """Whether the token is the current one and has not expired."""
        with self._lock:
            return self._token == token and time.monotonic() < self._until

    def expire(self) -> None:
        """Expire all tokens."""
        with self._lock:
            self._token = None

"""Access tokens. Like Focus, this can give out a token that is still valid again, with the lifetime that it has left."""

import secrets
import threading
import time
from typing import Any

LIFETIME = 2462.0  # seconds, as a real Focus said


class Tokens:
    """The tokens of one server. `reissues`: one that is still good is given out again."""

    def __init__(self, lifetime: float, reissues: bool = True) -> None:
        self.lifetime = lifetime
        self._reissues = reissues
        self._lock = threading.Lock()
        self._good: dict[str, tuple[float, str]] = {}  # token -> when it ends, and its scope
        self._last = ""
        self._requests = 310

    def issue(self, scope: str = "") -> dict[str, Any]:
        """The answer to a token request."""
        with self._lock:
            self._requests += 1
            left = self._good.get(self._last, (0.0, ""))[0] - time.monotonic()
            if not self._reissues or left < self.lifetime / 10:
                left = self.lifetime
                self._last = secrets.token_hex(32)
                self._good = {t: known for t, known in self._good.items() if known[0] > time.monotonic()}
                self._good[self._last] = (time.monotonic() + left, scope)
            answer = {
                "access_token": self._last,
                "token_type": "bearer",
                "expires_in": int(left),
                "scope": "*" if self._reissues else scope,
            }
            if self._reissues:
                ends = time.gmtime(time.time() + left)
                answer |= {"request_id": self._requests, "expiration": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", ends)}
            return answer

    def good(self, token: str) -> bool:
        """Whether the token was given out and has not expired."""
        with self._lock:
            return time.monotonic() < self._good.get(token, (0.0, ""))[0]

    def scope(self, token: str) -> str:
        """The scope that the token was asked for with."""
        with self._lock:
            return self._good.get(token, (0.0, ""))[1]

    def expire(self) -> None:
        """Expire all tokens."""
        with self._lock:
            self._good.clear()

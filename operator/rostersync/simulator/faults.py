"""Faults on purpose, and when they occur. Written as NAME[:VALUE][,once][,times=N][,every=N][,after=N]
[,probability=P][,on=COLLECTION], as in `429:2,every=5,on=users`."""

import threading
from dataclasses import dataclass, field
from typing import Any

from rostersync.simulator import seeded
from rostersync.simulator.events import COLLECTIONS
from rostersync.simulator.roster import PARTS

HELP = {
    "429[:SECONDS|none]": "too many requests, with Retry-After (default 1) or without",
    "500, 502, 503, 504": "a server error; 502 and 504 with a gateway's HTML",
    "403, 404": "the collection is forbidden, or does not exist",
    "disconnect": "the connection is cut before anything is answered",
    "truncated[:wire]": "the page ends early, in its JSON or in the connection",
    "html": "200 with a page of HTML",
    "missing-envelope": "200 without the collection's key",
    "echo-names": "500 whose text has names of people",
    "wrong-total[:DELTA]": "the total is off (default +7)",
    "no-totals": "neither total nor X-Total-Count",
    "short-pages[:N]": "never more than N rows (default 50), whatever limit asks for",
    "limit-refused:N, limit-fails:N": "a limit above N gets 400, or 500",
    "duplicate-rows": "pages after the first begin with the last row of the page before",
    "unsorted": "in no order, but the same each time",
    "unstable-order": "in another order each time",
    "token-expiry": "every token has expired",
    "slow:MS": "the answer comes MS milliseconds later",
    "next:off|relative": "no pagination key in the body, or its URL without a host",
    "links:standard|bare|relative|off-by-one|internal|none": "Link headers (or none) instead of the body's pagination",
    "perm-rev": "a header x-perm-rev, which changes each time this fault occurs",
    "credentials:basic|form|query|scope|cookie": "the token only works with this placement, a scope, or the cookie",
    "null-references": "some enrolments without class, user or school",
    "odd-values": "booleans as text or number, dates with time, schoolYear 2026-2027, parents left out",
    "odd-casing": "SourcedId instead of sourcedId",
    "passwords": "users come with a password",
    "hide:N": "N rows of a collection are left out, and its totals agree with that; by id they are there",
    "by-id:active|another|STATUS[:SECONDS]": "what is asked for by id is always there, is another record, or gets this "
    "status, with Retry-After",
}
NAMES = frozenset(n.partition("[")[0].partition(":")[0].strip() for names in HELP for n in names.split(","))
_NEED_VALUE = frozenset({"limit-refused", "limit-fails", "slow", "links", "credentials", "next", "hide", "by-id"})
_NUMBERS = frozenset({"limit-refused", "limit-fails", "slow", "short-pages", "wrong-total", "hide"})
TOKEN = "token"  # the `on` of token requests  # noqa: S105


@dataclass
class Fault:
    """One fault. Without `on`, it concerns every request but those for a token."""

    name: str
    value: str | None = None
    on: str | None = None
    times: int | None = None  # how often at most
    every: int = 1  # one in this many matching requests
    after: int = 0  # matching requests before the first fault
    probability: float = 1.0
    seen: int = field(default=0, compare=False)
    struck: int = field(default=0, compare=False)

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """The fault that a text describes. Raises ValueError that says what is possible."""
        head, *options = text.split(",")
        name, _, value = head.partition(":")
        fault = cls(name.strip(), value.strip() or None)
        if fault.name not in NAMES:
            raise ValueError(f"{text}: no such fault; faults are {', '.join(sorted(NAMES))}")
        if fault.value is None and fault.name in _NEED_VALUE:
            raise ValueError(f"{text}: {fault.name} needs a value, as in {fault.name}:…")
        if fault.name in _NUMBERS and fault.value is not None:
            try:
                int(fault.value)
            except ValueError:
                raise ValueError(f"{text}: {fault.name} needs a whole number") from None
        for option in options:
            fault._set(text, *option.strip().partition("=")[::2])
        return fault

    def _set(self, text: str, key: str, value: str) -> None:
        if key not in ("once", "times", "every", "after", "probability", "on"):
            raise ValueError(f"{text}: no such option: {key}")
        if key == "on" and value not in (*COLLECTIONS, *PARTS, TOKEN):
            raise ValueError(f"{text}: on is {TOKEN} or one of {', '.join((*COLLECTIONS, *PARTS))}")
        try:
            match key:
                case "once":
                    self.times = 1
                case "on":
                    self.on = value
                case "probability":
                    self.probability = float(value)
                case _:
                    setattr(self, key, max(int(value), 1 if key == "every" else 0))
        except ValueError:
            raise ValueError(f"{text}: {key} needs a number") from None

    def strikes(self, target: str, drawn: int) -> bool:
        """Whether it strikes a request for `target`, which is counted. `drawn` is compared with the probability."""
        if target != self.on if self.on else target == TOKEN and self.name != "credentials":
            return False
        self.seen += 1
        if self.seen <= self.after or (self.seen - self.after) % self.every:
            return False
        if self.times is not None and self.struck >= self.times:
            return False
        if drawn % 1_000_000 >= self.probability * 1_000_000:
            return False
        self.struck += 1
        return True

    def as_dict(self) -> dict[str, Any]:
        """As the control endpoint shows it."""
        return {k: v for k, v in vars(self).items() if v is not None}


class Faults:
    """The faults that are switched on. Safe to use from several threads."""

    def __init__(self, seed: int = 1) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._purpose = seeded.key(seed, "faults")
        self._drawn = 0

    def add(self, fault: Fault | str) -> Fault:
        """Switch a fault on."""
        fault = Fault.parse(fault) if isinstance(fault, str) else fault
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Switch all faults off."""
        with self._lock:
            self._faults.clear()

    def all(self) -> list[Fault]:
        """The faults that are on."""
        with self._lock:
            return list(self._faults)

    def striking(self, target: str) -> dict[str, str | None]:
        """The faults that strike this request, each with its value."""
        with self._lock:
            struck: dict[str, str | None] = {}
            for fault in self._faults:
                self._drawn += 1
                if fault.strikes(target, seeded.mix(self._purpose, self._drawn) >> 30):
                    struck[fault.name] = fault.value
                    if fault.name == "unstable-order":
                        struck[fault.name] = str(fault.struck)
                if fault.name == "perm-rev":
                    struck[fault.name] = str(100 + fault.struck)  # the header is always there
            return struck

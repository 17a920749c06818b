"""Answers the requests of a connection, one after the other: token, collections, single records, control."""

import time
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from rostersync.simulator import paging, token_requests
from rostersync.simulator.faults import TOKEN
from rostersync.simulator.profiles import DEMOGRAPHICS
from rostersync.simulator.roster import PARTS, SINGULAR, Hiding
from rostersync.simulator.row_format import format_rows, row_steps
from rostersync.simulator.served import Served
from rostersync.simulator.signatures import signed
from rostersync.simulator.token_requests import COOKIE

HTML = b"<html><head><title>Focus</title></head><body><h1>Please log in</h1></body></html>"
GATEWAY = b"<html><body><h1>Bad Gateway</h1></body></html>"
CONTROL = """POST /_simulator/day {"day": 2} or {} for the next; /_simulator/event {"event": "NAME"} or {"clear": true};
/_simulator/fault {"fault": "NAME"} or {"clear": true}"""
_MINOR = {
    400: "invaliddata",
    401: "unauthorisedrequest",
    403: "forbidden",
    404: "unknownobject",
    429: "server_busy",
}

Struck = dict[str, str | None]


class Refused(Exception):  # noqa: N818 - a way out, not a failure
    """The request is answered with an error of this status."""

    def __init__(self, status: int, description: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(description)
        self.status, self.headers = status, headers or {}


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP/1.1 with keep-alive."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    timeout = 120
    server_version = "FocusSimulator"

    @property
    def simulator(self) -> Served:
        """The simulator that this connection belongs to."""
        return self.server.simulator  # type: ignore[attr-defined,no-any-return]

    def do_GET(self) -> None:
        """A collection, a single record, or the control endpoint's state."""
        self._answered(self._get)

    def do_POST(self) -> None:
        """A token, or something for the control endpoint."""
        self._answered(self._post)

    def _answered(self, answer: Callable[[str, dict[str, str]], None]) -> None:
        url = urlsplit(self.path)
        self._path, self._query = url.path, dict(parse_qsl(url.query, keep_blank_values=True))
        try:
            answer(self._path, self._query)
        except Refused as refused:
            self._refuse(refused)

    # -- control ------------------------------------------------------------------------------------------------

    def _post(self, path: str, query: dict[str, str]) -> None:
        body = self._body()
        if path == self.simulator.token_path:
            self._token(body, query)
        elif path.startswith("/_simulator/"):
            self._control(path.removeprefix("/_simulator/"), body)
        else:
            raise Refused(404, "no such thing")

    def _body(self) -> bytes:
        """The body of a request, which proxies may send in chunks."""
        if "chunked" not in (self.headers.get("Transfer-Encoding") or "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(64).split(b";")[0].strip() or b"0", 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline(8)
        while self.rfile.readline(1024).strip():
            continue  # trailers
        return b"".join(parts)

    def _control(self, what: str, body: bytes) -> None:
        try:
            self._obey(what, msgspec.json.decode(body or b"{}", type=dict[str, Any]))
        except (ValueError, msgspec.DecodeError) as error:
            self._send(400, {"error": str(error)})
            return
        self._said(self.simulator.state())

    def _said(self, what: dict[str, Any]) -> None:
        """JSON for somebody at a terminal, so its line ends."""
        self._write(200, msgspec.json.encode(what) + b"\n", {})

    def _obey(self, what: str, order: dict[str, Any]) -> None:
        simulator = self.simulator
        match what, order:
            case "day", {"day": int(day)}:
                simulator.set_day(day)
            case "day", _ if not order:
                simulator.set_day(simulator.day + 1)
            case "event", {"event": str(event)}:
                simulator.add_event(event)
            case "event", {"clear": True}:
                simulator.clear_events()
            case "fault", {"fault": str(fault)}:
                simulator.add_fault(fault)
            case "fault", {"clear": True}:
                simulator.clear_faults()
            case _:
                raise ValueError(CONTROL)

    # -- token --------------------------------------------------------------------------------------------------

    def _token(self, body: bytes, query: dict[str, str]) -> None:
        struck = self._strike(TOKEN)
        authorization = self.headers.get("Authorization", "")
        self._send(*token_requests.reply(self.simulator, body, query, authorization, struck))

    # -- data ---------------------------------------------------------------------------------------------------

    def _get(self, path: str, query: dict[str, str]) -> None:
        if path == "/_simulator":
            self._said(self.simulator.state())
            return
        collection, _, sourced_id = path.removeprefix(self.simulator.base_path + "/").partition("/")
        if not path.startswith(self.simulator.base_path + "/") or collection not in (*SINGULAR, *PARTS):
            raise Refused(404, "no such thing")
        with self.simulator.answering() as allowed:
            if not allowed:
                raise Refused(429, "too many requests at the same time", {"Retry-After": "1"})
            struck = self._strike(collection)
            self._authorise(collection, struck)
            if sourced_id:
                self._single(collection, unquote(sourced_id), struck)
            else:
                self._page(collection, query, struck)

    def _authorise(self, collection: str, struck: Struck) -> None:
        simulator = self.simulator
        header = self.headers.get("Authorization", "")
        scheme, _, token = header.partition(" ")
        if scheme.lower() == "oauth" and simulator.version in simulator.sis.signs:
            client, user = (simulator.client_id, simulator.client_secret), (simulator.user_key, simulator.user_secret)
            url = self._origin() + self.path
            if not signed(header, url, client, user if simulator.sis.users else None, simulator.is_new):
                raise Refused(401, "the signature is wrong", {"WWW-Authenticate": "OAuth"})
            return
        if scheme.lower() != "bearer" or not simulator.tokens.good(token.strip()):
            raise Refused(401, "the token is missing, wrong or expired", {"WWW-Authenticate": "Bearer"})
        scopes = simulator.tokens.scope(token.strip()).split()
        if collection == "demographics" and simulator.sis.scoped and not any(s.endswith(DEMOGRAPHICS) for s in scopes):
            raise Refused(403, "the scope of the token does not have demographics")
        if struck.get("credentials") == "cookie" and COOKIE not in self.headers.get("Cookie", ""):
            raise Refused(401, "the session cookie is missing")

    def _strike(self, target: str) -> Struck:
        struck = self.simulator.faults.striking(target)
        if "slow" in struck:
            time.sleep(int(struck["slow"] or 0) / 1000)
        if "token-expiry" in struck:
            self.simulator.tokens.expire()
        for status in (500, 503, 403, 404):
            if str(status) in struck:
                raise Refused(status, "switched on")
        for status in (502, 504):
            if str(status) in struck:
                raise Refused(status, "html")
        if "429" in struck:
            after = struck["429"] or "1"
            raise Refused(429, "too many requests", {} if after == "none" else {"Retry-After": after})
        if "disconnect" in struck:
            self.close_connection = True
            self.simulator.saw(self.command, self._path, self._query, -1)
            raise Refused(-1, "disconnect")
        return struck

    def _page(self, collection: str, query: dict[str, str], struck: Struck) -> None:
        simulator, roster = self.simulator, self.simulator.roster
        if "hide" in struck:
            roster = Hiding(roster, int(struck["hide"] or 0))
        try:
            page = paging.asked(query)
        except ValueError as error:
            raise Refused(400, "limit and offset are numbers") from error
        if "filter" in query:
            raise Refused(400, "filters are not served")
        first = roster.rows(collection, 0, min(1, roster.total(collection)), "")
        if simulator.sis.strict and "sort" in query and any(query["sort"] not in row for row in first):
            raise Refused(400, "there is no such field to sort by")
        if (most := simulator.sis.most_rows) is not None and page.limit > most:
            if not simulator.sis.clamps:
                raise Refused(400, f"limit is at most {most}")
            page = replace(page, limit=most)
        for name, status in (("limit-refused", 400), ("limit-fails", 500)):
            if name in struck and page.limit > int(struck[name] or 0):
                raise Refused(status, "the limit is too large")
        base = self._origin() + simulator.base_path
        steps = row_steps(collection, simulator.version, struck)
        rows = format_rows(paging.pick(roster, collection, page, struck, base), steps)
        if "echo-names" in struck:
            people = roster.rows("users", page.offset, page.offset + 5, base)
            names = ", ".join(f"{p['givenName']} {p['familyName']}" for p in people)
            raise Refused(500, f"could not serialise {names}")
        if "html" in struck:
            self._write(200, HTML, {"Content-Type": "text/html"})
            return
        in_body = simulator.sis.in_body and simulator.version == "1.1"
        answer = paging.answer(
            collection, rows, page, roster.total(collection), in_body, struck, f"{base}/{collection}", query
        )
        self._send(200, answer.body, answer.headers, struck)

    def _single(self, collection: str, sourced_id: str, struck: Struck) -> None:
        base = self._origin() + self.simulator.base_path
        roster, fault = self.simulator.roster, struck.get("by-id") or ""
        status, _, after = fault.partition(":")
        if status.isdecimal():
            raise Refused(int(status), "switched on", {"Retry-After": after} if after else {})
        row = roster.one(collection, sourced_id, base)
        if row is None and fault == "active":
            row = {"sourcedId": sourced_id, "status": "active"}
        elif fault == "another":
            row = next(iter(r for r in roster.rows(collection, 0, 2, base) if r["sourcedId"] != sourced_id), None)
        if row is None:
            raise Refused(404, "unknown object")
        steps = row_steps(collection, self.simulator.version, struck)
        [formatted] = format_rows([(0, row)], steps)
        self._send(200, {SINGULAR[PARTS.get(collection, (collection,))[0]]: formatted}, {}, struck)

    def _origin(self) -> str:
        scheme = self.simulator.origin.partition(":")[0]
        return f"{scheme}://{self.headers['Host']}" if self.headers.get("Host") else self.simulator.origin

    # -- the wire -----------------------------------------------------------------------------------------------

    def _refuse(self, refused: Refused) -> None:
        if refused.status < 0:
            return
        if refused.status in (502, 504):
            self._write(refused.status, GATEWAY, {"Content-Type": "text/html"})
            return
        minor = _MINOR | {400: self.simulator.sis.invalid}
        body = {
            "imsx_codeMajor": "failure",
            "imsx_severity": "error",
            "imsx_description": str(refused),
            "imsx_CodeMinor": {
                "imsx_codeMinorField": [
                    {
                        "imsx_codeMinorFieldName": "TargetEndSystem",
                        "imsx_codeMinorFieldValue": minor.get(refused.status, "internal_server_error"),
                    }
                ]
            },
        }
        self._send(refused.status, body, refused.headers)

    def _send(
        self, status: int, body: Any, headers: dict[str, str] | None = None, struck: Struck | None = None
    ) -> None:
        encoded = msgspec.json.encode(body)
        if struck and "truncated" in struck:
            cut = encoded[: max(1, len(encoded) * 2 // 3)]
            if struck["truncated"] == "wire":
                self.close_connection = True
                self._write(status, cut, {"Content-Length": str(len(encoded)), **(headers or {})})
                return
            encoded = cut
        self._write(status, encoded, headers or {})

    def _write(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        # Noted before it is sent, so that whoever has the answer finds it noted.
        self.simulator.saw(self.command, self._path, self._query, status)
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json", "Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Log nothing: requests are counted, and URLs may hold ids."""

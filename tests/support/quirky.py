"""A small real OneRoster server that shows one quirk at a time.

By default it is as good as servers get: sorted when asked, X-Total-Count, OAuth 2 with form credentials. Options take
that away; `answer` replaces single answers. Every request is kept in `requests`.
"""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow.parquet as pq

from rostersync.reading.extract import Wanted, extract
from rostersync.sources.oneroster.client import OneRoster
from rostersync.sources.oneroster.endpoint import Patience, ServiceEndpoint
from rostersync.sources.port import Credentials

BASE = "/focus/api/1.0/ims/oneroster/v1p1"
CREDENTIALS = Credentials("client-1", "secret-1")
IMPATIENT = Patience(attempts=5, wait_initial=0.001, wait_max=0.01, wait_jitter=0.001, retry_after_max=0.2, seconds=0)


@dataclass
class Request:
    """What was asked. `nth` counts the requests for this collection, from 1."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str]
    nth: int = 0

    @property
    def collection(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    @property
    def offset(self) -> int:
        return int(self.query.get("offset", "0"))

    @property
    def limit(self) -> int:
        return int(self.query.get("limit", "100"))


@dataclass
class Reply:
    """What is answered; a body that is not bytes is sent as JSON."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None  # sends only so many bytes of the body and closes the connection


class Quirky:
    """The server. `answer(request)` may return a Reply in place of the usual one, or None."""

    def __init__(
        self,
        data: dict[str, list[Any]] | None = None,
        *,
        answer: Callable[[Request], Reply | None] = lambda request: None,
        token: Callable[[Request], Reply | None] = lambda request: None,
        max_page: int = 10_000,
        total: str | None = "header",  # header | body | None
        next: str | None = None,  # noqa: A002 - body | link | None
        sorts: bool = True,
        certificate: ssl.SSLContext | None = None,
    ) -> None:
        self.data = data or {}
        self.answer = answer
        self.token = token
        self.max_page = max_page
        self.total = total
        self.next = next
        self.sorts = sorts
        self.requests: list[Request] = []
        self.issued: list[str] = []  # tokens, in order; only the last one is good
        self.asleep = threading.Event()  # what a slow answer waits for
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        if certificate:
            self._http.socket = certificate.wrap_socket(self._http.socket, server_side=True)
        self.root = f"{'https' if certificate else 'http'}://localhost:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        """The service URL."""
        return self.root + BASE

    def __enter__(self) -> "Quirky":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def asked(self, collection: str) -> list[Request]:
        """The requests for one collection, in order."""
        return [r for r in self.requests if r.collection == collection]

    def reply(self, request: Request) -> Reply:
        """The whole answer to a request."""
        with self._lock:
            self._counts[request.collection] = request.nth = self._counts.get(request.collection, 0) + 1
            self.requests.append(request)
        if request.collection == "token":
            return self.token(request) or self.good_token(request)
        special = self.answer(request)
        if special is not None:
            return special
        if self.issued and request.headers.get("authorization") != f"Bearer {self.issued[-1]}":
            return Reply({"error": "invalid_token"}, 401)
        return self.page(request)

    def good_token(self, request: Request, **more: Any) -> Reply:
        """A token as Focus gives it."""
        if (request.form.get("client_id"), request.form.get("client_secret")) != ("client-1", "secret-1"):
            return Reply({"error": "invalid_client"}, 401)
        return self.issue(**more)

    def issue(self, **more: Any) -> Reply:
        """A new token, whoever asks."""
        with self._lock:
            self.issued.append(f"token-{len(self.issued) + 1}")
        return Reply({"access_token": self.issued[-1], "token_type": "bearer", "expires_in": 2462, "scope": "*"} | more)

    def page(self, request: Request) -> Reply:
        """The page that was asked for, as the options say."""
        rows = self.data.get(request.collection)
        if rows is None:
            return Reply({"imsx_codeMajor": "failure", "imsx_severity": "error"}, 404)
        if self.sorts and request.query.get("sort") == "sourcedId":
            rows = sorted(rows, key=lambda row: row["sourcedId"])
        limit = min(request.limit, self.max_page)
        part = rows[request.offset : request.offset + limit]
        reply = Reply({request.collection: part})
        after = request.offset + limit
        link = f"{self.root}{request.path}?limit={limit}&offset={after}" if after < len(rows) else ""
        if self.next == "body":
            reply.body["pagination"] = {"next": link}
        if self.next == "link":
            reply.headers["Link"] = f'<{link}>; rel="next"' if link else f'<{self.root}{request.path}>; rel="first"'
        if self.total == "header":
            reply.headers["X-Total-Count"] = str(len(rows))
        if self.total == "body":
            reply.body["total"] = len(rows)
        return reply


@contextmanager
def source(server: Quirky, **options: Any) -> Iterator[OneRoster]:
    """A client of the server, quick to give up."""
    settings: dict[str, Any] = {
        "service_url": server.url,
        "authentication_url": server.url + "/token",
        "insecure_http": True,
        "page_size": 10,
        "timeout_seconds": 5.0,
        "name": "Focus",
        "secret_name": "rosters/focus-credentials",
        "credentials": "Secret rosters/focus-credentials, keys clientID and clientSecret",
        "patience": IMPATIENT,
    }
    with OneRoster(ServiceEndpoint(**(settings | options)), CREDENTIALS) as client:
        yield client


@dataclass
class Staged:
    """What an extract left: its proof of each collection, and the staged rows by id (lists where ids repeat)."""

    proof: dict[str, dict[str, Any]]
    folder: Path

    def rows(self, collection: str) -> dict[str, dict[str, Any]]:
        """Staged rows by sourcedId; fails when an id came twice."""
        files = sorted((self.folder / collection).glob("part-*.parquet"))
        found = [row for file in files for row in pq.read_table(file).to_pylist()]
        by_id = {row["sourcedId"]: row for row in found}
        assert len(by_id) == len(found), "an id was staged twice"
        return by_id


def staged(server: Quirky, folder: Path, *collections: str, metadata: Any = None, **options: Any) -> Staged:
    """Extract collections of a server into a folder."""
    with source(server, **options) as client:
        proof = extract(client, folder, Wanted(collections, metadata or {}))
    return Staged(proof["collections"], folder)


def orgs(count: int = 1) -> list[dict[str, Any]]:
    """Schools."""
    return [
        {"sourcedId": f"s{i:04}", "status": "active", "name": f"School {i}", "type": "school"} for i in range(count)
    ]


def enrollments(count: int) -> list[dict[str, Any]]:
    """Enrolments of as many students in one class."""
    return [
        {
            "sourcedId": f"e{i:06}",
            "status": "active",
            "dateLastModified": "2026-08-01T00:00:00.000Z",
            "user": {"sourcedId": f"u{i}", "href": f"/users/u{i}", "type": "user"},
            "class": {"sourcedId": "c1", "href": "/classes/c1", "type": "class"},
            "school": {"sourcedId": "s0000", "href": "/orgs/s0000", "type": "org"},
            "role": "student",
            "primary": False,
        }
        for i in range(count)
    ]


def _handler(server: Quirky) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            size = int(self.headers.get("content-length", "0"))
            form = {k: v[0] for k, v in parse_qs(self.rfile.read(size).decode()).items()}
            query = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
            headers = {k.lower(): v for k, v in self.headers.items()}
            reply = server.reply(Request(self.command, parts.path, query, headers, form))
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if reply.cut is None else body[: reply.cut])
            self.close_connection = reply.cut is not None

        do_GET = do_POST = _serve

        def log_message(self, *_: object) -> None:
            """Silence."""

    return Handler

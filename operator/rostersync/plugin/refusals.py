"""Refusals of the API server, as sentences. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rostersync.api.kinds import KINDS
from rostersync.api.v1alpha1 import GROUP
from rostersync.errors import Permanent, Retryable, RostersyncError

DENIED = "denied request: "  # followed by the admission policy's message
_MAY_NOT = re.compile(r'User "(.+?)" cannot (\S+) resource "(.+?)" in API group "(.*?)"')


@dataclass(frozen=True)
class Asked:
    """What was asked of the API server.

    `verb` is RBAC's. `name` is empty for a list, and `namespace` for all namespaces.
    """

    verb: str
    kind: str
    namespace: str
    name: str = ""


def refused(asked: Asked, code: int, body: str) -> RostersyncError:
    """The error for an answer whose status is not 2xx. Its `reason` is Kubernetes' own, or Denied for a policy."""
    status = _status(body)
    message, reason = str(status.get("message") or ""), str(status.get("reason") or "")
    if code == 401:
        return Permanent(
            "The cluster does not accept your credentials (401): log in again. `kubectl auth whoami` says whether it "
            "knows you.",
            reason="Unauthorized",
        )
    if DENIED in message:
        return Permanent(f"The cluster refuses it: {_end(message.partition(DENIED)[2])}", reason="Denied")
    if code == 403:
        return Permanent(_forbidden(asked, message), reason="Forbidden")
    if code == 404:
        return _not_found(asked, status)
    if code == 409:
        what = f"{asked.kind} {asked.name} in namespace {asked.namespace}"
        if reason == "AlreadyExists":
            return Permanent(f"There is a {what} already.", reason=reason)
        return Retryable(f"Somebody else has changed {what} meanwhile; try again.", reason="Conflict")
    if code in (400, 422):
        return Permanent(f"The cluster refuses it: {_end('; '.join(_causes(status)) or message)}", reason="Invalid")
    if code == 429 or code >= 500:
        return Retryable(f"The API server cannot answer at the moment ({code}); try again.", reason="Unavailable")
    return Permanent(f"The API server answered {code}: {message}", reason=reason or None)


def _end(text: str) -> str:
    """The text with one full stop at its end."""
    return f"{text.rstrip(' .')}."


def _status(body: str) -> Mapping[str, Any]:
    """The Status object of an answer; empty for other answers, such as `404 page not found`."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _forbidden(asked: Asked, message: str) -> str:
    found = _MAY_NOT.search(message)
    user, verb, resource, group = (
        found.groups()
        if found
        else ("", asked.verb, KINDS[asked.kind].plural if asked.kind in KINDS else asked.kind, GROUP)
    )
    where = f" in namespace {asked.namespace}" if asked.namespace else " in all namespaces"
    what = f"{verb} {resource}{f'.{group}' if group else ''}"
    can = f"kubectl auth can-i {what} {f'-n {asked.namespace}' if asked.namespace else '-A'}"
    return (
        f"You{f' ({user})' if user else ''} may not {what}{where}. Ask whoever gives rights on this cluster for it; "
        f"`{can}` says whether you have it."
    )


def _not_found(asked: Asked, status: Mapping[str, Any]) -> RostersyncError:
    details = status.get("details") or {}
    if details.get("kind") == "namespaces":
        return Permanent(f"There is no namespace {asked.namespace}.", reason="NamespaceNotFound")
    if details.get("name"):
        return Permanent(f"There is no {asked.kind} {asked.name} in namespace {asked.namespace}.", reason="NotFound")
    return Permanent(
        f"This cluster knows no {asked.kind}: rostersync is not installed there. Install its chart, or name another "
        "cluster with --context or --kubeconfig.",
        reason="NotInstalled",
    )


def _causes(status: Mapping[str, Any]) -> list[str]:
    """`spec.decision: a decision can be made only while …`: the message of each rule of the schema, without its class."""
    causes = (status.get("details") or {}).get("causes") or []
    said = [
        (c.get("field") or "", re.sub(r"^[A-Z][\w ]*: (?:\"[^\"]*\": )?", "", c.get("message") or "")) for c in causes
    ]
    return list(dict.fromkeys(f"{field}: {text}" if field else text for field, text in said))

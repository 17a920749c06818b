"""An operator that works on an API server which a dictionary plays, one key after the other."""

import asyncio
from typing import Any

import pytest

from rostersync.controller.cluster.cache import RUNS, Cache
from rostersync.controller.cluster.client import ApiError
from rostersync.controller.options import Options
from rostersync.controller.process import Process
from rostersync.controller.runs import observe
from rostersync.controller.runs import reconcile as module
from support.remembering import Remembering

API = "rostersync.dev/v1alpha1"


class Scene:
    """An operator that has listed everything, and an API server of its own. `looks` and `visits` count its work."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
        self.api, self.visits = Remembering(), 0
        self.looks: list[str] = []
        self.process = Process(Options("rostersync:test", **options), self.api)
        self.process.shared.listed = True
        self.api.told = self.process.router.event
        look, related = observe.observed, Cache.related

        def observed(shared: Any, run: Any, facts: Any) -> Any:
            self.looks.append(run["metadata"]["name"])
            return look(shared, run, facts)

        def counted(store: Any, kind: str, relation: str) -> Any:
            found = related(store, kind, relation)
            self.visits += len(found) if kind == RUNS else 0
            return found

        monkeypatch.setattr(module, "observed", observed)
        monkeypatch.setattr(Cache, "related", counted)

    def connect(self, name: str, namespace: str = "rosters", kind: str = "FocusConnection", **spec: Any) -> Any:
        """Make a connection."""
        delivery = {"serviceURL": "https://focus.example", "credentialsSecretRef": {"name": "focus"}}
        whole = {"termsOfUse": {"accepted": True}, "deliveryConfig": delivery, **spec}
        return self.api.put_in(f"{kind.lower()}s", namespace, name, {"apiVersion": API, "kind": kind, "spec": whole})

    def run(self, name: str, connection: str, namespace: str = "rosters", kind: str = "FocusConnection") -> Any:
        """Make a run."""
        spec = {"connectionRef": {"kind": kind, "name": connection}, "mode": "Import"}
        return self.api.put_in(RUNS, namespace, name, {"apiVersion": API, "kind": "SyncRun", "spec": spec})

    def cancel(self, name: str, namespace: str = "rosters") -> None:
        """Cancel a run."""
        spec = self.api.objects[f"{namespace}/{RUNS}/{name}"]["spec"]
        self.api.change(RUNS, namespace, name, spec={**spec, "cancel": True})

    def work(self, most: int = 10**9, connections: bool = False) -> None:
        """Look at runs (and `connections`) that want to be looked at now."""

        async def work() -> None:
            queue, done = self.process.shared.queue, 0
            while len(queue) and done < most:
                key = await queue.get()
                ok = True
                if connections or key[0] == RUNS:
                    try:
                        await self.process._reconcile(key)
                    except ApiError:
                        ok = False
                queue.done(key, ok)
                done += 1

        asyncio.run(work())

    def reason(self, name: str, namespace: str = "rosters") -> str:
        """The outcome of a run, or what it waits for."""
        status = self.api.objects[f"{namespace}/{RUNS}/{name}"]["status"]
        found: str = status.get("outcome") or next(
            c["message"] for c in status["conditions"] if c["type"] == "Succeeded"
        )
        return found

    def of(self, kind: str) -> list[Any]:
        """All objects of a kind."""
        return [obj for key, obj in self.api.objects.items() if f"/{kind}/" in key]

    def condition(self, kind: str, name: str, of: str, namespace: str = "rosters") -> tuple[str, str, str]:
        """(status, reason, message) of a condition of an object; empty texts when there is none."""
        conditions = self.api.objects[f"{namespace}/{kind}/{name}"].get("status", {}).get("conditions", ())
        found = (c for c in conditions if c["type"] == of)
        return next(((c["status"], c["reason"], c["message"]) for c in found), ("", "", ""))

    def events(self) -> list[tuple[str, str]]:
        """(reason, message) of the events that wait to be sent."""
        queue = self.process.shared.events._queue
        return [(e["reason"], e["message"]) for e in (queue.get_nowait() for _ in range(queue.qsize()))]

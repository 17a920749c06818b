"""The stages of rostersync, each in a process of its own, through the interfaces that its commands use.

extract  pages to a staged extract        plan   staged extract and store to a plan
job      both, as the plan Job does       apply  a plan to the embedded store, as the apply Job does
"""

import argparse
import json
import re
import resource
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from database import opened
from sizes import COLLECTIONS

from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.model import Consent
from rostersync.plan import codec
from rostersync.plan.apply import apply as apply_plan
from rostersync.plan.origin import Pulled
from rostersync.reading.extract import Wanted
from rostersync.reading.extract import extract as extract_to
from rostersync.sources.profile import Login
from rostersync.sources.registry import open_source
from rostersync.stores.embedded.store import EmbeddedStore
from rostersync.stores.port import Store
from rostersync.sync.pipeline import PlanInputs
from rostersync.sync.pipeline import plan as plan_from

Result = dict[str, Any]


class Clock:
    """Wall and CPU seconds of each stage, told by its beginning."""

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, float]] = {}
        self._running: tuple[str, float, float] | None = None

    def __call__(self, stage: str) -> None:
        self.stop()
        self._running = (stage, time.perf_counter(), cpu())

    def stop(self) -> None:
        """The running stage has ended."""
        if self._running:
            stage, wall, used = self._running
            self.stages[stage] = {"wall": time.perf_counter() - wall, "cpu": cpu() - used}
        self._running = None


def cpu() -> float:
    """CPU seconds of this process and of those that it had beside it and that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def peak_together() -> int:
    """The largest resident sets so far, in bytes, of this process and those beside it."""
    children = " ".join(f.read_text() for f in Path("/proc/self/task").glob("*/children")).split()
    told = [Path(f"/proc/{process}/status").read_text() for process in ("self", *children)]
    return sum(int(found[1]) * 1024 for status in told if (found := re.search(r"VmHWM:\s*(\d+)", status)))


def connection(url: str, concurrency: int = 4) -> FocusConnection:
    """The smallest connection that imports everything, with deletes."""
    return FocusConnection.model_validate(
        {
            "apiVersion": "rostersync.dev/v1alpha1",
            "kind": "FocusConnection",
            "metadata": {"name": "bench", "namespace": "bench"},
            "spec": {
                "termsOfUse": {"accepted": True, "version": "1", "acceptedBy": "bench"},
                "deliveryConfig": {
                    "serviceURL": url,
                    "credentialsSecretRef": {"name": "bench"},
                    "insecureHTTP": True,
                    "maxConcurrentRequests": concurrency,
                },
                "bulkUploadMode": True,
            },
        }
    )


def extract(url: str, out: Path, concurrency: int = 4) -> Result:
    """Every collection of the source."""
    fcon = connection(url, concurrency)
    shutil.rmtree(out, ignore_errors=True)
    source = open_source(fcon, Login({"clientID": "bench", "clientSecret": "bench"}, "nowhere"), None)
    try:
        proof = extract_to(source, out, Wanted(COLLECTIONS))
        peak = peak_together()
    finally:
        source.close()
    collections = proof["collections"].values()
    return {
        "records": sum(c["rows"] for c in collections),
        "requests": sum(c["requests"] for c in collections),
        "complete": all(c["complete"] for c in collections if c["offered"]),
        "peak": peak,
    }


def _store(place: Path) -> Store:
    """The embedded store in a file, or the database of a file of Secrets."""
    return opened(place) if place.suffix == ".json" else EmbeddedStore(place)


def plan(url: str, folder: Path, out: Path, store: Path, clock: Clock, threads: int | None = None) -> Result:
    """A plan from a staged extract."""
    out.parent.mkdir(parents=True, exist_ok=True)
    store.parent.mkdir(parents=True, exist_ok=True)
    inputs = PlanInputs(
        connection=connection(url),
        run="bench",
        origin=Pulled(folder, "bench"),
        out=out,
        scratch=out.parent / "scratch",
        reader=_store(store).reader(),
        as_of=datetime(2026, 9, 2, 3, tzinfo=UTC),
        threads=threads,
    )
    report = plan_from(inputs, stage=clock)
    return {
        "records": sum(c["rows"] for c in json.loads((folder / "proof.json").read_text())["collections"].values()),
        "changes": sum(c.created + c.updated + c.deleted for c in report.entities),
        "holds": report.holds_total,
        "digest": report.digest,
    }


def apply(plan: Path, store: Path) -> Result:
    """A plan, approved whatever holds it."""
    manifest = codec.read(plan)
    report = apply_plan(plan, _store(store).writer(), Consent("bench", manifest.digest, "benchmark"))
    changes = sum(c.created + c.updated + c.deleted for c in manifest.entities)
    return {"records": changes, "revision": report.revision}


def main() -> None:
    """One stage, as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("stage", choices=["extract", "plan", "job", "apply"])
    parser.add_argument("--result", type=Path, required=True)
    parser.add_argument("--url", default="http://127.0.0.1/focus/api/1.0/ims/oneroster/v1p1")
    for name in ("extract", "plan", "store"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    clock, begun, used = Clock(), time.perf_counter(), cpu()
    result: Result = {}
    if given.stage in ("extract", "job"):
        clock("extract")
        result |= extract(given.url, given.extract, given.concurrency)
    if given.stage in ("plan", "job"):
        result |= plan(given.url, given.extract, given.plan, given.store, clock, given.threads)
    if given.stage == "apply":
        result |= apply(given.plan, given.store)
    clock.stop()
    result |= {
        "wall": time.perf_counter() - begun,
        "cpu": cpu() - used,
        "stages": clock.stages,
    }
    given.result.write_text(json.dumps(result))


if __name__ == "__main__":
    main()

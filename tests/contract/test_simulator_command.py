"""`rostersync simulate` as a process: its first line, its end, its size."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from rostersync.simulator.command import simulate

PROGRAM = [sys.executable, "-c", "from rostersync.simulator.command import simulate; simulate()"]


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    process = subprocess.Popen([*PROGRAM, "--port", "0", *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def authorised(said: dict[str, str], secret: str) -> httpx.Client:
    both = {"grant_type": "client_credentials", "client_id": said["clientID"], "client_secret": secret}
    token = httpx.post(said["tokenURL"], data=both).json()["access_token"]
    return httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60)


def peak_megabytes(process: subprocess.Popen[str]) -> int:
    """The most memory that the process has had, in MB (Linux)."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        pytest.skip("the peak of another process is read from /proc")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def test_a_million_students_begin_within_seconds_and_little_memory() -> None:
    begun = time.monotonic()
    with running("--students", "1000000", "--day", "7") as (process, said):
        with authorised(said, said["clientSecret"]) as client:
            page = client.get(f"{said['url']}/enrollments?limit=500&offset=0").json()
            assert time.monotonic() - begun < 5
            assert page["total"] > 8_000_000
            for collection in ("users", "classes", "demographics", "enrollments"):
                total = client.get(f"{said['url']}/{collection}?limit=1").json()["total"]
                last = client.get(f"{said['url']}/{collection}?limit=500&offset={total - 300}").json()
                assert len(last[collection]) == 300
            httpx.post(f"{said['control']}/event", content='{"event": "mass-leave:30"}', timeout=60).raise_for_status()
            assert client.get(f"{said['url']}/students?limit=5").json()["total"] < 720_000
        assert peak_megabytes(process) < 300


def test_sigterm_ends_it_well() -> None:
    with running("--students", "10", "--client-id", "me", "--client-secret", "hush") as (process, said):
        assert said["clientID"] == "me"
        with authorised(said, "hush") as client:
            assert client.get(f"{said['url']}/students").json()["total"] == 10
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--students", "0"], "students must be from 1"),
        (["--event", "fire"], "no such event"),
        (["--fault", "fire"], "no such fault"),
        (["--day", "-1"], "days count from 0"),
        (["--tls-key", __file__], "--tls-key needs --tls-cert"),
        (["--bundle", str(Path(__file__).parent)], "no rows in any of"),
    ],
)
def test_wrong_options_are_explained(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(simulate, ["--port", "0", *arguments])
    assert result.exit_code == 2
    assert said in result.output


def test_help_names_every_event_and_fault() -> None:
    shown = CliRunner().invoke(simulate, ["--help"]).output
    assert "mass-leave[:PERCENT]\n" in shown
    assert "duplicate-rows\n" in shown
    assert "/_simulator/day" in shown

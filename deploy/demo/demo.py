"""The story of a district, without Kubernetes: first import, next day, bad day, approval, delivery.

Starts a simulated Focus, runs the rostersync commands that a person would type, prints each before it runs, and stops
at the first that ends otherwise than the story says. Everything it writes lies in one folder.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

HERE = Path(__file__).parent
ROSTERSYNC = Path(sys.executable).parent / "rostersync"
APPLIED, HELD = 0, 3
LOG = "simulator.log"
COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def main() -> None:
    """Tell the story."""
    args = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as an exception, so that the simulator ends too
    draw = random.Random(args.seed)  # noqa: S311 - a number for a demo
    students = args.students or 900 + draw.randrange(1200)
    leave = 25 + draw.randrange(20)
    manifests = clean(args.folder)
    state = args.folder / "state"
    files = ("-f", str(manifests))
    began = time.monotonic()

    heading(f"A Focus SIS with {students} students, made up from seed {args.seed}")
    with simulator(students, args.seed, args.folder / LOG) as control:
        write_manifests(manifests, control)
        print(f"It listens at {control.removesuffix('/_simulator')}; connection and Secret are in {manifests}/.")
        shown("export", f"ROSTERSYNC_STATE={state}")
        os.environ["ROSTERSYNC_STATE"] = str(state)

        heading("Test Connection: what does this SIS have?")
        rostersync("check", *files)

        heading("The first import")
        rostersync("run", *files)
        rostersync("runs")

        heading("Once more, the same day: there is nothing to do")
        rostersync("run", *files)

        heading("The next day: some come, some go, schedules change")
        tell(control, "day", {})
        rostersync("run", *files)
        rostersync("diff", newest(state), "--limit", "8")

        heading(f"A bad day: {leave} % of the students are missing from what Focus sends")
        tell(control, "day", {})
        tell(control, "event", {"event": f"mass-leave:{leave}"})
        rostersync("run", *files, ends=HELD)
        print("Exit code 3: the run is held, and the store is what it was. Somebody has to look.")
        held = newest(state)
        rostersync("show", held)
        rostersync("diff", held, "--entity", "Student", "--change", "Delete", "--limit", "5")
        rostersync("issues", held)

        heading("The registrar knows why, and approves exactly these changes")
        rostersync("approve", held, "--reason", "The schools confirm that these students have left")

        heading("The roster for everybody else: a OneRoster 1.1 bundle")
        rostersync("export", "--to", str(args.folder / "export"))

    heading("What is on record")
    rostersync("runs")

    heading("What was delivered: every revision, as soon as it was applied")
    rostersync("deliveries")
    bundle = max((state / "volumes").rglob("*.zip"))
    print(f"The newest bundle is {near(bundle.resolve())} ({bundle.stat().st_size:,} bytes).")
    print(
        f"\nThe demo took {time.monotonic() - began:.0f} s; another seed is another district: make demo SEED={args.seed + 1}"
    )
    print(f"Look further:  ROSTERSYNC_STATE={state} {near(ROSTERSYNC)} diff --output csv")


def clean(folder: Path) -> Path:
    """Make the folder new, but never remove one that this script did not make; returns the folder for manifests."""
    log = folder / LOG
    if folder.exists() and any(folder.iterdir()) and not log.exists():
        sys.exit(f"{folder} is not from an earlier demo; it stays as it is. Name another with --folder.")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "manifests").mkdir(parents=True)
    log.touch()
    return folder / "manifests"


@contextmanager
def simulator(students: int, seed: int, log: Path) -> Iterator[str]:
    """A simulated Focus on a free port; yields the URL of its control, and ends it."""
    command = ["simulate", "--port", "0", "--students", str(students), "--seed", str(seed)]
    shown("rostersync", *command, "&")
    with log.open("w") as errors:
        process = subprocess.Popen([ROSTERSYNC, *command], stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        first = process.stdout.readline() if process.stdout else ""
        if not first:
            sys.exit(f"The simulator did not start; see {log}.")
        yield json.loads(first)["control"]
    finally:
        process.terminate()
        process.wait(timeout=10)


def write_manifests(folder: Path, control: str) -> None:
    """The manifests beside this script, with the simulator's address in place of its usual one."""
    origin = control.removesuffix("/_simulator")
    for name in ("connection.yaml", "secret.yaml"):
        text = (HERE / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace("http://127.0.0.1:8600", origin), encoding="utf-8")


def tell(control: str, what: str, said: dict[str, str]) -> None:
    """Let a day pass, or something happen, in the simulated district."""
    shown("curl", "-d", f"'{json.dumps(said)}'", f"{control}/{what}")
    request = Request(f"{control}/{what}", json.dumps(said).encode(), method="POST")  # noqa: S310 - our own server
    with urlopen(request, timeout=30):  # noqa: S310
        pass


def rostersync(*arguments: str, ends: int = APPLIED) -> None:
    """Run a command in sight of the reader; leave when its exit code is not the story's."""
    shown("rostersync", *(f'"{a}"' if " " in a else a for a in arguments))
    code = subprocess.run([ROSTERSYNC, *arguments], check=False).returncode
    if code != ends:
        sys.exit(f"This should have ended with exit code {ends}, but it was {code}. The demo stops here.")


def newest(state: Path) -> str:
    """The name of the newest run."""
    command = [str(ROSTERSYNC), "show", "--output", "json", "--state", str(state)]
    return str(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["metadata"]["name"])


def heading(text: str) -> None:
    """What comes next."""
    print(f"\n\033[1;36m== {text}\033[0m" if COLOUR else f"\n== {text}", flush=True)


def shown(*words: str) -> None:
    """A command as one would type it."""
    line = "$ " + " ".join(words)
    print(f"\033[1;32m{line}\033[0m" if COLOUR else line, flush=True)


def near(path: Path) -> Path:
    """A path as seen from here, where that is shorter."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="another seed is another district, in every number")
    parser.add_argument("--students", type=int, help="how many; by default 900 to 2099, as the seed has it")
    parser.add_argument("--folder", type=Path, default=Path(".rostersync-demo"), help="removed first, then written to")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)

"""A process that has imported everything and delivers in children that it forks, so that they can be killed at any moment.

Forking the tests' own process would not do: the threads of a library that was used there are missing in the child.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rostersync.api.v1alpha1.deliveries import Delivery
from rostersync.deliveries.port import Bundle, Receiver
from rostersync.deliveries.registry import place_of


@dataclass
class Sender:
    """The process. `begin` returns the child's id; `wait` returns when it has ended."""

    _process: "subprocess.Popen[str]"

    def begin(self, delivery: Delivery, secret: dict[str, str], volumes: Path, bundle: Bundle) -> int:
        """Begin to deliver."""
        assert self._process.stdin
        assert self._process.stdout
        order = {
            "delivery": delivery.model_dump(exclude_none=True),
            "secret": secret,
            "volumes": str(volumes),
            "bundle": [bundle.district, bundle.revision, [str(file) for file in bundle.files]],
        }
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def wait(self) -> str:
        """How the child ended: `sent`, the reason why not, or `killed`."""
        assert self._process.stdout
        return self._process.stdout.readline().strip()


@contextmanager
def sender() -> Iterator[Sender]:
    """The process, for a fixture."""
    tests = Path(__file__).parent.parent
    command = [sys.executable, "-m", "support.sending"]
    with subprocess.Popen(command, cwd=tests, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Sender(process)
        assert process.stdin
        process.stdin.close()


def _serve() -> None:
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                os.write(writing, _send(json.loads(line)).encode())
            os._exit(0)
        os.close(writing)
        print(child, flush=True)
        os.waitpid(child, 0)
        with os.fdopen(reading) as said:
            print(said.read() or "killed", flush=True)


def _send(order: dict[str, Any]) -> str:
    delivery = Delivery.model_validate(order["delivery"])
    district, revision, files = order["bundle"]
    receiver = Receiver(delivery, order["secret"], lambda claim: Path(order["volumes"]) / claim)
    try:
        place_of(delivery).send(receiver, Bundle(district, revision, tuple(map(Path, files))))
    except Exception as error:  # noqa: BLE001  (whatever it is, the test is told)
        return getattr(error, "reason", type(error).__name__)
    return "sent"


if __name__ == "__main__":
    import rostersync.buckets.bucket
    import rostersync.deliveries.sftp.session  # noqa: F401

    _serve()

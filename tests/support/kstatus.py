"""What kstatus, by which GitOps tools wait for objects, makes of them: its own library, in a small Go program."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.cluster.programs import Program, apart

PROGRAM = Program("kstatus", str(Path(__file__).parent / "modules" / "kstatus"), ".", ())


def computed(objects: Sequence[dict[str, Any]]) -> list[str]:
    """Current, InProgress, Failed, Terminating, NotFound or Unknown, for each object."""
    done = subprocess.run([apart(PROGRAM)], input=json.dumps(objects), capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found

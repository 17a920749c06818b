"""What a dockerd of our own changes on the machine, and how all of it goes again."""

import contextlib
import json
import subprocess
from pathlib import Path
from typing import Any

_TABLES = ("filter", "nat")
_CGROUPS = Path("/sys/fs/cgroup")


class Traces:
    """A file remembers what was there before, so that a later process can clean up after one that was killed."""

    bridge = "rostersync0"
    address = "172.29.0.1/24"

    def __init__(self, file: Path) -> None:
        self._file = file

    def prepare(self) -> None:
        """Notes how the machine is, then makes the bridge. The note of a dockerd that was killed stays true."""
        before = self._noted()
        if before is not None:
            self._restore(before)
        else:
            before = {
                "boot": _boot(),
                "rules": {table: _rules(table) for table in _TABLES},
                "forwarding": {str(p): p.read_text().strip() for p in _forwarding()},
                "links": _links(),
                "cgroups": [str(p) for p in _cgroups()],
            }
        self._file.write_text(json.dumps(before))
        _try("ip", "link", "delete", self.bridge)
        for command in (["add", self.bridge, "type", "bridge"], ["set", self.bridge, "up"]):
            _run("ip", "link", *command)
        _run("ip", "address", "add", self.address, "dev", self.bridge)

    def remove(self) -> None:
        """Takes out every bridge, chain, rule, cgroup and mount that came since, and nothing else."""
        before = self._noted()
        if before is not None:
            self._restore(before)
        self._file.unlink(missing_ok=True)

    def _noted(self) -> dict[str, Any] | None:
        if not self._file.exists():
            return None
        note: dict[str, Any] = json.loads(self._file.read_text())
        return note if note["boot"] == _boot() else None  # a machine that was started anew has nothing of it

    def _restore(self, before: dict[str, Any]) -> None:
        for link in _links():
            # kind's network is a bridge named br-…, which stays when dockerd was killed
            if link not in before["links"] and (link == self.bridge or link.startswith("br-")):
                _try("ip", "link", "delete", link)
        for table in _TABLES:
            _restore_rules(table, before["rules"][table])
        by_all = sorted(
            before["forwarding"].items(), key=lambda item: "/all/" not in item[0]
        )  # `all` sets each, so it comes first
        for name, value in by_all:
            with contextlib.suppress(OSError):  # an interface that is gone
                Path(name).write_text(value)
        for group in _cgroups():
            if str(group) not in before["cgroups"]:
                _remove_cgroup(group)
        for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            if line.split()[1].startswith(f"{self._file.parent}/"):
                _try("umount", "--lazy", line.split()[1])


def _restore_rules(table: str, before: list[str]) -> None:
    now = _rules(table)
    new = [rule for rule in now if rule not in before]
    ours = [rule for rule in new if "docker" in rule.lower() or Traces.bridge in rule or " br-" in rule]
    for rule in ours:  # first the rules, since a chain in use cannot go
        if rule.startswith("-A"):
            _try("iptables", "-t", table, "-D", *(word.strip('"') for word in rule.split()[1:]))
    for action in ("-F", "-X"):
        for rule in ours:
            if rule.startswith("-N"):
                _try("iptables", "-t", table, action, rule.split()[1])
    for rule in before:
        if rule.startswith("-P") and rule not in now:  # dockerd lets the policy of FORWARD drop
            _try("iptables", "-t", table, *rule.split())


def _rules(table: str) -> list[str]:
    return _run("iptables", "-t", table, "-S").splitlines()


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _links() -> list[str]:
    return sorted(link.name for link in Path("/sys/class/net").iterdir())


def _forwarding() -> list[Path]:
    ipv6 = Path("/proc/sys/net/ipv6/conf")
    return [Path("/proc/sys/net/ipv4/ip_forward"), *sorted(ipv6.glob("*/forwarding"))]


def _cgroups() -> list[Path]:
    return [*_CGROUPS.glob("docker"), *_CGROUPS.glob("*/docker")]


def _remove_cgroup(group: Path) -> None:
    for folder in sorted((p for p in group.rglob("*") if p.is_dir()), reverse=True):
        with contextlib.suppress(OSError):
            folder.rmdir()
    with contextlib.suppress(OSError):  # something runs in it
        group.rmdir()


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _try(*command: str) -> None:
    subprocess.run(command, capture_output=True, check=False)

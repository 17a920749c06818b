"""Clusters by name: the one that all test processes of this machine share, and the one that a person starts."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from support.cluster.cache import cache, locked
from support.cluster.engine import Engine, engine, left_engine, stop_engine
from support.cluster.image import product_image
from support.cluster.kind import KindCluster, alive, build, create, delete, exists, kubeconfig_of, load
from support.cluster.processes import own_folder

TESTS, PERSON = "rostersync-test", "rostersync"
_GATE = "clusters"  # who starts or stops an engine or a cluster holds this lock


@contextmanager
def shared_cluster() -> Generator[KindCluster]:
    """The cluster of $ROSTERSYNC_TEST_KUBECONFIG; without it, one by kind.

    The first process that comes creates it, the last that goes removes it, and a Docker engine that was started for it as well;
    with ROSTERSYNC_KEEP_CLUSTER=1 it stays, and the next run finds it.
    """
    with own_folder("kind") as folder:
        given = os.environ.get("ROSTERSYNC_TEST_KUBECONFIG")
        if given:
            yield _given(Path(given), folder)
            return
        with locked(_GATE):
            running, users = engine(), _users()
            try:
                image = _join(running, users)
            except BaseException:
                users.close()
                idle(running)
                raise
        try:
            yield KindCluster(kubeconfig_of(TESTS), folder, image, running, TESTS)
        finally:
            with locked(_GATE):
                users.close()
                _leave(running)


def up(name: str, image: str) -> KindCluster:
    """A cluster for a person, with the product's image of this clone; it is left running."""
    with locked(_GATE):
        running = engine()
        try:
            found = alive(running, name)
            if not found:
                build(running)
            product_image(running, image)
            if not found:
                delete(running, name)
                create(running, name)
            load(running, name, image)
        except BaseException:
            idle(running)
            raise
    return KindCluster(kubeconfig_of(name), cache() / "kind", image, running, name)


def build_image(image: str) -> Engine:
    """The product's image, on the engine that it returns; one of ours is stopped again."""
    with locked(_GATE):
        running = engine()
        try:
            product_image(running, image)
        finally:
            idle(running)
    return running


def down() -> list[str]:
    """Removes a person's cluster, and the tests' if it was kept; returns which there were. An engine of ours goes too."""
    removed = []
    with locked(_GATE):
        running = left_engine()
        if running is not None:
            names = [PERSON, *([TESTS] if _alone() else [])]
            removed = [name for name in names if exists(running, name)]
            for name in removed:
                delete(running, name)
            _kept().unlink(missing_ok=True)
            idle(running)
    return removed


def idle(running: Engine) -> None:
    """Stops the engine if it is ours and no cluster of kind is left on it."""
    if running.ours and not running.docker("ps", "-aq", "--filter", "label=io.x-k8s.kind.cluster"):
        stop_engine()


def _join(running: Engine, users: TextIO) -> str:
    first = _lock(users, fcntl.LOCK_EX)
    fresh = first and not (_kept().exists() and alive(running, TESTS))
    if fresh:
        build(running)
    image = product_image(running)
    if fresh:
        delete(running, TESTS)  # a run that was killed may have left one, in a state that nobody knows
        try:
            create(running, TESTS)
        except BaseException:
            delete(running, TESTS)
            raise
    if first:
        load(running, TESTS, image)
    _kept().unlink(missing_ok=True)
    fcntl.flock(users, fcntl.LOCK_SH)
    return image


def _leave(running: Engine) -> None:
    if not _alone():
        return
    if os.environ.get("ROSTERSYNC_KEEP_CLUSTER") == "1":
        _kept().touch()
        return
    delete(running, TESTS)
    idle(running)


def _given(kubeconfig: Path, folder: Path) -> KindCluster:
    image = os.environ.get("ROSTERSYNC_TEST_IMAGE")
    if not image:
        raise RuntimeError(
            "ROSTERSYNC_TEST_KUBECONFIG names a cluster; ROSTERSYNC_TEST_IMAGE must name the product's image that its nodes can pull"
        )
    if not kubeconfig.is_file():
        raise RuntimeError(f"ROSTERSYNC_TEST_KUBECONFIG names {kubeconfig}, and there is no such file")
    return KindCluster(kubeconfig, folder, image)


def _users() -> TextIO:
    return (cache() / "test-cluster.users").open("w")


def _alone() -> bool:
    with _users() as users:
        return _lock(users, fcntl.LOCK_EX)


def _lock(users: TextIO, how: int) -> bool:
    try:
        fcntl.flock(users, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _kept() -> Path:
    return cache() / "test-cluster.kept"

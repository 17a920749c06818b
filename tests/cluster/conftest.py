"""Clusters for tests: a control plane of each worker's own, and one kind cluster that all share.

A cluster that cannot be had is an error with a sentence, never a skip.
"""

import signal
import uuid
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from support.cluster.kind import KindCluster
from support.cluster.plane import ControlPlane
from support.cluster.processes import own_folder
from support.cluster.product import install_product
from support.cluster.programs import programs
from support.cluster.scenes import kubelet, operator, quiet_scene, scene
from support.cluster.sharing import shared_cluster

__all__ = ["kubelet", "operator", "quiet_scene", "scene"]


@contextmanager
def shown(request: pytest.FixtureRequest) -> Generator[None]:
    """Lets through what is printed in here: who waits ten minutes for a first build sees what is built."""
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        yield


@pytest.fixture(scope="session", autouse=True)
def heeded_ctrl_c() -> None:
    """A shell that starts the tests in the background tells them, and so their processes, to ignore Ctrl-C."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """A control plane with the product's types, rights and policies, and no operator."""
    with shown(request):
        programs("control-plane")
    with own_folder("plane") as folder, ControlPlane(folder) as started:
        install_product(started)
        yield started


@pytest.fixture
def namespace(plane: ControlPlane) -> Iterator[str]:
    """A fresh namespace of the control plane."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    plane.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def kind_cluster(request: pytest.FixtureRequest) -> Iterator[KindCluster]:
    """A real cluster that has the product's image; nothing of the product is installed in it. All workers share it."""
    with ExitStack() as stack:
        with shown(request):
            cluster = stack.enter_context(shared_cluster())
        yield cluster

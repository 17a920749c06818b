"""Fixtures for tests of the operator on a control plane: an operator and a kubelet for all tests of a file, a scene each.

Not longer than a file: the next one may play the operator itself.
"""

from collections.abc import Iterator

import pytest

from support.cluster.kubelet import Kubelet
from support.cluster.operator import Operator
from support.cluster.plane import ControlPlane
from support.cluster.scene import Scene
from support.simulated import simulated


@pytest.fixture(scope="module")
def kubelet(plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[Kubelet]:
    """Runs the pods of all Jobs."""
    with Kubelet(plane, plane.folder / f"{request.module.__name__}-kubelet") as started:
        yield started


@pytest.fixture(scope="module")
def operator(plane: ControlPlane, kubelet: Kubelet, request: pytest.FixtureRequest) -> Iterator[Operator]:
    """An operator for all namespaces."""
    options = ("--max-concurrent-runs", "6", "--start-deadline-seconds", "25", "--lease-name", "rostersync-operator")
    with Operator(plane, plane.folder / f"{request.module.__name__}-operator", *options) as started:
        yield started


@pytest.fixture
def quiet_scene(plane: ControlPlane, namespace: str) -> Iterator[Scene]:
    """A scene without the shared operator: a test starts its own."""
    with simulated(60) as simulator:
        scene = Scene(plane, namespace, simulator)
        scene.prepare()
        yield scene
        scene.close()


@pytest.fixture
def scene(quiet_scene: Scene, operator: Operator) -> Scene:
    """A scene that the shared operator works on."""
    return quiet_scene

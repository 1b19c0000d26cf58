"""The wheels, built once for all tests of a run, and the environments that they are installed into."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fresh_environments import UV, FreshEnvironment, build_wheels

Make = Callable[..., FreshEnvironment]


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the wheels."""
    if UV is None:
        pytest.skip("needs uv, which is not on the PATH")
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # the run's own, above those of its workers
    wheels = shared / "wheels"
    with (shared / "wheels.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not wheels.exists():
            building = shared / "wheels-being-built"
            build_wheels(building)
            building.rename(wheels)
    return wheels


@pytest.fixture
def fresh(wheels: Path, tmp_path: Path) -> Make:
    """Makes an environment with these distributions."""

    def make(*requirements: str | Path) -> FreshEnvironment:
        environment = FreshEnvironment(tmp_path / "fresh", wheels)
        environment.install(*requirements)
        return environment

    return make

"""The pytest plugin of Offhook: the fixtures of `offhook.testing`.

pytest imports this in every run on a machine with Offhook, so it imports nothing before a fixture is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from offhook.testing import CallScenario, SimulatedCalls


@pytest.fixture
def offhook_call() -> Callable[..., CallScenario]:
    """Makes calls on a fake clock: `offhook_call(my_plugin, mode="MY_MODE", dtmf_max_digits=4)`."""
    from offhook.testing import call_with

    return call_with


@pytest.fixture
def offhook_host() -> Callable[..., AbstractAsyncContextManager[SimulatedCalls]]:
    """Makes hosts between simulators: `async with offhook_host(plugins={"mine": my_plugin}) as calls: …`."""
    from offhook.testing import simulated_host

    def make(**options: Any) -> AbstractAsyncContextManager[SimulatedCalls]:
        return simulated_host(**options)

    return make

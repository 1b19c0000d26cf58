"""A plugin from outside that is bad on one call: the call ends cleanly or goes on, and all others are served."""

from __future__ import annotations

import asyncio
import logging

import pytest

from bad_plugins import BAD_PLUGINS, RELEASED, calls_by
from call_bench import SPEECH, bench
from offhook.plugins.failures import Kind
from offhook.plugins.hooks import Hooks
from offhook.plugins.loader import FoundPlugin, find_plugins
from offhook.simulators.asterisk import SimulatedCaller

MODE = "the activation mode {}"
KEPT_GOING = "dtmf"
"""The cause of a call that goes on, until its caller types."""

# plugin → (what becomes of its call, where the failure is noted, and as what)
CONTAINED: dict[str, tuple[str, str, Kind | None]] = {
    "PartRaises": ("plugin_error", MODE, "raised"),
    "PartWaits": ("plugin_error", MODE, "blocked"),
    "PartComputes": ("plugin_error", MODE, "blocked"),
    "PartIsSlow": (KEPT_GOING, "", None),
    "PartAnswersNonsense": ("plugin_error", MODE, "nonsense"),
    "PartFloods": ("plugin_error", MODE, "flooded"),
    "PartFloodsInTime": ("plugin_error", MODE, "flooded"),
    "PartKeepsItsCall": (KEPT_GOING, "work of its own", "stale"),
    "WorkNeverEnds": (KEPT_GOING, "the work ask", "late"),
    "WorkWaits": (KEPT_GOING, "the work ask", "blocked"),
    "HookRaises": (KEPT_GOING, "the hook activation_mode", "raised"),
    "HookWaits": (KEPT_GOING, "the hook activation_mode", "blocked"),
    "HookComputes": (KEPT_GOING, "the hook activation_mode", "blocked"),
    "HookReturnsNonsense": (KEPT_GOING, "the hook activation_mode", "nonsense"),
    "SettingsNeverCome": (KEPT_GOING, "the hook call_settings", "late"),
    "ToolsWithoutEnd": (KEPT_GOING, "the hook tools", "blocked"),
    "ObserverWaits": (KEPT_GOING, "the hook call_event", "blocked"),
    "ListenerRaises": (KEPT_GOING, "its audio listener", "raised"),
    "ListenerWaits": (KEPT_GOING, "its audio listener", "blocked"),
    "ListenerComputes": (KEPT_GOING, "its audio listener", "blocked"),
}


def installed_with(plugin: object) -> Hooks:
    """The plugins that are installed, and one more, from outside."""
    return Hooks([*find_plugins(), FoundPlugin("bad", "acme-bad", "1.0", plugin=plugin)])


def test_every_bad_plugin_is_looked_at() -> None:
    assert CONTAINED.keys() == BAD_PLUGINS.keys()


async def converse(caller: SimulatedCaller) -> str:
    """A whole call; returns its cause."""
    await caller.answered()
    caller.play(SPEECH)
    await caller.wait_heard()
    await caller.press("1#")
    return (await caller.left_stasis()).variables["OFFHOOK_END_CAUSE"]


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", BAD_PLUGINS)
async def test_one_call_with_a_bad_plugin_costs_no_other_call_anything(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    cause, where, failure = CONTAINED[kind]
    hooks = installed_with(BAD_PLUGINS[kind]())
    RELEASED.clear()
    async with bench(hooks=hooks, settings_timeout_ms=500) as calls:
        bad = await calls.asterisk.dial("7000", **calls_by(kind))
        good = [await calls.dial() for _ in range(2)]
        assert await asyncio.gather(*map(converse, good)) == [KEPT_GOING, KEPT_GOING]
        if cause == KEPT_GOING:
            assert await converse(bad) == KEPT_GOING
        else:
            left = await bad.left_stasis()
            assert left.variables["OFFHOOK_END_CAUSE"] == cause
            assert "plugin bad" in left.variables["RECOGNITION_ERROR"]
        if failure is not None:
            await calls.until(
                lambda: ("bad", where.format(kind), failure) in hooks.failures.counts(), "the failure noted"
            )
            named = [record for record in caplog.records if record.getMessage().startswith("plugin bad: ")]
            assert any(record.levelno == logging.ERROR for record in named)
        else:
            assert not hooks.failures.counts()
        RELEASED.set()  # what has come back too late changes nothing any more

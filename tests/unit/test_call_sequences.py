"""Whatever happens, in whatever order and however late: a call never breaks, and it ends once (hypothesis)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from call_events import a_start, steps, variants
from call_scenario import MODES, CallScenario
from offhook import Settings
from offhook.call.actions import CloseStream, End, OpenStream
from offhook.call.events import (
    Arrived,
    CallerHungUp,
    Event,
    MediaReady,
)
from offhook.settings import settings_with


def played_through(
    chosen: Settings, mode: str, start: list[Event], told: list[tuple[float, Event]]
) -> CallScenario:
    call = CallScenario(chosen, mode)
    call.at(0, *start)
    for pause, event in told:
        call.at(call.now + pause, event)
    return call


def streams_alternate(call: CallScenario) -> bool:
    """No stream is opened while another one is open or opening."""
    is_open = False
    for _, action in call.done:
        if isinstance(action, OpenStream):
            if is_open:
                return False
            is_open = True
        elif isinstance(action, CloseStream):
            is_open = False
    return True


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["conversation", "recognition"])
@settings(max_examples=60, deadline=None)
@given(variant=variants, start=a_start, told=steps)
def test_any_events_in_any_order_end_a_call_once_and_leave_nothing(
    mode: str, kind: str, variant: dict[str, Any], start: list[Event], told: list[tuple[float, Event]]
) -> None:
    call = played_through(settings_with(session_kind=kind, **variant), mode, start, told)
    call.at(call.now, CallerHungUp())
    assert call.call.ended
    assert [type(action) for _, action in call.done].count(End) == 1
    assert isinstance(call.done[-1][1], End)
    assert call.timers() == set()
    assert call.call.deadline is None
    assert streams_alternate(call)
    assert call.call.state.gate == "closed"
    assert call.call.state.stream == "closed"
    assert all(isinstance(value, str) for value in call.outcome.variables().values())


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=60, deadline=None)
@given(variant=variants, start=a_start, told=steps)
def test_any_recognition_ends_by_itself_within_its_longest_duration(
    mode: str, variant: dict[str, Any], start: list[Event], told: list[tuple[float, Event]]
) -> None:
    chosen = settings_with(session_kind="recognition", max_recognition_duration_seconds=30, **variant)
    call = played_through(chosen, mode, [Arrived(), *start[1:]], told)
    call.until(call.now + 31 + 31)
    assert call.call.ended, str(call)


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=60, deadline=None)
@given(variant=variants, told=steps)
def test_any_conversation_ends_by_itself_within_its_longest_duration(
    mode: str, variant: dict[str, Any], told: list[tuple[float, Event]]
) -> None:
    chosen = settings_with(**{**variant, "max_call_duration_seconds": 3600})
    call = played_through(chosen, mode, [Arrived(), MediaReady()], told)
    call.until(call.now + 3600)
    assert call.call.ended, str(call)

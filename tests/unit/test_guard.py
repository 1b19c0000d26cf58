"""A bad plugin's part cannot hurt its call: it ends cleanly, with a word about whose fault it was."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, cast

import pytest

from call_scenario import CallScenario
from offhook import Action, Activate, CallView, Digit, Event, Part, Started, StartTimer, TimerExpired
from offhook.call.actions import OpenStream
from offhook.call.events import SpeechStarted
from offhook.call.outcome import EndCause, Outcome
from offhook.plugins.guard import GuardedPart
from offhook.settings import settings_with


class Raises:
    """Starts a timer, and breaks when it is due."""

    def on(self, event: Event, call: CallView) -> Iterable[Action]:
        match event:
            case Started():
                yield StartTimer("soon", 1)
            case TimerExpired():
                yield Activate()
                raise KeyError("menu")
            case _:
                pass


class Returns:
    """Answers everything with the same, which may be nonsense."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def on(self, event: Event, call: CallView) -> Any:
        return self.answer if isinstance(event, Started) else ()


class HasNoOn:
    """Not a part at all."""


def ended_with(part: object) -> Outcome:
    guarded = GuardedPart(cast("Part", part), plugin="menus", role="activation mode MENU")
    call = CallScenario(settings_with(greeting_audio_path="none"), "MENU", activation_part=guarded)
    call.connected()
    call.until(1)
    return call.outcome


@pytest.mark.parametrize(
    ("part", "word"),
    [
        (Raises(), "KeyError: 'menu'"),
        (Returns(["hang up"]), "'hang up' is not an action"),
        (Returns([Activate]), "is not an action"),
        (Returns(7), "not iterable"),
        (HasNoOn(), "AttributeError"),
    ],
)
def test_a_part_that_raises_or_returns_nonsense_ends_the_call_with_plugin_error(
    part: object, word: str
) -> None:
    outcome = ended_with(part)
    assert outcome.cause is EndCause.PLUGIN_ERROR
    assert word in outcome.error
    assert "activation mode MENU of plugin menus failed" in outcome.error


def test_what_a_part_did_before_it_broke_is_done() -> None:
    guarded = GuardedPart(Raises(), plugin="menus", role="activation mode MENU")
    call = CallScenario(
        settings_with(greeting_audio_path="none", preconnect=False), "MENU", activation_part=guarded
    )
    call.connected()
    call.expect(1, OpenStream())


def test_the_log_names_the_plugin_and_the_call(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        ended_with(Raises())
    record = caplog.records[0]
    assert "menus" in record.message
    assert record.__dict__["call_id"] == "call-1"


def test_a_keypad_handler_that_breaks_gives_the_caller_back_with_an_error() -> None:
    class Broken:
        def on(self, event: Event, call: CallView) -> Iterable[Action]:
            if isinstance(event, Digit):
                raise ZeroDivisionError("division by zero")
            return ()

    guarded = GuardedPart(Broken(), plugin="menus", role="keypad handler")
    call = CallScenario(settings_with(), "IMMEDIATE", keypad=guarded)
    call.listening()
    call.at(1, SpeechStarted("i1"))
    call.at(2, Digit("1"))
    outcome = call.expect_end(2, EndCause.PLUGIN_ERROR)
    assert outcome.error == "the keypad handler of plugin menus failed: ZeroDivisionError: division by zero"


def test_a_good_part_is_not_changed_by_its_guard() -> None:
    class Good:
        def on(self, event: Event, call: CallView) -> Iterable[Action]:
            if isinstance(event, Started):
                yield Activate()

    call = CallScenario(
        settings_with(), "MENU", activation_part=GuardedPart(Good(), plugin="menus", role="mode")
    )
    call.connected()
    call.expect(0, OpenStream())
    call.expect_running()

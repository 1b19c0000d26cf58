"""A part that breaks: the next provider of its mode takes over where the call stands, or the call ends."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

import offhook_activation_fixed_delay
import offhook_activation_immediate
import offhook_activation_vad
from offhook import Action, CallView, Digit, Event, Part, Run, Started, StartTimer, TimerExpired
from offhook.call.actions import CancelWork, ClearTimer, OpenStream, PartBroke
from offhook.call.call import Call
from offhook.call.events import Arrived, GreetingFinished, MediaReady, PlaybackFinished, TalkingStarted
from offhook.call.outcome import EndCause
from offhook.plugins.guard import GuardedPart
from offhook.settings import Settings, settings_with
from offhook.testing.scenario import CALLER


class BreaksAt:
    """A stranger's part that waits for this kind of event, and breaks."""

    def __init__(self, kind: type[Event]) -> None:
        self._kind = kind

    def on(self, event: Event, call: CallView) -> Iterable[Action]:
        if isinstance(event, Started):
            yield StartTimer("mine", 7)
            yield Run("mine", nothing)
        if isinstance(event, self._kind):
            raise LookupError("no such menu")


async def nothing() -> None:
    pass


def guarded(part: Part, plugin: str = "stranger") -> Part:
    return GuardedPart(part, plugin=plugin, role="activation mode")


def call_with(settings: Settings, *parts: Part | None) -> Call:
    call = Call(CALLER, settings, activation=[guarded(part) for part in parts if part])
    for event in (Arrived(), MediaReady()):
        call.handle(event, 0)
    return call


def test_the_next_provider_takes_over_with_nothing_left_of_the_first() -> None:
    settings = settings_with(greeting_audio_path="none", preconnect=False)
    immediate = offhook_activation_immediate.activation_mode("immediate", settings)
    call = Call(CALLER, settings, activation=[guarded(BreaksAt(Digit)), guarded(immediate)])  # type: ignore[arg-type]
    for event in (Arrived(), MediaReady()):
        call.handle(event, 0)
    actions = call.handle(Digit("1"), 1)
    assert [type(action) for action in actions][:3] == [PartBroke, ClearTimer, CancelWork]
    assert ClearTimer("mine", "activation") in actions
    assert OpenStream() in actions, "the new part was told that the call has started"
    assert not call.ended


def test_it_breaks_at_once_and_the_greeting_is_still_waited_for() -> None:
    settings = settings_with(greeting_audio_path="sound:hi", barge_in_delay_seconds=5, preconnect=False)
    call = call_with(settings, BreaksAt(Started), offhook_activation_fixed_delay.FixedDelay())
    assert call.state.timers.running() and not call.ended
    call.handle(PlaybackFinished("greeting"), 2)
    assert OpenStream() not in call.tick(6.9)
    assert OpenStream() in call.tick(7)


def test_it_breaks_at_the_end_of_the_greeting_which_counts_for_the_next() -> None:
    settings = settings_with(greeting_audio_path="sound:hi", barge_in_delay_seconds=5, preconnect=False)
    call = call_with(settings, BreaksAt(GreetingFinished), offhook_activation_fixed_delay.FixedDelay())
    call.handle(PlaybackFinished("greeting"), 2)
    assert OpenStream() in call.tick(7)


def test_what_happened_as_it_broke_is_not_lost_on_the_next() -> None:
    settings = settings_with(
        greeting_audio_path="none",
        vad_recog_activation="vadMode",
        vad_recognition_activation_ms=0,
        preconnect=False,
    )
    call = call_with(
        settings, BreaksAt(TalkingStarted), offhook_activation_vad.activation_mode("vad", settings)
    )
    assert OpenStream() in call.handle(TalkingStarted(), 1)


def test_one_after_the_other_breaks_and_the_last_ends_the_call() -> None:
    settings = settings_with(greeting_audio_path="none")
    call = call_with(settings, BreaksAt(Digit), BreaksAt(Digit), BreaksAt(Digit))
    call.handle(Digit("1"), 1)
    assert call.outcome is not None
    assert call.outcome.cause is EndCause.PLUGIN_ERROR
    assert "LookupError: no such menu" in call.outcome.error
    assert call.deadline is None


@pytest.mark.parametrize("seconds", [0.1, 6.9])
def test_a_timer_of_the_broken_part_does_not_ring_at_the_next(seconds: float) -> None:
    rung: list[Event] = []

    class Listens:
        def on(self, event: Event, call: CallView) -> Iterable[Action]:
            if isinstance(event, TimerExpired):
                rung.append(event)
            return ()

    call = call_with(settings_with(greeting_audio_path="none"), BreaksAt(Digit), Listens())
    call.handle(Digit("1"), seconds)
    while call.deadline is not None and not call.ended:
        call.tick(call.deadline)
    assert rung == []

"""The mode FIXED_DELAY, sentence by sentence."""

from __future__ import annotations

import pytest

from call_scenario import CallScenario
from offhook.call.actions import Buffer, OpenStream, SetGate, StartTimer
from offhook.call.events import (
    Digit,
    PlaybackFinished,
    StreamOpened,
    TalkingFinished,
    TalkingStarted,
)
from offhook.call.outcome import EndCause
from offhook.settings import settings_with


def fixed_delay(greeting: str = "sound:welcome", **more: object) -> CallScenario:
    more = {"preconnect": False, "greeting_audio_path": greeting, **more}
    return CallScenario(settings_with(**more), "FIXED_DELAY")


def test_it_waits_for_the_greeting_to_finish_and_then_for_the_delay() -> None:
    call = fixed_delay(barge_in_delay_seconds=0.5)
    call.connected()
    call.at(2, PlaybackFinished("greeting"))
    call.expect(2, StartTimer("bargeInActivation", 0.5, "activation"))
    call.until(2.4)
    call.expect_never(OpenStream)
    call.expect(2.5, OpenStream())


def test_the_end_of_another_prompt_is_not_the_greetings() -> None:
    call = fixed_delay(barge_in_delay_seconds=0)
    call.connected()
    call.at(1, PlaybackFinished("music"))
    call.expect_never(OpenStream)


def test_a_greeting_that_fails_has_finished_too() -> None:
    call = fixed_delay(barge_in_delay_seconds=0.5)
    call.connected()
    call.at(1, PlaybackFinished("greeting", failed=True))
    call.expect(1.5, OpenStream())


def test_without_a_delay_streaming_starts_immediately_after_the_greeting() -> None:
    call = fixed_delay(barge_in_delay_seconds=0)
    call.connected()
    call.at(2, PlaybackFinished("greeting"))
    call.expect(2, OpenStream())


def test_without_a_greeting_the_delay_counts_from_the_start() -> None:
    call = fixed_delay("none", barge_in_delay_seconds=0.5)
    call.connected(1)
    call.expect(1.5, OpenStream())


def test_without_greeting_and_delay_streaming_starts_at_once() -> None:
    call = fixed_delay("none", barge_in_delay_seconds=0)
    call.connected()
    call.expect(0, OpenStream())


def test_the_common_timers_apply_once_the_stream_is_active() -> None:
    call = fixed_delay(barge_in_delay_seconds=0.5, no_speech_begin_timeout_seconds=3)
    call.connected()
    call.at(60, PlaybackFinished("greeting"))
    call.at(60.7, StreamOpened())
    call.expect_end(63.7, EndCause.NO_SPEECH)


@pytest.mark.parametrize("preconnect", [True, False])
def test_the_callers_audio_is_not_kept_before_the_delay_is_over(preconnect: bool) -> None:
    call = fixed_delay(barge_in_delay_seconds=0.5, preconnect=preconnect)
    call.connected()
    call.at(1, TalkingStarted())
    call.at(2, PlaybackFinished("greeting"), TalkingFinished())
    call.expect_never(Buffer)
    call.until(3)
    assert call.times_of(SetGate) == [2.5]


def test_timers_of_the_mode_vad_are_not_used() -> None:
    call = fixed_delay(vad_initial_silence_delay_seconds=1, vad_activation_delay_seconds=1)
    call.connected()
    call.at(1, PlaybackFinished("greeting"))
    assert not {name for name in call.timers() if name.startswith("vad")}


def test_a_digit_interrupts_the_delay() -> None:
    call = fixed_delay(barge_in_delay_seconds=5, dtmf_interdigit_timeout_seconds=20)
    call.connected()
    call.at(1, PlaybackFinished("greeting"))
    call.at(2, Digit("1"))
    call.until(4)
    assert "bargeInActivation" not in call.timers()
    call.expect_never(OpenStream)

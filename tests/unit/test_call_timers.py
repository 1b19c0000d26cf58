"""Timers as data: started, cleared and expired on a fake clock; 0 disables; none outlives its call."""

from __future__ import annotations

import pytest

from call_scenario import CallScenario
from offhook.call.actions import ClearTimer, StartTimer
from offhook.call.events import (
    Arrived,
    CallerHungUp,
    Digit,
    InterimTranscript,
    PlaybackFinished,
    SpeechStarted,
)
from offhook.call.outcome import EndCause
from offhook.call.timers import Timers
from offhook.settings import settings_with


def test_a_timer_expires_at_its_time_and_not_before() -> None:
    timers = Timers()
    timers.start("speech", "noSpeechBegin", now=10, seconds=3)
    assert timers.pop_expired(12.99) is None
    assert timers.deadline == 13
    assert timers.pop_expired(13) == ("speech", "noSpeechBegin")
    assert timers.deadline is None


def test_a_timer_that_is_started_again_counts_anew() -> None:
    timers = Timers()
    timers.start("keypad", "dtmfFinal", now=0, seconds=3)
    timers.start("keypad", "dtmfFinal", now=2, seconds=3)
    assert timers.pop_expired(4) is None
    assert timers.deadline == 5


def test_timers_expire_in_the_order_of_their_times_however_late_the_clock_is() -> None:
    timers = Timers()
    timers.start("a", "second", now=0, seconds=2)
    timers.start("b", "first", now=0, seconds=1)
    timers.start("a", "third", now=0, seconds=9)
    assert [timers.pop_expired(5) for _ in range(3)] == [("b", "first"), ("a", "second"), None]


def test_two_owners_may_have_timers_of_one_name() -> None:
    timers = Timers()
    timers.start("a", "delay", now=0, seconds=1)
    timers.start("b", "delay", now=0, seconds=2)
    assert timers.clear("a", "delay")
    assert not timers.clear("a", "delay")
    assert timers.running() == [("b", "delay")]


SECONDS = {
    "noSpeechBegin": "no_speech_begin_timeout_seconds",
    "initialOpenAIStreamIdle": "initial_openai_stream_idle_timeout_seconds",
    "speechEndSilence": "speech_complete_timeout_seconds",
    "maxRecognitionDuration": "max_recognition_duration_seconds",
    "maxCallDuration": "max_call_duration_seconds",
    "conversationIdle": "conversation_idle_seconds",
    "bargeInActivation": "barge_in_delay_seconds",
    "vadMaxWaitAfterPrompt": "vad_max_wait_after_prompt_seconds",
    "vadInitialSilenceDelay": "vad_initial_silence_delay_seconds",
    "vadActivationDelay": "vad_activation_delay_seconds",
    "dtmfInterDigit": "dtmf_interdigit_timeout_seconds",
    "dtmfFinal": "dtmf_final_timeout_seconds",
}
"""Every timer of the spec, and its setting."""
DTMF = ("dtmfInterDigit", "dtmfFinal")


def uses(timer: str, seconds: float) -> list[StartTimer]:
    """A call that comes to each moment in which this timer is due to start."""
    mode = (
        "VAD" if timer.startswith("vad") else "FIXED_DELAY" if timer == "bargeInActivation" else "IMMEDIATE"
    )
    sub_mode = "vadMode" if timer.endswith("Delay") else "afterPrompt"
    settings = settings_with(**{SECONDS[timer]: seconds}, vad_recog_activation=sub_mode)
    call = CallScenario(settings, mode)
    call.listening()
    call.at(1, PlaybackFinished("greeting"))
    if timer in DTMF:
        call.at(1, Digit("1"))
    call.at(1, SpeechStarted("i1"), InterimTranscript("i1", "well"))
    return [action for action in call.all_of(StartTimer) if action.name == timer]


@pytest.mark.parametrize("timer", SECONDS)
def test_each_timer_runs_as_long_as_its_setting_says(timer: str) -> None:
    assert {action.seconds for action in uses(timer, 7.5)} == {7.5}


@pytest.mark.parametrize("timer", SECONDS)
def test_0_disables_a_timer(timer: str) -> None:
    assert uses(timer, 0) == []


def test_a_timer_that_did_not_run_is_not_cleared_for_anybody_to_see() -> None:
    call = CallScenario(settings_with(no_speech_begin_timeout_seconds=0), mode="IMMEDIATE")
    call.listening()
    call.at(1, SpeechStarted("i1"))
    call.expect_never(ClearTimer("noSpeechBegin", "speech"))


def test_a_host_that_comes_late_still_ends_the_call_for_the_right_cause() -> None:
    settings = settings_with(no_speech_begin_timeout_seconds=3, initial_openai_stream_idle_timeout_seconds=4)
    call = CallScenario(settings, mode="IMMEDIATE")
    call.listening()
    call.call.tick(60)
    assert call.outcome.cause is EndCause.NO_SPEECH


def test_the_end_clears_every_timer_before_it_comes() -> None:
    call = CallScenario(settings_with(), mode="IMMEDIATE")
    call.listening()
    call.at(1, CallerHungUp())
    started = {action.name for action in call.all_of(StartTimer)}
    cleared = {action.name for action in call.all_of(ClearTimer)}
    assert started == cleared
    assert call.call.deadline is None


def test_after_the_end_there_is_silence() -> None:
    call = CallScenario(settings_with(), mode="IMMEDIATE")
    call.at(0, Arrived(), CallerHungUp())
    before = list(call.done)
    call.at(1, Arrived(), Digit("1"), SpeechStarted("i1"))
    call.until(4000)
    assert call.done == before

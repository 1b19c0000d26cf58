"""A greeting that the model speaks: `greetingText`."""

from __future__ import annotations

from typing import Any

import pytest

from call_scenario import CallScenario
from offhook.call.actions import ConnectMedia, OpenStream, Play, Say, SendText, SetGate, StopPlayout
from offhook.call.events import (
    AnswerAudioStarted,
    AnswerPlayed,
    CallerHungUp,
    Digit,
    HeardItem,
    PlayoutStopped,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    StreamFailed,
    StreamOpened,
    TalkingStarted,
)
from offhook.call.outcome import EndCause
from offhook.settings import settings_with

WORDS = "Welcome to the shop."


def greeted(mode: str, **more: Any) -> CallScenario:
    """A call whose greeting is spoken; the stream opens at 0.2."""
    call = CallScenario(settings_with(greeting_text=WORDS, **more), mode)
    call.connected()
    call.at(0.2, StreamOpened("s"))
    return call


def begins(call: CallScenario, time: float) -> None:
    call.at(time, ResponseStarted("r1"), AnswerAudioStarted("r1", "a1"))


def ends(call: CallScenario, time: float) -> None:
    call.at(time - 0.5, ResponseDone("r1"))
    call.at(time, AnswerPlayed("a1", 2000))


@pytest.mark.parametrize("preconnect", [True, False])
@pytest.mark.parametrize("mode", ["IMMEDIATE", "FIXED_DELAY", "VAD"])
def test_the_model_is_asked_for_it_as_soon_as_the_stream_is_open_and_asterisk_plays_nothing(
    mode: str, preconnect: bool
) -> None:
    call = greeted(mode, preconnect=preconnect)
    call.expect(0, OpenStream())
    call.expect(0.2, Say(WORDS))
    call.expect_never(Play)
    assert call.all_of(ConnectMedia) == [ConnectMedia("bridge")], "no prompt overlaps listening"
    assert len(call.all_of(OpenStream)) == 1


def test_fixed_delay_listens_its_delay_after_the_end_of_the_words() -> None:
    call = greeted("FIXED_DELAY", barge_in_delay_seconds=0.5)
    begins(call, 0.4)
    ends(call, 3)
    call.until(3.4)
    call.expect_never(SetGate("open"))
    call.expect(3.5, SetGate("open"))


def test_vad_after_prompt_waits_for_the_end_of_the_words() -> None:
    call = greeted("VAD", vad_max_wait_after_prompt_seconds=5)
    begins(call, 0.4)
    ends(call, 3)
    call.expect_end(8, EndCause.NO_SPEECH)


def test_talking_over_it_stops_it_in_vad_mode() -> None:
    call = greeted("VAD", vad_recognition_activation_ms=0)
    begins(call, 0.4)
    call.at(1, TalkingStarted())
    call.expect(1, StopPlayout())
    call.at(1, PlayoutStopped((HeardItem("a1", 600, 2000),)), ResponseDone("r1", "cancelled"))
    call.expect(1, SetGate("open"))


def test_in_immediate_the_caller_may_interrupt_it_and_the_first_word_is_waited_for_from_its_end() -> None:
    call = greeted("IMMEDIATE", no_speech_begin_timeout_seconds=3)
    call.expect(0.2, SetGate("open"))
    assert "noSpeechBegin" not in call.timers()
    begins(call, 0.4)
    ends(call, 10)
    assert "noSpeechBegin" in call.timers()
    call.expect_end(13, EndCause.NO_SPEECH)


def test_an_interrupted_greeting_is_over() -> None:
    call = greeted("IMMEDIATE")
    begins(call, 0.4)
    call.at(1, SpeechStarted("i1"))
    call.expect(1, StopPlayout())
    call.at(1, PlayoutStopped((HeardItem("a1", 600, 2000),)), ResponseDone("r1", "cancelled"))
    assert not call.call.view.greeting_playing


def test_it_takes_the_place_of_an_initial_user_prompt() -> None:
    call = greeted("IMMEDIATE", initial_user_prompt="Say hello.")
    begins(call, 0.4)
    ends(call, 3)
    call.expect_never(SendText)


def test_without_an_answer_of_the_model_the_call_goes_on_all_the_same() -> None:
    call = greeted("FIXED_DELAY", barge_in_delay_seconds=0.5)
    call.at(0.4, ResponseStarted("r1"), ResponseDone("r1", "failed", "server error"))
    call.expect(0.9, SetGate("open"))


def test_a_model_that_never_begins_does_not_keep_the_caller() -> None:
    call = greeted("FIXED_DELAY", barge_in_delay_seconds=0.5, conversation_idle_seconds=0)
    call.expect(60.5, SetGate("open"))


def test_a_digit_takes_over_while_it_is_spoken() -> None:
    call = greeted("FIXED_DELAY")
    begins(call, 0.4)
    call.at(1, Digit("1"))
    call.expect(1, StopPlayout())
    assert "spokenGreeting" not in call.timers()


def test_a_recognition_plays_its_prompt_since_its_model_says_nothing() -> None:
    call = greeted("IMMEDIATE", session_kind="recognition")
    assert call.all_of(Play)
    call.expect_never(Say)


def test_a_hang_up_or_a_lost_stream_leaves_nothing_behind() -> None:
    for event, cause in ((CallerHungUp(), EndCause.HANGUP), (StreamFailed("gone"), EndCause.PROVIDER_ERROR)):
        call = greeted("FIXED_DELAY")
        begins(call, 0.4)
        call.at(1, event)
        call.expect_end(1, cause)
        assert call.timers() == set()

"""The keypad, sentence by sentence (spec §6)."""

from __future__ import annotations

from typing import Any

import pytest

from call_scenario import MODES, CallScenario
from offhook.call.actions import (
    CancelResponse,
    CloseStream,
    OpenStream,
    RemoveTalkDetect,
    SendText,
    SetGate,
    StopPlayback,
    StopPlayout,
)
from offhook.call.events import (
    AnswerAudioStarted,
    Arrived,
    CallerHungUp,
    Digit,
    EndRequested,
    Event,
    FinalTranscript,
    InterimTranscript,
    MediaReady,
    PlaybackFinished,
    PlayoutStopped,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    StreamFailed,
    StreamOpened,
    TalkingStarted,
    ToolFinished,
    ToolRequested,
    TurnCommitted,
)
from offhook.call.outcome import EndCause, Outcome, Status
from offhook.settings import settings_with


def digits(keys: str) -> list[Event]:
    return [Digit(key) for key in keys]


def call_with(mode: str = "IMMEDIATE", **more: Any) -> CallScenario:
    return CallScenario(settings_with(**more), mode)


def collected(keys: str, **more: Any) -> Outcome:
    """What a call ends with whose caller types all of these at once and then waits."""
    call = call_with(**more)
    call.listening()
    call.at(1, *digits(keys))
    call.until(60)
    return call.outcome


# --- The first digit ------------------------------------------------------------------------------------


def test_the_first_digit_stops_playbacks_and_the_realtime_stream() -> None:
    call = call_with()
    call.listening()
    call.at(1, ResponseStarted("r1"), AnswerAudioStarted("r1", "a1"))
    call.at(2, Digit("1"))
    call.expect(2, SetGate("closed"), StopPlayback("greeting"), CloseStream(), StopPlayout())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["recognition", "conversation"])
def test_the_first_digit_clears_the_speech_timers_and_the_maximum_duration(mode: str, kind: str) -> None:
    call = call_with(mode, session_kind=kind)
    call.listening()
    call.at(1, TalkingStarted())
    call.at(1.5, SpeechStarted("i1"), InterimTranscript("i1", "well"))
    call.at(2, Digit("1"))
    assert call.timers() <= {"dtmfInterDigit", "dtmfFinal", "maxCallDuration", "greetingLimit"}


def test_a_digit_ends_the_wait_for_silence_and_the_wait_for_a_goodbye() -> None:
    call = call_with()
    call.listening()
    call.at(1, PlaybackFinished("greeting"), SpeechStarted("i1"), SpeechStopped("i1"), TurnCommitted("i1"))
    call.at(2, ResponseStarted("r1"), ToolRequested("r1", "t1", "end_call", "{}"), EndRequested())
    call.at(2, ResponseDone("r1"), ToolFinished("t1", "end_call", "ok"))
    assert call.timers() >= {"conversationIdle", "goodbye"}
    call.at(3, Digit("1"))
    assert call.timers() == {"dtmfInterDigit", "dtmfFinal", "maxCallDuration"}


def test_a_digit_also_removes_talk_detect() -> None:
    call = call_with("VAD")
    call.connected()
    call.at(1, TalkingStarted())
    call.at(1.01, Digit("1"))
    call.expect(1.01, RemoveTalkDetect())
    assert call.call.state.talk_detect is None
    assert not call.call.view.caller_speaking


def test_after_the_first_digit_neither_the_caller_nor_the_model_is_speaking() -> None:
    call = call_with()
    call.listening()
    call.at(1, ResponseStarted("r1"), AnswerAudioStarted("r1", "a1"), SpeechStarted("i1"))
    call.at(2, Digit("1"), PlayoutStopped())
    assert not call.call.view.caller_speaking
    assert not call.call.view.answering
    assert call.call.state.stream == "closed"


def test_nobody_listens_while_digits_are_collected() -> None:
    call = call_with("FIXED_DELAY", preconnect=False, barge_in_delay_seconds=0)
    call.connected()
    call.at(1, Digit("1"))
    call.at(1.5, PlaybackFinished("greeting"))
    call.expect_never(OpenStream)


@pytest.mark.parametrize(
    "late",
    [
        FinalTranscript("i1", "well"),
        InterimTranscript("i1", "well"),
        SpeechStarted("i1"),
        StreamFailed("closed"),
        StreamOpened(),
        TalkingStarted(),
    ],
)
@pytest.mark.parametrize("kind", ["recognition", "conversation"])
def test_what_the_provider_still_says_after_the_first_digit_decides_nothing(late: Event, kind: str) -> None:
    call = call_with(session_kind=kind, dtmf_interdigit_timeout_seconds=60, dtmf_final_timeout_seconds=60)
    call.listening()
    call.at(1, Digit("4"))
    call.at(1.1, late)
    assert call.call.state.stream == "closed"
    call.at(50, Digit("2"), Digit("#"))
    assert call.expect_end(50, EndCause.DTMF).digits == "42"


def test_a_digit_pressed_before_the_audio_stands_takes_over_too() -> None:
    call = call_with("IMMEDIATE")
    call.at(0, Arrived())
    call.at(0.1, Digit("7"))
    call.at(0.3, MediaReady())
    call.expect_never(OpenStream, StopPlayback)
    assert call.expect_end(2.1, EndCause.DTMF).digits == "7"


# --- Collecting -----------------------------------------------------------------------------------------


def test_dtmf_result_is_set_and_the_call_ends_with_cause_dtmf() -> None:
    outcome = collected("123#")
    assert (outcome.cause, outcome.status, outcome.completion_cause) == (EndCause.DTMF, Status.OK, "000")
    assert outcome.variables()["DTMF_RESULT"] == "123"


def test_the_terminator_ends_the_collection_at_once_and_is_left_out() -> None:
    call = call_with()
    call.listening()
    call.at(1, *digits("12"))
    call.at(2, Digit("#"))
    assert call.expect_end(2, EndCause.DTMF).digits == "12"


def test_another_terminator_may_be_chosen() -> None:
    assert collected("1#2*3", dtmf_terminator_digit="*").digits == "1#2"


def test_no_terminator_at_all_may_be_chosen() -> None:
    assert collected("1#2*", dtmf_terminator_digit="none").digits == "1#2*"


def test_the_terminator_alone_gives_no_digits() -> None:
    assert collected("#").digits == ""


def test_dtmf_max_digits_ends_the_collection_at_once() -> None:
    call = call_with(dtmf_max_digits=4)
    call.listening()
    call.at(1, *digits("471"))
    call.at(2, *digits("123"))
    assert call.expect_end(2, EndCause.DTMF).digits == "4711"


@pytest.mark.parametrize(
    ("inter_digit", "last", "ends"), [(2, 3, 4.5), (4, 3, 5.5), (0, 3, 5.5), (2, 0, 4.5)]
)
def test_the_shorter_of_the_inter_digit_and_the_final_timer_ends_the_collection(
    inter_digit: float, last: float, ends: float
) -> None:
    call = call_with(dtmf_interdigit_timeout_seconds=inter_digit, dtmf_final_timeout_seconds=last)
    call.listening()
    call.at(1, Digit("1"))
    call.at(2.5, Digit("2"))
    assert call.expect_end(ends, EndCause.DTMF).digits == "12"


def test_both_timers_start_again_with_each_digit() -> None:
    call = call_with(dtmf_interdigit_timeout_seconds=2, dtmf_final_timeout_seconds=3)
    call.listening()
    for second, key in enumerate("123456", start=1):
        call.at(second * 1.9, Digit(key))
    call.expect_running()
    assert call.expect_end(13.4, EndCause.DTMF).digits == "123456"


def test_dtmf_enabled_false_ignores_digits() -> None:
    call = call_with(dtmf_enabled=False, session_kind="recognition")
    call.listening()
    before = list(call.done)
    call.at(1, *digits("12#"))
    assert call.done == before
    call.expect_end(3, EndCause.NO_SPEECH)


def test_the_caller_may_hang_up_while_typing() -> None:
    call = call_with()
    call.listening()
    call.at(1, Digit("1"))
    call.at(1.5, CallerHungUp())
    call.expect_end(1.5, EndCause.HANGUP)


# --- dtmfMode: converse ---------------------------------------------------------------------------------


def converse(mode: str = "IMMEDIATE", **more: Any) -> CallScenario:
    return call_with(mode, dtmf_mode="converse", **more)


def test_converse_keeps_the_realtime_session_and_hands_the_digits_to_the_model_as_one_message() -> None:
    call = converse()
    call.listening()
    call.at(0.5, SpeechStarted("i1"), SpeechStopped("i1"))
    call.at(1, *digits("47"))
    call.at(2, *digits("11#"))
    call.expect_never(CloseStream)
    call.expect_running()
    assert call.all_of(SendText) == [SendText("The caller pressed these keys: 4 7 1 1")]
    assert call.timers().isdisjoint({"dtmfInterDigit", "dtmfFinal"})


def test_converse_hands_over_what_was_typed_when_the_caller_stops() -> None:
    call = converse(dtmf_interdigit_timeout_seconds=2)
    call.listening()
    call.at(1, *digits("47"))
    call.expect(3, SendText("The caller pressed these keys: 4 7"))


def test_converse_collects_again_for_the_next_message() -> None:
    call = converse()
    call.listening()
    call.at(1, *digits("1#"))
    call.at(2, *digits("2#"))
    assert [text.text[-1] for text in call.all_of(SendText)] == ["1", "2"]


def test_converse_with_no_digits_says_nothing() -> None:
    call = converse()
    call.listening()
    call.at(1, Digit("#"))
    call.expect_never(SendText)


def test_a_digit_in_converse_stops_what_the_caller_is_hearing() -> None:
    call = converse()
    call.listening()
    call.at(1, ResponseStarted("r1"), AnswerAudioStarted("r1", "a1"))
    call.at(2, Digit("1"))
    call.expect(2, StopPlayback("greeting"), CancelResponse("r1"), StopPlayout())


def test_sensitive_digits_are_marked_for_masking() -> None:
    call = converse(dtmf_sensitive=True)
    call.listening()
    call.at(1, *digits("1#"))
    assert [text.sensitive for text in call.all_of(SendText)] == [True]


def test_a_caller_who_types_instead_of_speaking_is_not_taken_for_silent() -> None:
    call = converse(no_speech_begin_timeout_seconds=3)
    call.listening()
    call.at(2.5, *digits("1"))
    call.at(3.5, *digits("2#"))
    call.until(15)
    call.expect_running()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("preconnect", [True, False])
def test_digits_typed_during_the_greeting_start_the_conversation_and_reach_the_model(
    mode: str, preconnect: bool
) -> None:
    call = converse(mode, preconnect=preconnect)
    call.connected()
    call.at(1, *digits("12#"))
    call.at(1.1, PlaybackFinished("greeting"))
    call.at(1.5, StreamOpened())
    call.expect(1.5, SetGate("open"), SendText("The caller pressed these keys: 1 2"))
    call.until(20)
    call.expect_running()


def test_typing_interrupts_the_silence_of_both_sides() -> None:
    call = converse(conversation_idle_seconds=10)
    call.listening()
    call.at(1, SpeechStarted("i1"), SpeechStopped("i1"), PlaybackFinished("greeting"))
    call.at(9, Digit("1"))
    call.until(18.9)
    call.expect_running()
    call.expect_end(19, EndCause.IDLE)


def test_a_digit_that_is_ignored_interrupts_no_silence() -> None:
    call = call_with(dtmf_enabled=False, conversation_idle_seconds=10)
    call.listening()
    call.at(1, SpeechStarted("i1"), SpeechStopped("i1"), PlaybackFinished("greeting"))
    call.at(9, Digit("1"))
    call.expect_end(11, EndCause.IDLE)


def test_a_recognition_has_no_model_to_converse_with_so_digits_end_it() -> None:
    call = converse(session_kind="recognition")
    call.listening()
    call.at(1, *digits("12#"))
    assert call.expect_end(1, EndCause.DTMF).digits == "12"

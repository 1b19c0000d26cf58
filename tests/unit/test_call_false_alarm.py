"""`resumeAfterFalseBargeIn`: a sound pauses the answer, words stop it, and without words it goes on."""

from __future__ import annotations

from typing import Any

import pytest

from call_scenario import CallScenario
from offhook.call.actions import (
    CancelResponse,
    CommitInput,
    CreateResponse,
    DeleteItem,
    HoldPlayout,
    Play,
    ReleasePlayout,
    StopPlayout,
    TruncateItem,
)
from offhook.call.events import (
    AnswerAudioStarted,
    Digit,
    FinalTranscript,
    HeardItem,
    InterimTranscript,
    PlayoutStopped,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TalkingFinished,
    TalkingStarted,
    TranscriptFailed,
    TurnCommitted,
)
from offhook.realtime.configuration import session_object
from offhook.settings import settings_with


def answering(**more: Any) -> CallScenario:
    """A call in which the caller hears an answer from 1 on, whose response is done at 2."""
    settings = {
        "greeting_audio_path": "none",
        "resume_after_false_barge_in": True,
        "no_speech_begin_timeout_seconds": 0,
        "initial_openai_stream_idle_timeout_seconds": 0,
        "false_barge_in_seconds": 1.5,
    }
    call = CallScenario(settings_with(**{**settings, **more}), "IMMEDIATE")
    call.listening()
    call.at(1, ResponseStarted("r1"), AnswerAudioStarted("r1", "a1"))
    call.at(2, ResponseDone("r1"))
    return call


def heard(call: CallScenario, time: float, heard_ms: int = 4000) -> None:
    """The runner has stopped the playout."""
    call.at(time, PlayoutStopped((HeardItem("a1", heard_ms, 9000),)))


def test_a_sound_pauses_the_answer_and_nobody_is_told() -> None:
    call = answering()
    call.at(5, SpeechStarted("i1"))
    call.expect(5, HoldPlayout())
    call.expect_never(StopPlayout, TruncateItem, DeleteItem, CancelResponse)


def test_without_words_the_answer_goes_on_a_while_after_the_sound() -> None:
    call = answering()
    call.at(5, SpeechStarted("i1"))
    call.at(8, SpeechStopped("i1"), TurnCommitted("i1"))
    assert call.times_of(ReleasePlayout) == []
    call.expect(9.5, ReleasePlayout())
    call.expect_never(StopPlayout, CreateResponse)


def test_an_empty_transcript_lets_it_go_on_at_once() -> None:
    call = answering()
    call.at(5, SpeechStarted("i1"))
    call.at(5.4, SpeechStopped("i1"), TurnCommitted("i1"))
    call.at(5.6, FinalTranscript("i1", " "))
    call.expect(5.6, ReleasePlayout())
    call.until(20)
    call.expect_never(CreateResponse)


@pytest.mark.parametrize("words", [InterimTranscript("i1", "wait"), FinalTranscript("i1", "Wait.")])
def test_words_stop_it_and_the_model_is_told_what_was_heard(words: Any) -> None:
    call = answering()
    call.at(5, SpeechStarted("i1"))
    call.at(5.4, words)
    call.expect(5.4, StopPlayout())
    heard(call, 5.4)
    call.expect(5.4, TruncateItem("a1", 4000))
    assert "falseBargeIn" not in call.timers()


def test_a_response_that_is_still_being_made_is_cancelled_by_us() -> None:
    call = answering()
    call.at(3, ResponseStarted("r2"))
    call.at(5, SpeechStarted("i1"), InterimTranscript("i1", "wait"))
    call.expect(5, CancelResponse("r2"), StopPlayout())


def test_the_model_answers_when_the_words_are_known() -> None:
    call = answering()
    call.at(5, SpeechStarted("i1"))
    call.at(6, SpeechStopped("i1"), TurnCommitted("i1"))
    call.at(6.3, FinalTranscript("i1", "Wait."))
    heard(call, 6.3)
    call.expect(6.3, CreateResponse())
    assert call.times_of(CreateResponse) == [6.3]


def test_words_that_come_after_all_still_stop_it() -> None:
    call = answering()
    call.at(5, SpeechStarted("i1"))
    call.at(5.4, SpeechStopped("i1"), TurnCommitted("i1"))
    call.expect(6.9, ReleasePlayout())
    call.at(7.5, FinalTranscript("i1", "Wait."))
    call.expect(7.5, StopPlayout(), CreateResponse())


@pytest.mark.parametrize("failed", [True, False])
def test_a_turn_whose_words_cannot_be_known_is_answered(failed: bool) -> None:
    call = answering(speech_complete_timeout_seconds=5)
    call.at(5, SpeechStarted("i1"))
    call.at(6, SpeechStopped("i1"), TurnCommitted("i1"))
    if failed:
        call.at(6.2, TranscriptFailed("i1", "no model"))
        heard(call, 6.2)
        call.expect(6.2, StopPlayout(), CreateResponse())
    else:
        heard(call, 9)
        call.expect(11, CreateResponse())


def test_one_sound_after_the_other_is_one_pause() -> None:
    call = answering()
    call.at(5, SpeechStarted("i1"))
    call.at(5.4, SpeechStopped("i1"))
    call.at(6, SpeechStarted("i2"))
    call.at(7, SpeechStopped("i2"))
    call.until(8.4)
    assert call.times_of(ReleasePlayout) == []
    call.expect(8.5, ReleasePlayout())
    assert len(call.times_of(HoldPlayout)) == 1


@pytest.mark.parametrize("source", ["asterisk", "either"])
def test_asterisk_may_be_the_one_that_hears_the_sound(source: str) -> None:
    call = answering(barge_in_source=source)
    call.at(5, TalkingStarted())
    call.expect(5, HoldPlayout())
    call.at(5.5, TalkingFinished(500))
    call.expect(7, ReleasePlayout())
    call.expect_never(StopPlayout)


def test_where_asterisk_ends_the_turns_the_words_decide_too() -> None:
    call = answering(endpointing="asterisk")
    call.at(5, TalkingStarted())
    call.at(5.5, TalkingFinished(500))
    call.expect(5.5, CommitInput())
    call.expect_never(CreateResponse)
    call.at(5.8, TurnCommitted("i1"), FinalTranscript("i1", "Wait."))
    call.expect(5.8, StopPlayout(), CreateResponse())


def test_a_key_ends_the_pause_and_the_answer() -> None:
    call = answering(dtmf_mode="converse")
    call.at(5, SpeechStarted("i1"), Digit("1"))
    call.expect(5, HoldPlayout(), StopPlayout())
    heard(call, 5)
    assert not call.call.state.doubted


def test_a_prompt_that_plays_keeps_holding_what_the_sound_no_longer_does() -> None:
    call = answering()
    call.call.state.playing.add("prompt")
    call.at(5, SpeechStarted("i1"), SpeechStopped("i1"), FinalTranscript("i1", ""))
    call.expect_never(ReleasePlayout, Play)


def test_switched_off_a_sound_stops_the_answer() -> None:
    call = answering(resume_after_false_barge_in=False)
    call.at(5, SpeechStarted("i1"))
    call.expect(5, StopPlayout())
    call.expect_never(HoldPlayout)


@pytest.mark.parametrize("on", [True, False])
def test_the_provider_is_told_to_leave_both_to_us(on: bool) -> None:
    session = session_object(settings_with(resume_after_false_barge_in=on), [], True)
    detection = session["audio"]["input"]["turn_detection"]
    assert detection["interrupt_response"] is not on
    assert detection["create_response"] is not on

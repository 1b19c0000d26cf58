"""Barge-in that tells the truth: what is stopped, and what the model is told about what was heard."""

from __future__ import annotations

import pytest

from call_scenario import CallScenario
from offhook.call.actions import (
    CancelResponse,
    DeleteItem,
    HoldPlayout,
    Play,
    ReleasePlayout,
    StopPlayback,
    StopPlayout,
    TruncateItem,
)
from offhook.call.events import (
    AnswerAudioStarted,
    AnswerPlayed,
    CallerHungUp,
    Digit,
    HeardItem,
    InterimTranscript,
    PlaybackFinished,
    PlayoutStopped,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    TalkingStarted,
)
from offhook.settings import settings_with


def answering(**more: object) -> CallScenario:
    """A call in which the caller is hearing an answer that the model still makes."""
    more = {"greeting_audio_path": "none", **more}
    call = CallScenario(settings_with(**more), mode="IMMEDIATE")
    call.listening()
    call.at(1, ResponseStarted("r1"), AnswerAudioStarted("r1", "a1"))
    return call


def test_when_the_caller_speaks_over_the_model_playback_stops_at_once() -> None:
    call = answering()
    call.at(2, SpeechStarted("i1"))
    call.expect(2, StopPlayout())


def test_the_provider_that_heard_the_caller_cancels_its_response_by_itself() -> None:
    call = answering()
    call.at(2, SpeechStarted("i1"))
    call.expect_never(CancelResponse)


def test_the_model_is_told_how_many_milliseconds_were_heard() -> None:
    call = answering()
    call.at(2, SpeechStarted("i1"), PlayoutStopped((HeardItem("a1", 840, 3000),)))
    call.expect(2, StopPlayout(), TruncateItem("a1", 840))


def test_an_item_of_which_nothing_was_heard_is_deleted() -> None:
    call = answering()
    call.at(1.5, AnswerAudioStarted("r1", "a2"))
    call.at(2, SpeechStarted("i1"))
    call.at(2, PlayoutStopped((HeardItem("a1", 840, 3000), HeardItem("a2", 0, 500))))
    call.expect(2, TruncateItem("a1", 840), DeleteItem("a2"))
    assert len(call.all_of(TruncateItem)) == 1


def test_an_answer_that_was_heard_to_its_end_is_neither_stopped_nor_truncated() -> None:
    call = answering()
    call.at(2, ResponseDone("r1"), AnswerPlayed("a1", 1000))
    call.at(3, SpeechStarted("i1"))
    call.expect_never(StopPlayout, TruncateItem, DeleteItem)


def test_an_answer_that_is_complete_but_still_being_heard_is_stopped_too() -> None:
    call = answering()
    call.at(2, ResponseDone("r1"))
    call.at(3, SpeechStarted("i1"))
    call.expect(3, StopPlayout())


def test_with_barge_in_off_speech_never_stops_the_models_answer() -> None:
    call = answering(barge_in_mode_enabled=False, barge_in_source="either")
    call.at(2, TalkingStarted(), SpeechStarted("i1"), InterimTranscript("i1", "wait"))
    call.expect_never(StopPlayout, CancelResponse)


def test_with_barge_in_off_digits_still_stop_the_models_answer() -> None:
    call = answering(barge_in_mode_enabled=False)
    call.at(2, Digit("1"))
    call.expect(2, StopPlayout())


# --- Who is believed (bargeInSource) --------------------------------------------------------------------


@pytest.mark.parametrize("source", ["asterisk", "either"])
def test_where_asterisk_is_believed_its_word_stops_playback_and_cancels_the_response(source: str) -> None:
    call = answering(barge_in_source=source)
    call.at(2, TalkingStarted())
    call.expect(2, CancelResponse("r1"), StopPlayout())


def test_where_the_provider_is_believed_asterisks_word_stops_nothing() -> None:
    call = answering(barge_in_source="provider")
    call.at(2, TalkingStarted())
    call.expect_never(StopPlayout, CancelResponse)


def test_where_only_asterisk_is_believed_the_providers_word_stops_no_answer() -> None:
    call = answering(barge_in_source="asterisk")
    call.at(2, SpeechStarted("i1"))
    call.expect_never(StopPlayout, CancelResponse)


def test_a_provider_that_detects_no_turns_hears_nobody_so_asterisk_is_believed() -> None:
    call = answering(barge_in_source="provider", turn_detection="none")
    call.at(2, TalkingStarted())
    call.expect(2, CancelResponse("r1"), StopPlayout())


def test_with_barge_in_off_asterisk_is_not_believed_there_either() -> None:
    call = answering(barge_in_mode_enabled=False, turn_detection="none")
    call.at(2, TalkingStarted())
    call.expect_never(StopPlayout, CancelResponse)


# --- Prompts --------------------------------------------------------------------------------------------


def greeted(**more: object) -> CallScenario:
    call = CallScenario(settings_with(greeting_audio_path="sound:welcome", **more), mode="IMMEDIATE")
    call.listening()
    return call


@pytest.mark.parametrize("event", [SpeechStarted("i1"), InterimTranscript("i1", "well")])
def test_the_first_sign_of_speech_stops_the_prompt(event: SpeechStarted | InterimTranscript) -> None:
    call = greeted()
    call.at(1, event)
    call.expect(1, StopPlayback("greeting"))


def test_with_barge_in_off_speech_never_stops_a_prompt() -> None:
    call = greeted(barge_in_mode_enabled=False)
    call.at(1, SpeechStarted("i1"), InterimTranscript("i1", "well"))
    call.expect_never(StopPlayback)


def test_with_barge_in_off_digits_still_stop_a_prompt() -> None:
    call = greeted(barge_in_mode_enabled=False)
    call.at(1, Digit("1"))
    call.expect(1, StopPlayback("greeting"))


def test_a_prompt_that_is_over_is_not_stopped() -> None:
    call = greeted()
    call.at(1, PlaybackFinished("greeting"))
    call.at(2, SpeechStarted("i1"))
    call.expect_never(StopPlayback)


def test_an_answer_that_plays_at_the_end_of_the_call_is_stopped_and_not_truncated() -> None:
    call = answering()
    call.at(2, CallerHungUp())
    call.expect(2, StopPlayout())
    call.at(2, PlayoutStopped((HeardItem("a1", 840, 3000),)))
    call.expect_never(TruncateItem)


def test_what_the_model_says_waits_for_the_end_of_the_prompt() -> None:
    """Asterisk plays a prompt alone: an answer sent meanwhile would be lost."""
    call = greeted()
    call.expect(0, HoldPlayout(), Play("greeting", "sound:welcome"))
    call.at(2, PlaybackFinished("greeting"))
    call.expect(2, ReleasePlayout())

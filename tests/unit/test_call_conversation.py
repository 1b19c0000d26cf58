"""A conversation: many turns, none that ends in dead air, and an end when nobody speaks any more."""

from __future__ import annotations

import pytest

from call_scenario import CallScenario
from offhook.call.actions import CommitInput, CreateResponse
from offhook.call.events import (
    AnswerAudioStarted,
    AnswerPlayed,
    CallerHungUp,
    Event,
    FinalTranscript,
    InterimTranscript,
    PlaybackFinished,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    StreamOpened,
    TalkingFinished,
    TalkingStarted,
    ToolFinished,
    ToolRequested,
    TranscriptFailed,
    TurnCommitted,
)
from offhook.call.outcome import EndCause
from offhook.settings import settings_with


def conversation(mode: str = "IMMEDIATE", **more: object) -> CallScenario:
    more = {"greeting_audio_path": "none", "vad_recognition_activation_ms": 0, **more}
    return CallScenario(settings_with(**more), mode)


def turn(item_id: str, text: str) -> list[Event]:
    """A whole turn of the caller, as the provider tells it."""
    return [
        SpeechStarted(item_id),
        SpeechStopped(item_id),
        TurnCommitted(item_id),
        FinalTranscript(item_id, text),
    ]


def answer(number: int) -> list[Event]:
    """A whole answer of the model, heard to its end."""
    response, item = f"r{number}", f"a{number}"
    return [
        ResponseStarted(response),
        AnswerAudioStarted(response, item),
        ResponseDone(response),
        AnswerPlayed(item, 900),
    ]


def test_a_final_transcript_does_not_end_the_call() -> None:
    call = conversation()
    call.listening()
    call.at(1, *turn("i1", "Hello."))
    call.at(2, *answer(1))
    call.at(3, *turn("i2", ""))
    call.expect_running()


def test_the_provider_answers_its_own_turns_without_being_asked() -> None:
    call = conversation()
    call.listening()
    call.at(1, *turn("i1", "Hello."))
    call.at(2, *answer(1))
    call.until(20)
    call.expect_never(CommitInput, CreateResponse)


def test_the_callers_turns_are_joined_in_the_order_of_speaking() -> None:
    call = conversation()
    call.listening()
    call.at(1, SpeechStarted("i1"), TurnCommitted("i1"))
    call.at(2, SpeechStarted("i2"), TurnCommitted("i2"))
    call.at(3, FinalTranscript("i2", "And a coffee."))
    call.at(4, FinalTranscript("i1", "A tea."))
    call.at(5, CallerHungUp())
    assert call.outcome.transcription == "A tea. | And a coffee."


def test_a_turn_that_is_still_interim_counts_as_it_stands() -> None:
    call = conversation()
    call.listening()
    call.at(1, *turn("i1", "A tea."))
    call.at(2, SpeechStarted("i2"), InterimTranscript("i2", "And a"))
    call.at(3, CallerHungUp())
    assert call.outcome.transcription == "A tea. | And a"


def test_a_turn_that_could_not_be_transcribed_is_left_out_and_the_call_goes_on() -> None:
    call = conversation()
    call.listening()
    call.at(1, SpeechStarted("i1"), TurnCommitted("i1"), TranscriptFailed("i1", "noise"))
    call.at(2, *turn("i2", "A tea."))
    call.expect_running()
    call.at(3, CallerHungUp())
    assert call.outcome.transcription == "A tea."


def test_what_is_known_of_a_turn_that_could_not_be_transcribed_is_left_out_unless_it_was_final() -> None:
    call = conversation()
    call.listening()
    call.at(1, InterimTranscript("i1", "A t"), TranscriptFailed("i1", "noise"))
    call.at(
        2, FinalTranscript("i2", "A coffee."), TranscriptFailed("i2", "late"), InterimTranscript("i2", "A")
    )
    call.at(3, CallerHungUp())
    assert call.outcome.transcription == "A coffee."


# --- Never dead air -------------------------------------------------------------------------------------


def test_when_speech_end_silence_expires_the_turn_is_committed_and_a_response_asked_for() -> None:
    call = conversation(speech_complete_timeout_seconds=5)
    call.listening()
    call.at(1, SpeechStarted("i1"), InterimTranscript("i1", "So"))
    call.expect(6, CommitInput(), CreateResponse())
    call.expect_running()


def test_where_the_turn_is_committed_already_only_a_response_is_asked_for() -> None:
    call = conversation(speech_complete_timeout_seconds=5)
    call.listening()
    call.at(1, SpeechStarted("i1"), TurnCommitted("i1"), InterimTranscript("i1", "So"))
    call.expect_only(6, CreateResponse())


def test_where_a_response_has_come_speech_end_silence_asks_for_none() -> None:
    call = conversation(speech_complete_timeout_seconds=5)
    call.listening()
    call.at(1, SpeechStarted("i1"), TurnCommitted("i1"), InterimTranscript("i1", "So"))
    call.at(2, *answer(1))
    assert "speechEndSilence" not in call.timers()
    call.at(3, InterimTranscript("i1", "So there"))
    call.until(20)
    call.expect_never(CommitInput, CreateResponse)


def test_a_response_is_asked_for_once_however_many_interim_transcripts_follow() -> None:
    call = conversation(speech_complete_timeout_seconds=5)
    call.listening()
    call.at(1, SpeechStarted("i1"), TurnCommitted("i1"), InterimTranscript("i1", "So"))
    call.at(7, InterimTranscript("i1", "So there"))
    call.until(20)
    assert call.times_of(CreateResponse) == [6]


def test_a_turn_that_was_closed_for_the_caller_is_not_closed_again() -> None:
    call = conversation(speech_complete_timeout_seconds=5, conversation_idle_seconds=0)
    call.listening()
    call.at(1, SpeechStarted("i1"), InterimTranscript("i1", "So"), TalkingStarted())
    call.until(100)
    assert call.times_of(CommitInput) == [6]


def test_a_further_interim_transcript_starts_speech_end_silence_again() -> None:
    call = conversation(speech_complete_timeout_seconds=5)
    call.listening()
    call.at(1, SpeechStarted("i1"), InterimTranscript("i1", "So"))
    call.at(4, InterimTranscript("i1", "So there"))
    call.expect(9, CommitInput())
    assert call.times_of(CommitInput) == [9]


def test_a_final_transcript_clears_speech_end_silence() -> None:
    call = conversation()
    call.listening()
    call.at(1, SpeechStarted("i1"), InterimTranscript("i1", "So"))
    call.at(2, FinalTranscript("i1", "So there."))
    assert "speechEndSilence" not in call.timers()


def test_max_recognition_duration_bounds_each_turn_of_the_caller() -> None:
    call = conversation(max_recognition_duration_seconds=30)
    call.listening()
    call.at(2, *turn("i1", "Short."))
    call.at(40, SpeechStarted("i2"))
    call.expect(70, CommitInput(), CreateResponse())
    assert (call.times_of(CommitInput), call.times_of(CreateResponse)) == ([70], [70])
    call.expect_running()


# --- Asterisk ends the turns ----------------------------------------------------------------------------


def by_asterisk(mode: str = "IMMEDIATE", **more: object) -> CallScenario:
    return conversation(mode, turn_detection="none", **more)


def test_where_the_provider_detects_no_turns_asterisk_ends_them_and_asks_for_the_answer() -> None:
    call = by_asterisk()
    call.listening()
    call.at(1, TalkingStarted())
    call.at(3, TalkingFinished())
    call.expect(3, CommitInput(), CreateResponse())
    call.until(50)
    assert call.times_of(CommitInput) == [3]


@pytest.mark.parametrize("preconnect", [True, False])
def test_the_turn_that_woke_us_is_answered_too(preconnect: bool) -> None:
    call = by_asterisk("VAD", preconnect=preconnect)
    call.connected()
    if preconnect:
        call.at(0.5, StreamOpened())
    call.at(1, TalkingStarted())
    if not preconnect:
        call.at(1.5, StreamOpened())
    call.at(3, TalkingFinished())
    call.expect(3, CommitInput(), CreateResponse())


def test_a_turn_that_was_over_before_the_stream_was_open_is_answered_when_it_is() -> None:
    call = by_asterisk("VAD", preconnect=False)
    call.connected()
    call.at(1, TalkingStarted())
    call.at(1.5, TalkingFinished())
    call.at(2, StreamOpened())
    call.expect(2, CommitInput(), CreateResponse())


def test_a_turn_that_begins_before_the_last_one_is_confirmed_is_answered_too() -> None:
    call = by_asterisk()
    call.listening()
    call.at(1, TalkingStarted())
    call.at(2, TalkingFinished())
    call.at(2.05, TalkingStarted())
    call.at(2.1, TurnCommitted("i1"))
    call.at(3, TalkingFinished())
    assert call.times_of(CommitInput) == [2, 3]


def test_who_talks_on_past_the_limit_of_a_turn_has_begun_the_next() -> None:
    call = by_asterisk(max_recognition_duration_seconds=30)
    call.listening()
    call.at(1, TalkingStarted())
    call.at(50, TalkingFinished())
    assert call.times_of(CommitInput) == [31, 50]


def test_the_next_turn_of_who_talks_on_has_its_whole_limit() -> None:
    call = by_asterisk(max_recognition_duration_seconds=30, speech_complete_timeout_seconds=5)
    call.listening()
    call.at(1, TalkingStarted())
    call.at(2, InterimTranscript("i1", "So"))
    call.until(40)
    assert call.times_of(CommitInput) == [7, 37]


# --- Silence of both sides ------------------------------------------------------------------------------


def test_a_silence_of_both_sides_ends_the_conversation_with_idle() -> None:
    call = conversation(conversation_idle_seconds=60)
    call.listening()
    call.at(1, *turn("i1", "Hello."))
    call.at(3, *answer(1))
    call.expect_end(63, EndCause.IDLE)


def test_the_silence_counts_from_the_end_of_what_the_caller_hears() -> None:
    call = conversation(conversation_idle_seconds=10)
    call.listening()
    call.at(1, *turn("i1", "Tell me a story."))
    call.at(2, ResponseStarted("r1"), AnswerAudioStarted("r1", "a1"), ResponseDone("r1"))
    call.at(60, AnswerPlayed("a1", 58_000))
    call.expect_end(70, EndCause.IDLE)


def test_a_caller_who_speaks_is_no_silence() -> None:
    call = conversation(conversation_idle_seconds=10, max_recognition_duration_seconds=0)
    call.listening()
    call.at(1, SpeechStarted("i1"))
    call.until(50)
    call.expect_running()
    call.at(50, SpeechStopped("i1"))
    call.expect_end(60, EndCause.IDLE)


def test_a_caller_whom_only_asterisk_hears_is_no_silence() -> None:
    call = by_asterisk(conversation_idle_seconds=10)
    call.listening()
    call.at(1, TalkingStarted())
    call.until(25)
    call.expect_running()


def test_a_prompt_is_no_silence() -> None:
    call = conversation("FIXED_DELAY", greeting_audio_path="sound:long", conversation_idle_seconds=10)
    call.connected()
    call.until(60)
    call.expect_running()
    call.at(60, PlaybackFinished("greeting"))
    assert "conversationIdle" in call.timers()


def test_a_tool_at_work_is_no_silence() -> None:
    call = conversation(conversation_idle_seconds=10)
    call.listening()
    call.at(1, *turn("i1", "Look it up."))
    call.at(2, ResponseStarted("r1"), ToolRequested("r1", "t1", "look_up", "{}"), ResponseDone("r1"))
    call.until(60)
    call.expect_running()
    call.at(60, ToolFinished("t1", "look_up", "{}"))
    call.expect_end(70, EndCause.IDLE)


def test_nobody_who_speaks_in_vad_mode_ends_with_idle() -> None:
    call = conversation("VAD", vad_recog_activation="vadMode", conversation_idle_seconds=60)
    call.listening()
    call.expect_end(60, EndCause.IDLE)


def test_max_call_duration_bounds_the_whole_conversation() -> None:
    call = conversation(max_call_duration_seconds=100)
    call.listening()
    for second in range(2, 100, 5):
        call.at(second, *turn(f"i{second}", "more"), *answer(second))
    call.expect_end(100, EndCause.MAX_DURATION)


def test_max_call_duration_counts_for_no_recognition() -> None:
    settings = settings_with(
        session_kind="recognition", max_call_duration_seconds=5, max_recognition_duration_seconds=20
    )
    call = CallScenario(settings, mode="IMMEDIATE")
    call.listening()
    call.at(1, SpeechStarted("i1"))
    call.expect_end(20, EndCause.MAX_DURATION)


def test_a_caller_whose_audio_dies_in_mid_word_is_not_waited_for_for_ever() -> None:
    call = conversation(conversation_idle_seconds=60, max_recognition_duration_seconds=30)
    call.listening()
    call.at(1, SpeechStarted("i1"))
    call.expect(31, CommitInput(), CreateResponse())
    call.expect_end(91, EndCause.IDLE)


def test_a_caller_who_talks_on_past_the_limit_of_a_turn_is_not_idle() -> None:
    call = conversation(conversation_idle_seconds=60, max_recognition_duration_seconds=30)
    call.listening()
    call.at(1, SpeechStarted("i1"))
    for second in range(35, 200, 20):
        call.at(second, InterimTranscript("i1", f"word {second}"))
    call.expect_running()

"""Listening begins: the stream opens, what was kept is flushed, and the caller's first word is waited for."""

from __future__ import annotations

import pytest

from call_scenario import CallScenario
from offhook.call.actions import CloseStream, OpenStream, SendText, SetGate, UpdateStream
from offhook.call.events import (
    AnswerAudioStarted,
    AnswerPlayed,
    FinalTranscript,
    InterimTranscript,
    PlaybackFinished,
    PlayoutStopped,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    SettingsChanged,
    SpeechStarted,
    StreamFailed,
    StreamOpened,
    TalkingFinished,
    TalkingStarted,
    ToolRequested,
)
from offhook.call.outcome import EndCause
from offhook.settings import settings_with


def test_the_callers_audio_is_kept_until_the_stream_is_open_and_then_flushed_before_live_audio() -> None:
    call = CallScenario(settings_with(preconnect=False), mode="IMMEDIATE")
    call.connected()
    call.expect(0, SetGate("buffer"), OpenStream())
    call.at(0.4, StreamOpened())
    assert [action.mode for action in call.all_of(SetGate)] == ["buffer", "open"]
    assert call.times_of(SetGate("open")) == [0.4]


def test_with_the_stream_open_already_listening_starts_at_once() -> None:
    call = CallScenario(settings_with(preconnect=True, barge_in_delay_seconds=0.5), mode="FIXED_DELAY")
    call.listening()
    call.at(2, PlaybackFinished("greeting"))
    call.expect(2.5, SetGate("open"))


def test_a_stream_that_opens_early_does_not_start_listening() -> None:
    call = CallScenario(settings_with(preconnect=True), mode="FIXED_DELAY")
    call.listening()
    call.until(10)
    call.expect_never(SetGate("open"))


def test_the_stream_is_opened_once_however_often_activation_is_asked_for() -> None:
    call = CallScenario(settings_with(vad_recognition_activation_ms=0, greeting_audio_path="none"), "VAD")
    call.connected()
    call.at(1, TalkingStarted())
    call.at(1.5, TalkingFinished())
    call.at(2, TalkingStarted())
    assert len(call.times_of(OpenStream)) == 1


@pytest.mark.parametrize("kind", ["conversation", "recognition"])
def test_no_speech_within_no_speech_begin_ends_the_call(kind: str) -> None:
    settings = settings_with(session_kind=kind, no_speech_begin_timeout_seconds=3)
    call = CallScenario(settings, mode="IMMEDIATE")
    call.listening(1)
    call.expect_end(4, EndCause.NO_SPEECH)


@pytest.mark.parametrize("event", [SpeechStarted("i1"), InterimTranscript("i1", "well")])
def test_the_first_sign_of_speech_clears_both_timers_of_the_first_word(
    event: SpeechStarted | InterimTranscript,
) -> None:
    call = CallScenario(settings_with(), mode="IMMEDIATE")
    call.listening()
    assert call.timers() >= {"noSpeechBegin", "initialOpenAIStreamIdle"}
    call.at(1, event)
    assert call.timers().isdisjoint({"noSpeechBegin", "initialOpenAIStreamIdle"})


def test_in_a_conversation_no_speech_begin_guards_the_first_turn_only() -> None:
    call = CallScenario(settings_with(no_speech_begin_timeout_seconds=3), mode="IMMEDIATE")
    call.listening()
    call.at(1, SpeechStarted("i1"), FinalTranscript("i1", "hello"))
    call.until(40)
    call.expect_running()
    assert "noSpeechBegin" not in call.timers()


def test_a_silent_provider_ends_the_call_with_stream_idle() -> None:
    settings = settings_with(no_speech_begin_timeout_seconds=0, initial_openai_stream_idle_timeout_seconds=10)
    call = CallScenario(settings, mode="IMMEDIATE")
    call.listening(1)
    outcome = call.expect_end(11, EndCause.STREAM_IDLE)
    assert "10 s" in outcome.error


def test_stream_idle_counts_from_activation_though_the_stream_never_opens() -> None:
    call = CallScenario(settings_with(initial_openai_stream_idle_timeout_seconds=4), mode="IMMEDIATE")
    call.connected()
    call.expect_end(4, EndCause.STREAM_IDLE)


def test_an_answer_is_no_sign_that_the_caller_was_heard() -> None:
    settings = settings_with(no_speech_begin_timeout_seconds=0, initial_openai_stream_idle_timeout_seconds=10)
    call = CallScenario(settings, mode="IMMEDIATE")
    call.listening()
    call.at(5, ResponseStarted("r1"), ResponseDone("r1"))
    call.expect_end(10, EndCause.STREAM_IDLE)


def test_a_refused_or_broken_stream_ends_the_call_with_provider_error() -> None:
    call = CallScenario(settings_with(), mode="IMMEDIATE")
    call.connected()
    call.at(0.2, StreamFailed("401: incorrect API key"))
    outcome = call.expect_end(0.2, EndCause.PROVIDER_ERROR)
    assert outcome.error == "401: incorrect API key"
    call.expect_never(CloseStream)


def test_an_error_event_of_the_provider_does_not_end_the_call() -> None:
    call = CallScenario(settings_with(), mode="IMMEDIATE")
    call.listening()
    call.at(1, ProviderError("invalid_value", "truncate beyond the audio"))
    call.expect_running()


# --- The model speaks first ---------------------------------------------------------------------------


def model_first() -> CallScenario:
    settings = settings_with(initial_user_prompt="Hello!", no_speech_begin_timeout_seconds=3)
    call = CallScenario(settings, mode="IMMEDIATE")
    call.listening()
    return call


def test_with_an_initial_prompt_the_model_speaks_first() -> None:
    model_first().expect(0, SetGate("open"), SendText("Hello!"))


def test_a_recognition_never_asks_the_model_to_speak() -> None:
    settings = settings_with(initial_user_prompt="Hello!", session_kind="recognition")
    call = CallScenario(settings, mode="IMMEDIATE")
    call.listening()
    call.expect_never(SendText)


def test_where_the_model_speaks_first_no_speech_begin_counts_from_the_end_of_its_answer_as_played() -> None:
    call = model_first()
    call.at(1, ResponseStarted("r1"), AnswerAudioStarted("r1", "a1"))
    call.at(2, ResponseDone("r1"))
    call.until(6)
    call.expect_running()
    call.at(6, AnswerPlayed("a1", 5000))
    call.at(8, ProviderError("rate_limit", "slow down"))
    call.expect_end(9, EndCause.NO_SPEECH)


def test_it_counts_from_there_too_where_the_answer_was_heard_before_the_response_is_done() -> None:
    call = model_first()
    call.at(1, ResponseStarted("r1"), AnswerAudioStarted("r1", "a1"))
    call.at(2, AnswerPlayed("a1", 900))
    call.at(2.5, ResponseDone("r1"))
    call.expect_end(5.5, EndCause.NO_SPEECH)


def test_where_the_caller_speaks_first_an_answer_does_not_prolong_the_wait() -> None:
    call = CallScenario(settings_with(no_speech_begin_timeout_seconds=3), mode="IMMEDIATE")
    call.listening()
    call.at(1, ResponseStarted("r1"), AnswerAudioStarted("r1", "a1"), ResponseDone("r1"))
    call.at(2, AnswerPlayed("a1", 900))
    call.expect_end(3, EndCause.NO_SPEECH)


def test_a_caller_who_interrupted_the_first_answer_is_not_waited_for_again() -> None:
    call = model_first()
    call.at(1, ResponseStarted("r1"), AnswerAudioStarted("r1", "a1"))
    call.at(2, SpeechStarted("i1"), ResponseDone("r1", "cancelled"), PlayoutStopped())
    call.at(3, AnswerAudioStarted("r2", "a2"), AnswerPlayed("a2", 100))
    call.until(10)
    call.expect_running()


def test_where_the_model_speaks_first_a_silent_provider_still_ends_the_call_with_stream_idle() -> None:
    call = model_first()
    call.expect_end(10, EndCause.STREAM_IDLE)


def test_the_models_first_answer_is_a_sign_of_life() -> None:
    call = model_first()
    call.at(9, ResponseStarted("r1"), ToolRequested("r1", "t1", "look_up", "{}"))
    call.until(30)
    call.expect_running()


# --- Asterisk ends the utterances -----------------------------------------------------------------------


def asterisk_endpointing(mode: str, **more: object) -> CallScenario:
    settings = settings_with(
        endpointing="asterisk", vad_recognition_activation_ms=0, greeting_audio_path="none", **more
    )
    return CallScenario(settings, mode)


@pytest.mark.parametrize("kind", ["conversation", "recognition"])
def test_where_asterisk_ends_the_utterances_its_word_that_the_caller_speaks_counts(kind: str) -> None:
    call = asterisk_endpointing("IMMEDIATE", session_kind=kind)
    call.listening()
    call.at(1, TalkingStarted())
    assert call.timers().isdisjoint({"noSpeechBegin", "initialOpenAIStreamIdle"})


@pytest.mark.parametrize("preconnect", [True, False])
def test_a_caller_whom_asterisk_heard_before_the_stream_was_open_is_not_waited_for(preconnect: bool) -> None:
    call = asterisk_endpointing("VAD", preconnect=preconnect, session_kind="recognition")
    call.connected()
    call.at(1, TalkingStarted())
    call.at(1.5, TalkingFinished())
    call.at(2, StreamOpened())
    call.at(14, FinalTranscript("i1", "yes"))
    call.expect_end(14, EndCause.RECOGNIZED)


def test_what_asterisk_heard_before_anything_was_kept_does_not_count() -> None:
    call = asterisk_endpointing("FIXED_DELAY", barge_in_delay_seconds=2, no_speech_begin_timeout_seconds=3)
    call.listening()
    call.at(0.5, TalkingStarted())
    call.at(1, TalkingFinished())
    call.expect_end(5, EndCause.NO_SPEECH)


def test_where_the_provider_ends_the_utterances_asterisks_word_does_not_count() -> None:
    call = CallScenario(settings_with(endpointing="provider"), mode="IMMEDIATE")
    call.listening()
    call.at(1, TalkingStarted())
    call.expect_end(3, EndCause.NO_SPEECH)


# --- The operator changes settings ----------------------------------------------------------------------


def test_settings_that_the_operator_changes_go_to_the_open_stream() -> None:
    call = CallScenario(settings_with(), mode="IMMEDIATE")
    call.listening()
    call.at(1, SettingsChanged(settings_with(voice="cedar"), (("voice", "cedar"),)))
    call.expect_only(1, UpdateStream())


def test_settings_that_change_while_the_stream_opens_are_sent_when_it_is_open() -> None:
    call = CallScenario(settings_with(), mode="IMMEDIATE")
    call.connected()
    call.at(0.1, SettingsChanged(settings_with(voice="cedar"), (("voice", "cedar"),)))
    call.at(0.5, StreamOpened())
    assert call.times_of(UpdateStream) == [0.5]


def test_the_kind_of_a_running_call_stays_whatever_settings_change() -> None:
    call = CallScenario(settings_with(session_kind="recognition"), mode="IMMEDIATE")
    call.listening()
    call.at(1, SettingsChanged(settings_with(), (("sessionKind", "conversation"),)))
    call.at(2, FinalTranscript("i1", "yes"))
    assert call.expect_end(2, EndCause.RECOGNIZED).transcription == "yes"

"""A recognition: one utterance, its transcript, and back to the dialplan."""

from __future__ import annotations

import pytest

from call_scenario import CallScenario
from offhook.call.actions import (
    CloseStream,
    CommitInput,
    CreateResponse,
    End,
    SetGate,
)
from offhook.call.events import (
    FinalTranscript,
    InterimTranscript,
    PlaybackFinished,
    SpeechStarted,
    SpeechStopped,
    StreamOpened,
    TalkingFinished,
    TalkingStarted,
    TranscriptFailed,
    TurnCommitted,
)
from offhook.call.outcome import EndCause, Status
from offhook.settings import settings_with


def recognition(mode: str = "IMMEDIATE", **more: object) -> CallScenario:
    return CallScenario(settings_with(session_kind="recognition", **more), mode)


def test_one_utterance_is_recognised_and_the_call_goes_on_in_the_dialplan() -> None:
    call = recognition()
    call.listening()
    call.at(1, SpeechStarted("i1"))
    call.at(2, SpeechStopped("i1"), TurnCommitted("i1"))
    call.at(2.5, FinalTranscript("i1", "Two tickets, please."))
    outcome = call.expect_end(2.5, EndCause.RECOGNIZED)
    assert (outcome.status, outcome.completion_cause) == (Status.OK, "000")
    assert outcome.transcription == "Two tickets, please."
    assert call.all_of(End)[0].leave == "continue"


def test_the_model_is_never_asked_to_say_anything() -> None:
    call = recognition(endpointing="asterisk")
    call.listening()
    call.at(1, TalkingStarted())
    call.at(2, TalkingFinished())
    call.at(3, TurnCommitted("i1"), FinalTranscript("i1", "yes"))
    call.expect_never(CreateResponse)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_speech_whose_transcript_is_empty_is_no_match(text: str) -> None:
    call = recognition()
    call.listening()
    call.at(1, SpeechStarted("i1"))
    call.at(2, FinalTranscript("i1", text))
    outcome = call.expect_end(2, EndCause.NO_MATCH)
    assert (outcome.completion_cause, outcome.transcription) == ("001", "")


def test_a_transcript_that_fails_is_a_provider_error() -> None:
    call = recognition()
    call.listening()
    call.at(1, SpeechStarted("i1"))
    call.at(2, TranscriptFailed("i1", "the audio is unintelligible"))
    assert "the audio is unintelligible" in call.expect_end(2, EndCause.PROVIDER_ERROR).error


def test_when_speech_end_silence_expires_the_last_interim_transcript_is_the_result() -> None:
    call = recognition(speech_complete_timeout_seconds=5)
    call.listening()
    call.at(1, SpeechStarted("i1"))
    call.at(2, InterimTranscript("i1", "Two"))
    call.at(3, InterimTranscript("i1", "Two tickets"))
    outcome = call.expect_end(8, EndCause.SPEECH_COMPLETE)
    assert outcome.transcription == "Two tickets"
    call.expect(8, CloseStream())


def test_the_final_transcript_counts_before_any_interim_one() -> None:
    call = recognition()
    call.listening()
    call.at(1, InterimTranscript("i1", "Two"))
    call.at(2, InterimTranscript("i2", "tick"))
    call.at(3, FinalTranscript("i1", "Two."))
    assert call.expect_end(3, EndCause.RECOGNIZED).transcription == "Two."


def test_max_recognition_duration_bounds_the_call_from_its_arrival() -> None:
    call = recognition(max_recognition_duration_seconds=30)
    call.listening(1)
    call.at(2, SpeechStarted("i1"))
    assert call.expect_end(31, EndCause.MAX_DURATION).completion_cause == "015"


# --- The end of the utterance comes from Asterisk -------------------------------------------------------


def by_asterisk(mode: str, **more: object) -> CallScenario:
    more = {"vad_recognition_activation_ms": 0, "greeting_audio_path": "none", **more}
    return recognition(mode, transcription_model="gpt-realtime-whisper", **more)


def test_a_model_without_turn_detection_gets_the_utterance_when_asterisk_hears_its_end() -> None:
    call = by_asterisk("IMMEDIATE")
    call.listening()
    call.at(1, TalkingStarted())
    call.at(3, TalkingFinished(1500))
    call.expect_only(3, CommitInput())
    call.at(3.2, TurnCommitted("i1"))
    assert call.times_of(CommitInput) == [3]


def test_where_the_provider_detects_turns_asterisk_commits_nothing() -> None:
    call = recognition()
    call.listening()
    call.at(1, TalkingStarted(), SpeechStarted("i1"))
    call.at(3, TalkingFinished())
    call.expect_running()
    call.expect_never(CommitInput)


@pytest.mark.parametrize("preconnect", [True, False])
def test_an_utterance_that_was_over_before_the_stream_was_open_is_committed_after_the_flush(
    preconnect: bool,
) -> None:
    call = by_asterisk("VAD", preconnect=preconnect)
    call.connected()
    call.at(1, TalkingStarted())
    call.at(1.5, TalkingFinished())
    call.at(2, StreamOpened())
    call.expect(2, SetGate("open"), CommitInput())


def test_an_utterance_that_was_over_when_a_delay_ended_is_committed_at_once() -> None:
    call = by_asterisk("VAD", vad_recog_activation="vadMode", vad_activation_delay_seconds=2)
    call.listening()
    call.at(0.5, TalkingStarted())
    call.at(1, TalkingFinished())
    call.expect(2, SetGate("open"), CommitInput())


def test_speech_that_was_not_kept_is_not_committed() -> None:
    call = by_asterisk("FIXED_DELAY", greeting_audio_path="sound:welcome", barge_in_delay_seconds=1)
    call.listening()
    call.at(0.5, TalkingStarted())
    call.at(1, TalkingFinished())
    call.at(2, PlaybackFinished("greeting"))
    call.until(3.5)
    call.expect_never(CommitInput)


def test_speech_that_goes_on_as_listening_starts_is_committed_at_its_end() -> None:
    call = by_asterisk("FIXED_DELAY", barge_in_delay_seconds=1)
    call.listening()
    call.at(0.5, TalkingStarted())
    call.expect(1, SetGate("open"))
    call.at(6, TalkingFinished())
    call.expect(6, CommitInput())

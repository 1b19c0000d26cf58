"""The mode IMMEDIATE, sentence by sentence."""

from __future__ import annotations

import pytest

from call_scenario import CallScenario
from offhook.call.actions import OpenStream, Play, SetGate, SetTalkDetect
from offhook.call.events import Arrived, MediaReady, PlaybackFinished, StreamOpened
from offhook.call.outcome import EndCause
from offhook.settings import settings_with


@pytest.mark.parametrize("greeting", ["none", "sound:welcome"])
@pytest.mark.parametrize("preconnect", [True, False])
def test_streaming_starts_as_soon_as_the_call_is_connected_and_its_media_stand(
    greeting: str, preconnect: bool
) -> None:
    call = CallScenario(settings_with(greeting_audio_path=greeting, preconnect=preconnect), "IMMEDIATE")
    call.at(0, Arrived())
    call.expect_never(OpenStream)
    call.at(0.2, MediaReady())
    assert call.times_of(OpenStream) == [0.2]
    call.expect(0.2, SetGate("buffer"))


def test_listening_begins_during_the_greeting_playback() -> None:
    call = CallScenario(settings_with(), "IMMEDIATE")
    call.connected()
    call.expect(0, Play("greeting", "sound:hello-world"))
    call.at(0.4, StreamOpened())
    call.expect(0.4, SetGate("open"))


def test_the_common_timers_apply_immediately() -> None:
    call = CallScenario(settings_with(no_speech_begin_timeout_seconds=3), "IMMEDIATE")
    call.listening()
    assert call.timers() >= {"noSpeechBegin", "initialOpenAIStreamIdle"}
    call.expect_end(3, EndCause.NO_SPEECH)


def test_timers_of_other_modes_are_not_used() -> None:
    settings = settings_with(
        barge_in_delay_seconds=1, vad_initial_silence_delay_seconds=1, vad_activation_delay_seconds=1
    )
    call = CallScenario(settings, "IMMEDIATE")
    call.listening()
    call.at(0.5, PlaybackFinished("greeting"))
    assert not {name for name in call.timers() if name.startswith(("vad", "bargeIn"))}


def test_asterisks_talk_detection_is_not_used() -> None:
    call = CallScenario(settings_with(), "IMMEDIATE")
    call.listening()
    call.expect_never(SetTalkDetect)

"""The mode VAD, sentence by sentence: `afterPrompt` and `vadMode`."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from call_scenario import CallScenario
from offhook import Action, Buffer, CallView, Event, Interrupt
from offhook.call.actions import Activate, OpenStream, Play, SetGate, SetTalkDetect, StartTimer, StopPlayback
from offhook.call.events import (
    Digit,
    PlaybackFinished,
    StreamOpened,
    TalkingFinished,
    TalkingStarted,
)
from offhook.call.outcome import EndCause
from offhook.settings import settings_with


def vad(**more: object) -> CallScenario:
    more = {"preconnect": False, "vad_recognition_activation_ms": 0, **more}
    return CallScenario(settings_with(**more), "VAD")


def vad_mode(**more: object) -> CallScenario:
    return vad(vad_recog_activation="vadMode", **more)


# --- Both sub-modes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sub_mode", ["afterPrompt", "vadMode"])
def test_talk_detect_is_set_with_the_silence_in_ms_and_the_threshold_as_an_amplitude(sub_mode: str) -> None:
    call = vad(vad_recog_activation=sub_mode, vad_silence_threshold_ms=300, vad_talk_threshold=400)
    call.connected()
    call.expect(0, SetTalkDetect(300, 400), Play("greeting", "sound:hello-world"))


def test_the_amplitude_is_256_by_default() -> None:
    call = vad()
    call.connected()
    assert [action.threshold for action in call.all_of(SetTalkDetect)] == [256]


def test_nothing_is_kept_any_more_once_the_keypad_took_over() -> None:
    class Keeps:
        def on(self, event: Event, call: CallView) -> Iterable[Action]:
            return [Interrupt(), Buffer()] if isinstance(event, Digit) else []

    call = CallScenario(settings_with(), "VAD", keypad=Keeps())
    call.connected()
    call.at(1, Digit("1"))
    assert [action.mode for action in call.all_of(SetGate)] == ["buffer", "closed"]


@pytest.mark.parametrize("sub_mode", ["afterPrompt", "vadMode"])
def test_the_callers_audio_is_kept_from_the_start_and_flushed_once_the_session_is_confirmed(
    sub_mode: str,
) -> None:
    call = vad(vad_recog_activation=sub_mode, greeting_audio_path="none")
    call.connected()
    call.expect(0, SetGate("buffer"))
    call.at(2, TalkingStarted())
    call.until(2.3)
    assert call.times_of(SetGate) == [0]
    call.at(2.3, StreamOpened())
    call.expect(2.3, SetGate("open"))


def test_talking_counts_when_it_is_known_to_have_lasted_vad_recognition_activation_ms() -> None:
    """Asterisk tells the end of talking `vadSilenceThresholdMs` after it."""
    call = vad(vad_recognition_activation_ms=200, vad_silence_threshold_ms=250, greeting_audio_path="none")
    call.connected()
    call.at(1, TalkingStarted())
    call.until(1.4)
    call.expect_never(OpenStream)
    call.expect(1.45, OpenStream())


def test_a_click_of_20_ms_does_not_count() -> None:
    call = vad(vad_recognition_activation_ms=40, greeting_audio_path="none")
    call.connected()
    call.at(1, TalkingStarted())
    call.at(1.27, TalkingFinished(20))
    call.until(3)
    call.expect_never(OpenStream)


def test_talking_that_ends_before_does_not_count() -> None:
    call = vad(
        vad_recognition_activation_ms=400, greeting_audio_path="none", vad_max_wait_after_prompt_seconds=5
    )
    call.connected()
    call.at(1, TalkingStarted())
    call.at(1.3, TalkingFinished())
    call.expect_end(5, EndCause.NO_SPEECH)


def test_the_timer_of_the_mode_fixed_delay_is_not_used() -> None:
    call = vad(barge_in_delay_seconds=2)
    call.connected()
    call.at(1, PlaybackFinished("greeting"))
    assert "bargeInActivation" not in call.timers()


def test_a_digit_stops_the_wait_and_drops_what_was_kept() -> None:
    call = vad(dtmf_interdigit_timeout_seconds=30, dtmf_final_timeout_seconds=30)
    call.connected()
    call.at(1, PlaybackFinished("greeting"))
    call.at(2, Digit("1"))
    call.expect(2, SetGate("closed"))
    call.at(3, TalkingStarted())
    call.until(10)
    call.expect_running()
    call.expect_never(OpenStream, Activate)


# --- afterPrompt ----------------------------------------------------------------------------------------


def test_speech_during_the_greeting_stops_it_and_starts_the_stream_when_it_has_finished() -> None:
    call = vad()
    call.connected()
    call.at(1, TalkingStarted())
    call.expect_only(1, StopPlayback("greeting"))
    call.at(1.1, PlaybackFinished("greeting"))
    call.expect(1.1, OpenStream())


def test_with_barge_in_off_speech_during_the_greeting_is_noted_and_the_greeting_plays_on() -> None:
    call = vad(barge_in_mode_enabled=False)
    call.connected()
    call.at(1, TalkingStarted())
    call.at(2, TalkingFinished())
    call.expect_never(StopPlayback)
    call.at(4, PlaybackFinished("greeting"))
    call.expect(4, OpenStream())


def test_without_speech_during_the_greeting_the_longest_wait_begins_at_its_end() -> None:
    call = vad(vad_max_wait_after_prompt_seconds=5)
    call.connected()
    call.at(3, PlaybackFinished("greeting"))
    call.expect(3, StartTimer("vadMaxWaitAfterPrompt", 5, "activation"))
    call.expect_end(8, EndCause.NO_SPEECH)


def test_speech_before_the_longest_wait_expires_starts_the_stream() -> None:
    call = vad(vad_max_wait_after_prompt_seconds=5)
    call.connected()
    call.at(3, PlaybackFinished("greeting"))
    call.at(7, TalkingStarted())
    call.expect(7, OpenStream())
    assert "vadMaxWaitAfterPrompt" not in call.timers()


def test_without_a_greeting_the_longest_wait_begins_at_the_start() -> None:
    call = vad(greeting_audio_path="none", vad_max_wait_after_prompt_seconds=5)
    call.connected(1)
    call.expect_end(6, EndCause.NO_SPEECH)


def test_a_longest_wait_of_0_waits_for_ever() -> None:
    call = vad(
        vad_max_wait_after_prompt_seconds=0, session_kind="recognition", max_recognition_duration_seconds=0
    )
    call.connected()
    call.at(3, PlaybackFinished("greeting"))
    call.until(10_000)
    call.expect_running()
    call.at(10_000, TalkingStarted())
    call.expect(10_000, OpenStream())


# --- vadMode --------------------------------------------------------------------------------------------


def test_speech_after_the_delays_starts_the_stream_at_once() -> None:
    call = vad_mode(vad_initial_silence_delay_seconds=1, vad_activation_delay_seconds=2)
    call.connected()
    call.at(3, TalkingStarted())
    call.expect(3, OpenStream())


def test_without_delays_speech_starts_the_stream_at_once_and_stops_the_greeting() -> None:
    call = vad_mode()
    call.connected()
    call.at(0.5, TalkingStarted())
    call.expect(0.5, StopPlayback("greeting"), OpenStream())


@pytest.mark.parametrize(("initial", "activation", "over"), [(2, 0, 2), (0, 3, 3), (2, 3, 3), (3, 2, 3)])
def test_speech_during_the_delays_starts_the_stream_when_both_are_over(
    initial: float, activation: float, over: float
) -> None:
    call = vad_mode(
        greeting_audio_path="none",
        vad_initial_silence_delay_seconds=initial,
        vad_activation_delay_seconds=activation,
    )
    call.connected()
    call.at(0.5, TalkingStarted())
    call.at(1, TalkingFinished())
    call.until(10)
    assert call.times_of(OpenStream) == [over]


def test_delays_that_end_without_speech_rely_on_later_speech() -> None:
    call = vad_mode(greeting_audio_path="none", vad_initial_silence_delay_seconds=2)
    call.connected()
    call.until(30)
    call.expect_never(OpenStream)
    call.at(30, TalkingStarted())
    call.expect(30, OpenStream())


def test_the_end_of_the_greeting_decides_nothing() -> None:
    call = vad_mode()
    call.connected()
    call.at(2, PlaybackFinished("greeting"))
    call.until(20)
    call.expect_never(OpenStream)
    call.expect_running()


def test_the_longest_wait_is_not_used() -> None:
    call = vad_mode(greeting_audio_path="none", vad_max_wait_after_prompt_seconds=5)
    call.connected()
    call.until(20)
    call.expect_running()

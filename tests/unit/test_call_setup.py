"""From the call's arrival to its greeting: audio first, then the prompt, and ends that come early."""

from __future__ import annotations

from typing import Any

import pytest

from call_scenario import MODES, CallScenario
from offhook.call.actions import (
    ConnectMedia,
    OpenStream,
    Play,
    SetTalkDetect,
    StopPlayback,
)
from offhook.call.events import (
    Arrived,
    CallerHungUp,
    MediaFailed,
    MediaReady,
    OperatorHangup,
    PlaybackFinished,
)
from offhook.call.outcome import EndCause, Status
from offhook.call.state import Phase
from offhook.settings import settings_with


def test_the_audio_is_connected_when_the_call_arrives() -> None:
    call = CallScenario(settings_with(greeting_audio_path="sound:welcome"))
    call.at(0, Arrived())
    call.expect(0, ConnectMedia("split"))
    call.expect_never(Play)


def test_the_greeting_plays_once_the_audio_stands() -> None:
    call = CallScenario(settings_with(greeting_audio_path="sound:welcome"))
    call.at(0, Arrived())
    call.at(0.3, MediaReady())
    call.expect(0.3, Play("greeting", "sound:welcome"))


def test_without_a_greeting_nothing_is_played() -> None:
    call = CallScenario(settings_with(greeting_audio_path="none"))
    call.connected()
    call.expect_never(Play)


@pytest.mark.parametrize(
    ("wanted", "greeting", "topology"),
    [
        ("auto", "sound:welcome", "split"),
        ("auto", "none", "bridge"),
        ("split", "none", "split"),
        ("bridge", "sound:welcome", "bridge"),
    ],
)
def test_auto_takes_the_leanest_topology_that_keeps_every_word(
    wanted: str, greeting: str, topology: str
) -> None:
    call = CallScenario(settings_with(media_topology=wanted, greeting_audio_path=greeting))
    call.at(0, Arrived())
    assert [action.topology for action in call.all_of(ConnectMedia)] == [topology]


def test_the_stream_may_open_while_the_greeting_plays() -> None:
    call = CallScenario(settings_with(preconnect=True), mode="FIXED_DELAY")
    call.connected()
    assert call.times_of(OpenStream) == [0]


def test_without_preconnect_the_stream_opens_when_the_mode_decides_to_listen() -> None:
    call = CallScenario(settings_with(preconnect=False, barge_in_delay_seconds=0.5), mode="FIXED_DELAY")
    call.connected()
    call.at(2, PlaybackFinished("greeting"))
    call.until(5)
    assert call.times_of(OpenStream) == [2.5]


def test_a_prompt_whose_end_is_never_told_is_stopped_and_counts_as_ended() -> None:
    call = CallScenario(settings_with(preconnect=False, barge_in_delay_seconds=0), mode="FIXED_DELAY")
    call.connected()
    call.until(299)
    call.expect_never(StopPlayback)
    call.expect(300, StopPlayback("greeting"), OpenStream())


def test_a_greeting_that_asterisk_cannot_play_counts_as_ended() -> None:
    call = CallScenario(settings_with(preconnect=False, barge_in_delay_seconds=0), mode="FIXED_DELAY")
    call.connected()
    call.at(0.1, PlaybackFinished("greeting", failed=True))
    call.expect(0.1, OpenStream())
    assert "greetingLimit" not in call.timers()


def test_asterisk_reports_talking_where_it_ends_the_utterances_and_splits_no_sentence() -> None:
    settings = settings_with(
        endpointing="asterisk", vad_silence_threshold_ms=250, silence_duration_ms=500, vad_talk_threshold=300
    )
    call = CallScenario(settings, mode="IMMEDIATE")
    call.connected()
    call.expect(0, SetTalkDetect(500, 300))


@pytest.mark.parametrize(
    "more", [{"barge_in_source": "either"}, {"endpointing": "asterisk", "barge_in_mode_enabled": False}]
)
def test_asterisk_reports_talking_wherever_it_ends_turns_or_is_believed_for_barge_in(
    more: dict[str, Any],
) -> None:
    call = CallScenario(settings_with(**more), mode="IMMEDIATE")
    call.connected()
    assert len(call.all_of(SetTalkDetect)) == 1


def test_asterisk_is_not_asked_to_report_talking_where_nobody_needs_it() -> None:
    call = CallScenario(settings_with(), mode="IMMEDIATE")
    call.connected()
    call.expect_never(SetTalkDetect)


def test_no_audio_path_ends_the_call_with_media_error() -> None:
    call = CallScenario(settings_with())
    call.at(0, Arrived())
    call.at(1, MediaFailed("Asterisk refused the external media channel"))
    outcome = call.expect_end(1, EndCause.MEDIA_ERROR)
    assert outcome.error == "Asterisk refused the external media channel"


def test_overload_ends_the_call_with_rejected() -> None:
    call = CallScenario(settings_with())
    call.at(0, Arrived(), MediaFailed("every RTP port is in use", overload=True))
    call.expect_end(0, EndCause.REJECTED)


def test_audio_that_breaks_later_ends_the_call_with_media_error() -> None:
    call = CallScenario(settings_with(), mode="IMMEDIATE")
    call.listening()
    call.at(2, MediaFailed("the RTP socket is closed"))
    call.expect_end(2, EndCause.MEDIA_ERROR)


def test_an_unknown_mode_is_a_configuration_error_and_connects_nothing() -> None:
    call = CallScenario(settings_with(recognition_activation_mode="WHISTLE"))
    call.at(0, Arrived())
    outcome = call.expect_end(0, EndCause.CONFIG_ERROR)
    assert outcome.status is Status.ERROR
    assert "'WHISTLE'" in outcome.error
    call.expect_never(ConnectMedia)


@pytest.mark.parametrize("mode", MODES)
def test_the_caller_may_hang_up_before_the_audio_stands(mode: str) -> None:
    call = CallScenario(settings_with(), mode)
    call.at(0, Arrived())
    call.at(0.1, CallerHungUp())
    call.expect_end(0.1, EndCause.HANGUP)
    call.at(0.2, MediaReady())
    call.expect_never(Play)


def test_what_is_still_to_be_freed_in_asterisk_is_known_at_the_end() -> None:
    call = CallScenario(settings_with(), mode="VAD")
    call.connected()
    call.at(1, OperatorHangup())
    call.expect_end(1, EndCause.OPERATOR)
    assert call.call.view.phase is Phase.ENDED
    assert call.call.state.playing == {"greeting"}
    assert call.call.state.talk_detect == SetTalkDetect(250, 256)


def test_a_second_report_of_the_audio_changes_nothing() -> None:
    call = CallScenario(settings_with(), mode="IMMEDIATE")
    call.listening()
    before = list(call.done)
    call.at(1, MediaReady())
    assert call.done == before
    assert call.call.view.phase is Phase.LISTENING


def test_a_second_report_of_the_greetings_end_changes_nothing() -> None:
    call = CallScenario(settings_with(preconnect=False, barge_in_delay_seconds=1), mode="FIXED_DELAY")
    call.connected()
    call.at(2, PlaybackFinished("greeting"))
    call.at(2.5, PlaybackFinished("greeting"))
    call.expect(3, OpenStream())

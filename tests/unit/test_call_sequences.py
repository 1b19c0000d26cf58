"""Whatever happens, in whatever order and however late: a call never breaks, and it ends once (hypothesis)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from call_scenario import MODES, CallScenario
from offhook import Settings
from offhook.call.actions import CloseStream, End, OpenStream
from offhook.call.events import (
    AnswerAudioStarted,
    AnswerPlayed,
    AnswerTranscript,
    Arrived,
    CallerHungUp,
    Digit,
    EndRequested,
    Event,
    FinalTranscript,
    HeardItem,
    InterimTranscript,
    MediaFailed,
    MediaReady,
    OperatorHangup,
    PlaybackFinished,
    PlaybackStarted,
    PlayoutStopped,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    SettingsChanged,
    SpeechStarted,
    SpeechStopped,
    StreamFailed,
    StreamOpened,
    TalkingFinished,
    TalkingStarted,
    ToolFinished,
    ToolRequested,
    TranscriptFailed,
    TurnCommitted,
)
from offhook.settings import settings_with

items = st.sampled_from(["i1", "i2", "a1", "a2"])
responses = st.sampled_from(["r1", "r2"])
tool_calls = st.sampled_from(["t1", "t2"])
texts = st.sampled_from(["", " ", "yes", "well\n…"])
heard = st.builds(HeardItem, items, st.integers(0, 900), st.just(1000))

talk = st.one_of(
    st.just(PlaybackStarted("greeting")),
    st.builds(PlaybackFinished, st.sampled_from(["greeting", "other"]), st.booleans()),
    st.just(TalkingStarted()),
    st.just(TalkingFinished()),
    st.builds(Digit, st.sampled_from("12#*")),
    st.just(StreamOpened("s")),
    st.builds(SpeechStarted, items),
    st.builds(SpeechStopped, items),
    st.builds(TurnCommitted, items),
    st.builds(InterimTranscript, items, texts),
    st.builds(FinalTranscript, items, texts),
    st.builds(TranscriptFailed, items, texts),
    st.builds(ResponseStarted, responses),
    st.builds(ResponseDone, responses, st.sampled_from(["completed", "cancelled", "failed"])),
    st.builds(AnswerAudioStarted, responses, items),
    st.builds(AnswerTranscript, responses, items, texts),
    st.builds(AnswerPlayed, items, st.integers(0, 900)),
    st.builds(PlayoutStopped, st.lists(heard, max_size=2).map(tuple)),
    st.builds(ToolRequested, responses, tool_calls, st.just("look_up"), st.just("{}")),
    st.builds(ToolFinished, tool_calls, st.just("look_up"), st.just("{}")),
    st.just(ProviderError("code", "message")),
)
rare = st.one_of(
    st.builds(Arrived, st.booleans()),
    st.just(MediaReady()),
    st.builds(MediaFailed, st.just("no audio"), st.booleans()),
    st.just(CallerHungUp()),
    st.just(StreamFailed("gone")),
    st.builds(OperatorHangup, st.sampled_from(["operator", "shutdown"])),
    st.just(SettingsChanged(settings_with(session_kind="recognition", dtmf_enabled=False), ())),
    st.just(SettingsChanged(settings_with(endpointing="asterisk"), ())),
    st.builds(EndRequested, st.sampled_from(["tool", "transfer"])),
)
events: st.SearchStrategy[Event] = st.one_of(*[talk] * 6, rare)
steps = st.lists(st.tuples(st.sampled_from([0.0, 0.04, 0.5, 3.0, 20.0]), events), max_size=40)
a_start: st.SearchStrategy[list[Event]] = st.sampled_from(
    [[], [Arrived()], [Arrived(), MediaReady()], [Arrived(), MediaReady(), StreamOpened("s")]]
)

variants: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "greeting_audio_path": st.sampled_from(["none", "sound:welcome"]),
        "endpointing": st.sampled_from(["auto", "asterisk"]),
        "barge_in_mode_enabled": st.booleans(),
        "barge_in_source": st.sampled_from(["provider", "asterisk", "either"]),
        "preconnect": st.booleans(),
        "dtmf_mode": st.sampled_from(["interrupt", "converse"]),
        "initial_user_prompt": st.sampled_from(["none", "Hello!"]),
        "vad_recog_activation": st.sampled_from(["afterPrompt", "vadMode"]),
        "vad_activation_delay_seconds": st.sampled_from([0, 1]),
        "max_call_duration_seconds": st.sampled_from([0, 60]),
    }
)


def played_through(
    chosen: Settings, mode: str, start: list[Event], told: list[tuple[float, Event]]
) -> CallScenario:
    call = CallScenario(chosen, mode)
    call.at(0, *start)
    for pause, event in told:
        call.at(call.now + pause, event)
    return call


def streams_alternate(call: CallScenario) -> bool:
    """No stream is opened while another one is open or opening."""
    is_open = False
    for _, action in call.done:
        if isinstance(action, OpenStream):
            if is_open:
                return False
            is_open = True
        elif isinstance(action, CloseStream):
            is_open = False
    return True


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["conversation", "recognition"])
@settings(max_examples=60, deadline=None)
@given(variant=variants, start=a_start, told=steps)
def test_any_events_in_any_order_end_a_call_once_and_leave_nothing(
    mode: str, kind: str, variant: dict[str, Any], start: list[Event], told: list[tuple[float, Event]]
) -> None:
    call = played_through(settings_with(session_kind=kind, **variant), mode, start, told)
    call.at(call.now, CallerHungUp())
    assert call.call.ended
    assert [type(action) for _, action in call.done].count(End) == 1
    assert isinstance(call.done[-1][1], End)
    assert call.timers() == set()
    assert call.call.deadline is None
    assert streams_alternate(call)
    assert call.call.state.gate == "closed"
    assert call.call.state.stream == "closed"
    assert all(isinstance(value, str) for value in call.outcome.variables().values())


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=60, deadline=None)
@given(variant=variants, start=a_start, told=steps)
def test_any_recognition_ends_by_itself_within_its_longest_duration(
    mode: str, variant: dict[str, Any], start: list[Event], told: list[tuple[float, Event]]
) -> None:
    chosen = settings_with(session_kind="recognition", max_recognition_duration_seconds=30, **variant)
    call = played_through(chosen, mode, [Arrived(), *start[1:]], told)
    call.until(call.now + 31 + 31)
    assert call.call.ended, str(call)


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=60, deadline=None)
@given(variant=variants, told=steps)
def test_any_conversation_ends_by_itself_within_its_longest_duration(
    mode: str, variant: dict[str, Any], told: list[tuple[float, Event]]
) -> None:
    chosen = settings_with(**{**variant, "max_call_duration_seconds": 3600})
    call = played_through(chosen, mode, [Arrived(), MediaReady()], told)
    call.until(call.now + 3600)
    assert call.call.ended, str(call)

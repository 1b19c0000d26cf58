"""Events of a call for hypothesis: what is common, what is rare, and settings that make calls differ."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

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
    PluginEvent,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    SayRequested,
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
    WorkFinished,
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
    st.builds(PluginEvent, st.sampled_from(["wake", ""]), st.none()),
    st.builds(WorkFinished, st.integers(0, 3), st.just("found"), st.sampled_from(["", "lost"])),
    st.builds(SayRequested, st.sampled_from(["Hello.", "Goodbye."])),
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

"""The result contract: one table, and no way to end a call that leaves a variable unset (spec §5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from call_scenario import CALL_ID, MODES, CallScenario
from offhook.call.actions import Action, End
from offhook.call.events import (
    CallerHungUp,
    Digit,
    EndRequested,
    Event,
    FinalTranscript,
    InterimTranscript,
    MediaFailed,
    OperatorHangup,
    PlaybackFinished,
    SpeechStarted,
    SpeechStopped,
    StreamFailed,
    StreamOpened,
    TalkingFinished,
    TalkingStarted,
    TurnCommitted,
)
from offhook.call.outcome import TRANSCRIPTION_LIMIT, EndCause, Outcome, decide
from offhook.call.state import CallView
from offhook.plugins.guard import GuardedPart
from offhook.settings import settings_with

KINDS = ("recognition", "conversation")

# The table of the spec: cause → (recognition, conversation); an empty text: cannot happen there.
TABLE = {
    "recognized": ("OK 000", ""),
    "speech_complete": ("OK 000", ""),
    "no_match": ("OK 001", ""),
    "no_speech": ("OK 002", "OK 002"),
    "max_duration": ("OK 015", "OK 008"),
    "dtmf": ("OK 000", "OK 000"),
    "tool": ("", "OK 000"),
    "transfer": ("", "OK 000"),
    "idle": ("", "OK 002"),
    "hangup": ("INTERRUPTED 011", "OK 000"),
    "operator": ("INTERRUPTED 011", "INTERRUPTED 011"),
    "shutdown": ("INTERRUPTED 011", "INTERRUPTED 011"),
    "stream_idle": ("ERROR 006", "ERROR 006"),
    "provider_error": ("ERROR 006", "ERROR 006"),
    "media_error": ("ERROR 006", "ERROR 006"),
    "config_error": ("ERROR 006", "ERROR 006"),
    "plugin_error": ("ERROR 006", "ERROR 006"),
    "rejected": ("ERROR 006", "ERROR 006"),
}
POSSIBLE = [
    (cause, kind, row[column])
    for cause, row in TABLE.items()
    for column, kind in enumerate(KINDS)
    if row[column]
]


def test_the_list_of_causes_is_closed() -> None:
    assert {cause.value for cause in EndCause} == set(TABLE)


class Broken:
    """A part with a bug."""

    def on(self, event: Event, call: CallView) -> list[Action]:
        if isinstance(event, Digit):
            raise ZeroDivisionError("division by zero")
        return []


def listening_in(mode: str, kind: str, **more: object) -> CallScenario:
    """A call that listens since second 3, in this mode, and has heard nothing by the provider yet."""
    call = CallScenario(settings_with(session_kind=kind, **more), mode)
    call.connected()
    call.at(0, StreamOpened())
    if mode != "IMMEDIATE":
        call.at(1, PlaybackFinished("greeting"))
    if mode == "VAD":
        call.at(2, TalkingStarted())
    call.until(2.9)
    return call


def after(*events: Event, seconds: float = 0) -> Callable[[str, str], CallScenario]:
    """Listening, then these events, then that time."""

    def told(mode: str, kind: str) -> CallScenario:
        call = listening_in(mode, kind)
        call.at(2.95, *events)
        call.until(2.95 + seconds)
        return call

    return told


def stream_idle(mode: str, kind: str) -> CallScenario:
    call = listening_in(mode, kind, no_speech_begin_timeout_seconds=0)
    call.until(20)
    return call


def max_duration(mode: str, kind: str) -> CallScenario:
    call = listening_in(mode, kind, max_call_duration_seconds=30)
    call.at(2.95, SpeechStarted("i1"))
    call.until(30)
    return call


def config_error(mode: str, kind: str) -> CallScenario:
    call = CallScenario(settings_with(session_kind=kind), f"NOT_{mode}")
    call.connected()
    return call


def plugin_error(mode: str, kind: str) -> CallScenario:
    settings = settings_with(session_kind=kind)
    call = CallScenario(settings, mode, keypad=GuardedPart(Broken(), plugin="menus", role="keypad handler"))
    call.connected()
    call.at(1, Digit("1"))
    return call


WAYS: dict[str, Callable[[str, str], CallScenario]] = {
    "recognized": after(FinalTranscript("i1", "yes")),
    "speech_complete": after(InterimTranscript("i1", "yes"), seconds=5),
    "no_match": after(FinalTranscript("i1", "")),
    "no_speech": after(seconds=5),
    "max_duration": max_duration,
    "dtmf": after(Digit("1"), Digit("#")),
    "tool": after(EndRequested("tool"), seconds=20),
    "transfer": after(EndRequested("transfer"), seconds=20),
    "idle": after(
        PlaybackFinished("greeting"),
        TalkingFinished(),
        SpeechStarted("i1"),
        SpeechStopped("i1"),
        TurnCommitted("i1"),
        seconds=60,
    ),
    "hangup": after(CallerHungUp()),
    "operator": after(OperatorHangup()),
    "shutdown": after(OperatorHangup("shutdown")),
    "stream_idle": stream_idle,
    "provider_error": after(StreamFailed("the provider hung up")),
    "media_error": after(MediaFailed("no audio")),
    "config_error": config_error,
    "plugin_error": plugin_error,
    "rejected": after(MediaFailed("no port is left", overload=True)),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("cause", "kind", "verdict"), POSSIBLE)
def test_every_cause_in_every_mode_and_kind_sets_every_variable(
    cause: str, kind: str, verdict: str, mode: str
) -> None:
    call = WAYS[cause](mode, kind)
    assert call.outcome.cause.value == cause, str(call)
    assert [type(action) for _, action in call.done].count(End) == 1, "exactly one outcome"
    assert (call.timers(), call.call.deadline) == (set(), None), "all timers are gone"
    assert (call.call.state.gate, call.call.state.stream) == ("closed", "closed"), "all is released"
    variables = call.outcome.variables()
    assert list(variables) == [
        "RECOG_STATUS",
        "RECOG_COMPLETION_CAUSE",
        "FINAL_TRANSCRIPTION",
        "DTMF_RESULT",
        "RECOGNITION_ERROR",
        "OFFHOOK_END_CAUSE",
        "OFFHOOK_CALL_ID",
    ]
    assert f"{variables['RECOG_STATUS']} {variables['RECOG_COMPLETION_CAUSE']}" == verdict
    assert variables["OFFHOOK_END_CAUSE"] == cause
    assert variables["OFFHOOK_CALL_ID"] == CALL_ID
    assert bool(variables["RECOGNITION_ERROR"]) == verdict.startswith("ERROR")


def test_every_cause_has_a_way_to_it_and_a_row_in_the_table() -> None:
    assert set(WAYS) == {cause.value for cause in EndCause} == {cause for cause, *_ in POSSIBLE}


@pytest.mark.parametrize("cause", EndCause)
@pytest.mark.parametrize("recognition", [True, False])
def test_even_a_cause_that_cannot_happen_there_has_a_verdict(cause: EndCause, recognition: bool) -> None:
    outcome = decide("c", cause, recognition=recognition, transcripts=[])
    assert all(isinstance(value, str) for value in outcome.variables().values())
    assert len(outcome.completion_cause) == 3


def decided(cause: EndCause, *transcripts: str, recognition: bool = True, reason: str = "") -> Outcome:
    return decide("c", cause, recognition=recognition, transcripts=list(transcripts), reason=reason)


def test_max_duration_with_a_transcript_is_a_success() -> None:
    assert decided(EndCause.MAX_DURATION, "half a sent").completion_cause == "008"
    assert decided(EndCause.MAX_DURATION, " ").completion_cause == "015"


def test_a_recognition_that_runs_out_of_time_keeps_what_it_has() -> None:
    call = listening_in("IMMEDIATE", "recognition", speech_complete_timeout_seconds=0)
    call.at(2.95, InterimTranscript("i1", "half a sent"))
    outcome = call.expect_end(30, EndCause.MAX_DURATION)
    assert (outcome.completion_cause, outcome.transcription) == ("008", "half a sent")


def test_the_callers_turns_are_joined_by_a_bar() -> None:
    turns = ("A tea.", "", "And a\ncoffee.")
    assert decided(EndCause.HANGUP, *turns, recognition=False).transcription == "A tea. | And a coffee."


def test_the_transcription_is_one_line_without_control_characters() -> None:
    assert decided(EndCause.RECOGNIZED, "one\r\ntwo\tthree\x00\x1b").transcription == "one two three"


def test_the_transcription_is_cut_at_the_documented_length_and_within_no_character() -> None:
    cut = decided(EndCause.RECOGNIZED, "ä" * TRANSCRIPTION_LIMIT + "x").transcription
    assert cut == "ä" * (TRANSCRIPTION_LIMIT // 2)


def test_the_error_is_one_line_and_set_only_with_error() -> None:
    assert decided(EndCause.PROVIDER_ERROR, reason="no\nroute").error == "no route"
    assert decided(EndCause.HANGUP, reason="the caller hung up").error == ""


def test_an_error_without_a_reason_still_says_something() -> None:
    assert decided(EndCause.MEDIA_ERROR).error == "the call ended with media_error"


@pytest.mark.parametrize(
    ("more", "leave", "context", "extension"),
    [
        ({}, "continue", "", ""),
        ({"end_action": "hangup"}, "hangup", "", ""),
        ({"result_context": "ivr", "result_extension": "done"}, "continue", "ivr", "done"),
    ],
)
def test_the_call_goes_on_where_the_settings_say(
    more: dict[str, str], leave: str, context: str, extension: str
) -> None:
    call = listening_in("IMMEDIATE", "recognition", **more)
    call.at(2.95, FinalTranscript("i1", "yes"))
    end = call.all_of(End)[0]
    assert (end.leave, end.context, end.extension) == (leave, context, extension)


def test_a_call_ends_for_exactly_one_cause() -> None:
    call = listening_in("IMMEDIATE", "recognition")
    call.at(2.95, FinalTranscript("i1", "yes"), CallerHungUp(), StreamFailed("closed"))
    assert [end.outcome.cause for end in call.all_of(End)] == [EndCause.RECOGNIZED]

"""The record of a call: what people get to see of it, whatever order things happen in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from console_calls import NOON, ended, hung_up, interrupted_call, new_record
from offhook.call.actions import (
    Action,
    ClearTimer,
    DeleteItem,
    OpenStream,
    Play,
    SendText,
    SetGate,
    StartTimer,
)
from offhook.call.entries import TEXT_LIMIT, CallStatus, Digits, FunctionCall, Note, Turn
from offhook.call.events import (
    AnswerAudioStarted,
    AnswerPlayed,
    AnswerTranscript,
    Arrived,
    Digit,
    Event,
    FinalTranscript,
    HeardItem,
    InterimTranscript,
    MediaReady,
    PlaybackFinished,
    PlaybackStarted,
    PlayoutStopped,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    StreamFailed,
    StreamOpened,
    ToolFinished,
    ToolRequested,
    TranscriptFailed,
    TurnCommitted,
)
from offhook.call.masking import MASKED
from offhook.call.outcome import EndCause, Status
from offhook.call.record import ENTRY_LIMIT, CallRecord


def record_of(*steps: tuple[float, Event | None, list[Action]], sensitive: bool = False) -> CallRecord:
    record = new_record(sensitive=sensitive)
    for now, event, actions in steps:
        record.apply(now, event, actions)
    return record


def turns(record: CallRecord) -> list[Turn]:
    return [entry for entry in record.entries if isinstance(entry, Turn)]


def notes(record: CallRecord) -> list[str]:
    return [entry.text for entry in record.entries if isinstance(entry, Note)]


def test_turns_stand_in_the_order_of_speaking_though_transcripts_come_late() -> None:
    record = record_of(
        (0, SpeechStarted("i1"), []),
        (1, TurnCommitted("i1"), []),
        (2, AnswerAudioStarted("r1", "i2"), []),
        (2, AnswerTranscript("r1", "i2", "Hello Ada."), []),
        (3, FinalTranscript("i1", "This is Ada."), []),
    )
    assert [(t.actor, t.text) for t in turns(record)] == [("caller", "This is Ada."), ("bot", "Hello Ada.")]


def test_a_late_interim_transcript_does_not_replace_the_final_one() -> None:
    record = record_of(
        (0, InterimTranscript("i1", "One"), []),
        (1, FinalTranscript("i1", "One two."), []),
        (1, InterimTranscript("i1", "One tw"), []),
    )
    assert [(t.text, t.final) for t in turns(record)] == [("One two.", True)]


@pytest.mark.parametrize(
    ("heard_ms", "heard", "unheard"),
    [
        (0, "", "one two three four"),
        (500, "one two ", "three four"),
        (900, "one two three ", "four"),
        (1000, "one two three four", ""),
        (5000, "one two three four", ""),
    ],
)
def test_an_interrupted_answer_shows_what_was_heard_to_the_last_whole_word(
    heard_ms: int, heard: str, unheard: str
) -> None:
    record = record_of(
        (0, AnswerAudioStarted("r1", "i1"), []),
        (1, AnswerTranscript("r1", "i1", "one two three four"), []),
        (2, PlayoutStopped((HeardItem("i1", heard_ms, 1000),)), []),
    )
    assert (turns(record)[0].heard, turns(record)[0].unheard) == (heard, unheard)


def test_words_of_an_interrupted_answer_that_come_later_are_unheard_too() -> None:
    record = record_of(
        (0, AnswerAudioStarted("r1", "i1"), []),
        (1, PlayoutStopped((HeardItem("i1", 0, 1000),)), [DeleteItem("i1")]),
        (2, AnswerTranscript("r1", "i1", "never heard", final=True), []),
    )
    assert turns(record)[0].unheard == "never heard"


def test_an_item_of_a_cancelled_answer_that_never_sounded_was_not_heard() -> None:
    record = record_of(
        (0, AnswerAudioStarted("r1", "i1"), []),
        (1, AnswerTranscript("r1", "i1", "Let me see."), []),
        (1, AnswerTranscript("r1", "i2", "And another thing."), []),
        (2, ResponseDone("r1", "cancelled", "turn_detected"), []),
    )
    assert [t.unheard for t in turns(record)] == ["", "And another thing."]


def test_the_delay_of_an_answer_counts_from_the_callers_silence_and_only_once() -> None:
    record = record_of(
        (0, SpeechStarted("i1"), []),
        (2, SpeechStopped("i1"), []),
        (2.1, TurnCommitted("i1"), []),
        (2.75, AnswerAudioStarted("r1", "i2"), []),
        (4, AnswerAudioStarted("r1", "i3"), []),
    )
    assert list(record.first_audio_ms) == [750]
    assert [t.delay_ms for t in turns(record)] == [None, 750, None]


def test_without_the_providers_turn_detection_the_delay_counts_from_the_commit() -> None:
    record = record_of((2, TurnCommitted("i1"), []), (2.5, AnswerAudioStarted("r1", "i2"), []))
    assert list(record.first_audio_ms) == [500]


def test_set_up_times() -> None:
    record = record_of(
        (10, Arrived(), []), (10.2, MediaReady(), [OpenStream()]), (10.5, StreamOpened("s"), [])
    )
    assert (record.answered_ms, record.stream_opened_ms) == (200, 300)


def test_a_function_call_gets_its_output() -> None:
    record = record_of(
        (0, ToolRequested("r1", "f1", "look_up", '{"id": 7}'), []),
        (1.5, ToolFinished("f1", "look_up", '{"error": "no"}', failed=True), []),
    )
    call = record.entries[0]
    assert isinstance(call, FunctionCall)
    assert (call.name, call.arguments, call.output, call.failed) == (
        "look_up",
        '{"id": 7}',
        '{"error": "no"}',
        True,
    )
    assert (call.at, call.finished_at) == (0, 1.5)


def test_keys_are_one_entry_until_something_else_happens() -> None:
    record = record_of(
        (0, Digit("1"), []),
        (1, Digit("2"), []),
        (2, SpeechStarted("i1"), []),
        (3, Digit("3"), []),
    )
    assert [e.digits for e in record.entries if isinstance(e, Digits)] == ["12", "3"]


def test_timers_run_until_cleared_expired_or_the_end() -> None:
    record = record_of(
        (0, Arrived(), [StartTimer("a", 5, "x"), StartTimer("b", 2, "x"), StartTimer("c", 9, "x")])
    )
    assert {name for _, name in record.timers} == {"a", "b", "c"}
    record.apply(1, None, [ClearTimer("a", "x")])
    assert (set(record.timers), record.expired) == ({("x", "b"), ("x", "c")}, ())
    record.apply(2, None, [])
    assert [timer.name for timer in record.expired] == ["b"]
    record.apply(3, None, [ended()])
    assert (record.timers, record.expired) == ({}, ())


def test_a_timer_that_is_cleared_as_it_comes_due_has_not_expired() -> None:
    record = record_of((0, Arrived(), [StartTimer("a", 2, "x"), StartTimer("b", 2, "x")]))
    record.apply(2, None, [ClearTimer("b", "x")])
    assert [timer.name for timer in record.expired] == ["a"]


def test_a_disabled_timer_does_not_run() -> None:
    assert record_of((0, Arrived(), [StartTimer("a", 0, "x")])).timers == {}


def test_problems_are_shown_and_kept() -> None:
    record = record_of(
        (0, Arrived(), [Play("greeting", "sound:missing")]),
        (1, PlaybackFinished("greeting", failed=True), []),
        (2, ProviderError("rate_limit", "slow down"), []),
        (3, TranscriptFailed("i1", "noise"), []),
        (4, ResponseDone("r1", "incomplete", "max_output_tokens"), []),
    )
    record.problem(5, "APP_SPEED is '9'; it must be between 0.25 and 1.5")
    assert [p.text for p in record.problems] == [
        "Asterisk could not play sound:missing",
        "Realtime: slow down (rate_limit)",
        "A turn of the caller could not be transcribed: noise",
        "The model's answer is incomplete: max_output_tokens",
        "APP_SPEED is '9'; it must be between 0.25 and 1.5",
    ]
    assert record.changed == (record.problems[-1],)


@pytest.mark.parametrize(
    ("status", "error", "shown"),
    [(Status.OK, "", CallStatus.ENDED), (Status.ERROR, "no key", CallStatus.ERROR)],
)
def test_the_end_is_the_last_that_a_record_takes_in(status: Status, error: str, shown: CallStatus) -> None:
    record = record_of((0, Arrived(), []), (4, None, [ended(EndCause.HANGUP, status, error=error)]))
    record.apply(5, Digit("1"), [])
    assert (record.status, record.live, record.activity) == (shown, False, "ended")
    assert record.ended_at == NOON + timedelta(seconds=4)
    assert notes(record) == [*([error] if error else []), "Call ended: hangup"]
    assert record.changed == ()


def test_a_call_rings_until_it_is_answered() -> None:
    record = record_of((0, Arrived(), []))
    assert record.status == "ringing"
    record.apply(1, MediaReady(), [])
    assert record.status == "active"
    assert record_of((0, Arrived(channel_up=True), [])).status == "active"


def test_activity_tells_what_goes_on() -> None:
    record = new_record()
    steps: list[tuple[Event | None, list[Action], str]] = [
        (Arrived(), [], "connecting"),
        (MediaReady(), [Play("greeting", "sound:x"), OpenStream()], "opening the stream"),
        (PlaybackStarted("greeting"), [], "prompt playing"),
        (StreamOpened("s"), [], "prompt playing"),
        (PlaybackFinished("greeting"), [], "waiting to listen"),
        (None, [SetGate("open")], "listening"),
        (SpeechStarted("i1"), [], "caller speaking"),
        (SpeechStopped("i1"), [], "listening"),
        (ResponseStarted("r1"), [], "model thinking"),
        (ToolRequested("r1", "f1", "look_up", "{}"), [], "running look_up"),
        (ToolFinished("f1", "look_up", "{}"), [], "model thinking"),
        (AnswerAudioStarted("r1", "i2"), [], "model speaking"),
        (ResponseDone("r1"), [], "model speaking"),
        (AnswerPlayed("i2", 900), [], "listening"),
        (Digit("1"), [StartTimer("dtmfFinal", 3, "keypad")], "collecting digits"),
        (StreamFailed("gone"), [ended()], "ended"),
    ]
    seen = []
    for at, (event, actions, _) in enumerate(steps):
        record.apply(float(at), event, actions)
        seen.append(record.activity)
    assert seen == [activity for *_, activity in steps]


def test_changed_names_the_entries_that_are_new_or_different() -> None:
    record = record_of((0, SpeechStarted("i1"), []), (0, Digit("1"), []))
    numbers = [entry.number for entry in record.entries]
    record.apply(1, InterimTranscript("i1", "Hi"), [SendText("note")])
    assert [entry.number for entry in record.changed] == [numbers[0], numbers[-1] + 1]
    record.apply(2, None, [])
    assert record.changed == ()


def test_sensitive_digits_are_masked_wherever_they_appear() -> None:
    record = record_of(*((float(i), Digit(d), []) for i, d in enumerate("4711#")), sensitive=True)
    assert record.masked_digits("4711") == "••••"
    assert record.shown('{"pin": "4711", "n": 47}') == '{"pin": "••••", "n": 47}'
    assert record_of((0, Digit("4"), [])).shown("4711") == "4711"


def test_a_sensitive_message_masks_itself_and_the_digits() -> None:
    record = record_of((0, Digit("4"), [SendText("keys: 4", sensitive=True)]))
    assert record.masked_digits("4") == "•"
    assert notes(record) == [f"Told the model for the caller: {MASKED}"]


def test_a_record_is_bounded_and_the_newest_stays() -> None:
    record = new_record()
    for number in range(ENTRY_LIMIT + 50):
        record.apply(float(number), FinalTranscript(f"i{number}", "x" * (TEXT_LIMIT + 1)), [])
    assert len(record.entries) == ENTRY_LIMIT
    assert turns(record)[-1].item_id == f"i{ENTRY_LIMIT + 49}"
    assert len(turns(record)[-1].text) == TEXT_LIMIT + 1  # with the sign that something was cut


def test_moments_become_wall_clock_times() -> None:
    record = record_of((1000.0, Arrived(), []))
    assert record.when(1002.5) == NOON + timedelta(seconds=2.5)


def test_the_scripted_call_of_the_console_tests_reads_as_it_happened() -> None:
    record = record_of(*interrupted_call(), (20.0, None, hung_up()))
    assert [type(entry).__name__ for entry in record.entries] == [
        "Note",
        "Turn",
        "FunctionCall",
        "Turn",
        "Turn",
        "Turn",
        "Digits",
        "Note",
        "Turn",
        "Note",
    ]

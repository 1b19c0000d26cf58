"""A call as JSON: what `GET /calls` and the original's conversation history say."""

from __future__ import annotations

import pytest

from console_calls import ended, hung_up, interrupted_call, new_record
from offhook.call import events as ev
from offhook.call.outcome import EndCause, Status
from offhook.call.record import CallRecord
from offhook.console.record_json import conversation_history, entry_json, facts, whole_call


@pytest.fixture
def record() -> CallRecord:
    record = new_record()
    for now, event, actions in interrupted_call():
        record.apply(now, event, actions)
    return record


def test_the_history_has_the_originals_actors_and_types(record: CallRecord) -> None:
    record.problem(16, "something broke")
    record.apply(20.0, None, hung_up())
    history = conversation_history(record)
    assert [(h["actor"], h["type"]) for h in history] == [
        ("bot", "tts_prompt"),
        ("caller", "transcript"),
        ("tool", "tool_log"),
        ("tool", "tool_log"),
        ("bot", "transcript"),
        ("caller", "transcript"),
        ("bot", "transcript"),
        ("dtmf", "dtmf_input"),
        ("system", "system_message"),
        ("bot", "transcript"),
        ("system", "error_message"),
        ("system", "system_message"),
    ]
    assert history[1] == {
        "actor": "caller",
        "type": "transcript",
        "content": "Do you have a table for four tonight?",
        "timestamp": "2026-11-24T12:00:03.000Z",
    }
    assert history[3]["content"] == 'find_table → {"tables":["20:00","21:00 terrace"]}'


def test_the_history_marks_what_was_not_heard(record: CallRecord) -> None:
    assert (
        "We have a table for four at eight o'clock, and "
        "[not heard: one at nine on the terrace if the weather holds.]"
    ) in [h["content"] for h in conversation_history(record)]


def test_a_turn_without_words_is_left_out_of_the_history() -> None:
    record = new_record()
    record.apply(0, ev.SpeechStarted("i1"), [])
    assert conversation_history(record) == []


def test_a_cut_turn_says_what_was_heard_and_what_not(record: CallRecord) -> None:
    (cut,) = [e for e in whole_call(record)["entries"] if e.get("cut")]
    assert cut["heard"] == "We have a table for four at eight o'clock, and "
    assert cut["unheard"] == "one at nine on the terrace if the weather holds."
    assert (cut["actor"], cut["delayMs"]) == ("bot", 1000)


def test_the_facts_of_a_running_call(record: CallRecord) -> None:
    shown = facts(record)
    assert (shown["callerName"], shown["dialed"], shown["activity"]) == (
        "Ada Lovelace",
        "7000",
        "model speaking",
    )
    assert [timer["name"] for timer in shown["timers"]] == ["maxCallDuration"]
    assert shown["delays"] == {"answeredMs": 120, "streamOpenedMs": 330, "firstAudioMs": [1000, 620]}
    assert (shown["outcome"], shown["endTime"]) == (None, None)


def test_the_facts_of_an_ended_call() -> None:
    record = new_record()
    record.apply(0, ev.Arrived(), [])
    record.apply(2, None, [ended(EndCause.REJECTED, Status.ERROR, error="no free port")])
    assert facts(record)["outcome"] == {
        "cause": "rejected",
        "status": "ERROR",
        "completionCause": "006",
        "transcription": "",
        "digits": "",
        "error": "no free port",
    }
    assert facts(record)["endTime"] == "2026-11-24T12:00:02.000Z"


def test_a_function_call_under_way_has_no_output_yet() -> None:
    record = new_record()
    record.apply(0, ev.ToolRequested("r", "f", "look_up", "{broken"), [])
    shown = entry_json(record, record.entries[0])
    assert (shown["arguments"], shown["output"], shown["tookMs"]) == ("{broken", None, None)


def test_sensitive_digits_are_dots() -> None:
    record = new_record(sensitive=True)
    for now, digit in enumerate("4711"):
        record.apply(float(now), ev.Digit(digit), [])
    record.apply(5, ev.FinalTranscript("i", "It is 4711"), [ended(digits="4711", transcription="It is 4711")])
    assert "4711" not in repr(whole_call(record)) + repr(conversation_history(record))

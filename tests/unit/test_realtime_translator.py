"""What a Realtime server's messages mean to a call."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from offhook.call import events as ev
from offhook.realtime.translator import Translator
from openai_types import server_types, validate_server

Json = dict[str, Any]


def server(name: str, **fields: Any) -> Json:
    """A server message that the openai package agrees to."""
    message = {"type": name, "event_id": "event_1", **fields}
    validate_server(message)
    return message


def translate(*messages: Json) -> list[ev.Event]:
    translator = Translator()
    return [event for message in messages for event in translator.translate(message)]


TRANSCRIPTION = "conversation.item.input_audio_transcription"
USAGE = {"type": "duration", "seconds": 1.0}
PART = {"response_id": "r1", "output_index": 0, "content_index": 0}


def delta(item_id: str, text: str) -> Json:
    return server(f"{TRANSCRIPTION}.delta", item_id=item_id, content_index=0, delta=text)


def completed(item_id: str, text: str) -> Json:
    return server(
        f"{TRANSCRIPTION}.completed", item_id=item_id, content_index=0, transcript=text, usage=USAGE
    )


def spoken(item_id: str, text: str, **more: Any) -> Json:
    part = {**PART, **more}
    return server("response.output_audio_transcript.delta", item_id=item_id, delta=text, **part)


def function_call(call_id: str = "c1", name: str = "end_call", status: str = "completed") -> Json:
    return {
        "type": "function_call",
        "id": "item_9",
        "call_id": call_id,
        "name": name,
        "arguments": "{}",
        "status": status,
    }


def item_done(item: Json) -> Json:
    return server("response.output_item.done", response_id="r1", output_index=0, item=item)


def response_done(status: str = "completed", output: list[Json] | None = None, **more: Any) -> Json:
    return server("response.done", response={"id": "r1", "status": status, "output": output or [], **more})


def test_the_callers_turn() -> None:
    assert translate(
        server("input_audio_buffer.speech_started", item_id="i1", audio_start_ms=200),
        server("input_audio_buffer.speech_stopped", item_id="i1", audio_end_ms=1700),
        server("input_audio_buffer.committed", item_id="i1", previous_item_id=None),
    ) == [ev.SpeechStarted("i1", 200), ev.SpeechStopped("i1", 1700), ev.TurnCommitted("i1")]


def test_interim_text_grows_by_item_until_it_is_final() -> None:
    assert translate(
        delta("i1", "Good "),
        delta("i2", "Yes"),
        delta("i1", "morning"),
        completed("i1", " Good morning. "),
        delta("i1", "Again"),
    ) == [
        ev.InterimTranscript("i1", "Good "),
        ev.InterimTranscript("i2", "Yes"),
        ev.InterimTranscript("i1", "Good morning"),
        ev.FinalTranscript("i1", "Good morning."),
        ev.InterimTranscript("i1", "Again"),
    ]


def test_an_empty_delta_says_nothing_and_an_empty_final_says_so() -> None:
    assert translate(delta("i1", ""), completed("i1", "")) == [ev.FinalTranscript("i1", "")]


def test_a_transcription_that_failed() -> None:
    error = {"type": "transcription_error", "code": "audio_unintelligible", "message": "Not understood."}
    failed = server(f"{TRANSCRIPTION}.failed", item_id="i1", content_index=0, error=error)
    assert translate(delta("i1", "a"), failed, delta("i1", "b")) == [
        ev.InterimTranscript("i1", "a"),
        ev.TranscriptFailed("i1", "Not understood."),
        ev.InterimTranscript("i1", "b"),
    ]


def test_the_answers_text_grows_by_item() -> None:
    done = server("response.output_audio_transcript.done", item_id="i1", transcript="Hello there.", **PART)
    assert translate(
        server("response.created", response={"id": "r1", "status": "in_progress"}),
        spoken("i1", "Hel"),
        spoken("i1", "lo"),
        done,
        spoken("i2", "More"),
        response_done(),
    ) == [
        ev.ResponseStarted("r1"),
        ev.AnswerTranscript("r1", "i1", "Hel"),
        ev.AnswerTranscript("r1", "i1", "Hello"),
        ev.AnswerTranscript("r1", "i1", "Hello there.", final=True),
        ev.AnswerTranscript("r1", "i2", "More"),
        ev.ResponseDone("r1"),
    ]


def test_the_parts_of_one_item_follow_each_other() -> None:
    *_, last = translate(spoken("i1", "One. "), spoken("i1", "Two.", content_index=1))
    assert last == ev.AnswerTranscript("r1", "i1", "One. Two.")


def test_an_answer_in_text() -> None:
    assert translate(
        server("response.output_text.delta", item_id="i1", delta="Hel", **PART),
        server("response.output_text.done", item_id="i1", text="Hello", **PART),
    ) == [ev.AnswerTranscript("r1", "i1", "Hel"), ev.AnswerTranscript("r1", "i1", "Hello", final=True)]


@pytest.mark.parametrize(
    "messages",
    [
        [item_done(function_call()), response_done(output=[function_call()])],
        [item_done(function_call()), response_done()],
        [response_done(output=[function_call()])],
    ],
    ids=["both", "item", "response"],
)
def test_a_function_call_is_taken_once_and_before_the_responses_end(messages: list[Json]) -> None:
    assert translate(*messages) == [ev.ToolRequested("r1", "c1", "end_call", "{}"), ev.ResponseDone("r1")]


def test_several_function_calls_come_in_order() -> None:
    calls = [function_call("c1", "one"), function_call("c2", "two")]
    assert translate(item_done(calls[1]), response_done(output=calls)) == [
        ev.ToolRequested("r1", "c2", "two", "{}"),
        ev.ToolRequested("r1", "c1", "one", "{}"),
        ev.ResponseDone("r1"),
    ]


def test_a_function_call_that_was_cut_off_is_not_carried_out() -> None:
    call = function_call(status="incomplete")
    assert translate(item_done(call), response_done("cancelled", [call])) == [
        ev.ResponseDone("r1", "cancelled")
    ]


@pytest.mark.parametrize(
    ("status", "details", "reason"),
    [
        ("cancelled", {"type": "cancelled", "reason": "turn_detected"}, "turn_detected"),
        ("cancelled", {"type": "cancelled", "reason": "client_cancelled"}, "client_cancelled"),
        ("incomplete", {"type": "incomplete", "reason": "max_output_tokens"}, "max_output_tokens"),
        ("failed", {"type": "failed", "error": {"code": "quota", "message": "No credit."}}, "No credit."),
        ("failed", {"type": "failed", "error": {"code": "quota"}}, "quota"),
        ("completed", None, ""),
    ],
)
def test_how_a_response_ended(status: Any, details: Json | None, reason: str) -> None:
    assert translate(response_done(status, status_details=details)) == [ev.ResponseDone("r1", status, reason)]


def test_a_response_of_unknown_status_is_done_all_the_same() -> None:
    assert translate({"type": "response.done", "response": {"id": "r1", "status": "??"}}) == [
        ev.ResponseDone("r1", "completed")
    ]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            {"type": "invalid_request_error", "code": "response_cancel_not_active", "message": "None."},
            ev.ProviderError("response_cancel_not_active", "None."),
        ),
        ({"type": "server_error", "message": "Oops.\n"}, ev.ProviderError("server_error", "Oops.")),
    ],
)
def test_an_error_is_reported(error: Json, expected: ev.ProviderError) -> None:
    assert translate(server("error", error=error)) == [expected]


def test_what_the_call_has_no_use_for_passes_by(caplog: pytest.LogCaptureFixture) -> None:
    assert translate({"type": "response.brand_new"}, {"type": 5}, {}, {"type": "session.created"}) == []
    assert caplog.records == []


KNOWN = [
    server("input_audio_buffer.speech_started", item_id="i1", audio_start_ms=200),
    server("input_audio_buffer.speech_stopped", item_id="i1", audio_end_ms=200),
    server("input_audio_buffer.committed", item_id="i1"),
    delta("i1", "x"),
    completed("i1", "x"),
    server(f"{TRANSCRIPTION}.failed", item_id="i1", content_index=0, error={"message": "x"}),
    server("response.created", response={"id": "r1"}),
    spoken("i1", "x"),
    server("response.output_audio_transcript.done", item_id="i1", transcript="x", **PART),
    server("response.output_text.delta", item_id="i1", delta="x", **PART),
    server("response.output_text.done", item_id="i1", text="x", **PART),
    item_done(function_call()),
    response_done(output=[function_call()]),
    server("error", error={"type": "t", "message": "x"}),
]


@pytest.mark.parametrize("good", KNOWN, ids=lambda message: str(message["type"]))
def test_a_malformed_message_never_raises(good: Json) -> None:
    """Every field, at every depth, is once taken away and once replaced by each other kind of value."""
    assert good["type"] in server_types()
    for path in _paths(good):
        if path == ["type"]:
            continue
        for wrong in (..., None, 5, "text", [1], {"a": 1}):
            bad = json.loads(json.dumps(good))
            part = bad
            for key in path[:-1]:
                part = part[key]
            if wrong is ...:
                del part[path[-1]]
            else:
                part[path[-1]] = wrong
            for event in Translator().translate(bad):
                _assert_well_typed(event)


def _paths(value: Any) -> list[list[Any]]:
    if isinstance(value, dict):
        pairs: list[tuple[Any, Any]] = list(value.items())
    else:
        pairs = list(enumerate(value)) if isinstance(value, list) else []
    return [[key, *rest] for key, part in pairs for rest in ([], *_paths(part))]


def _assert_well_typed(event: ev.Event) -> None:
    for name, kind in type(event).__annotations__.items():
        value = getattr(event, name)
        if kind in ("str", "int", "bool"):
            assert type(value).__name__ == kind, f"{event} has {name}={value!r}"


def test_a_malformed_message_is_logged_with_its_call(caplog: pytest.LogCaptureFixture) -> None:
    assert Translator("call-7").translate({"type": "input_audio_buffer.committed"}) == []
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "input_audio_buffer.committed" in record.getMessage()
    assert record.__dict__["call_id"] == "call-7"


def test_one_malformed_item_does_not_hide_the_responses_end() -> None:
    broken = {"type": "function_call", "status": "completed"}
    response = {"id": "r1", "status": "completed", "output": [broken, 7, function_call()]}
    assert translate({"type": "response.done", "response": response}) == [
        ev.ToolRequested("r1", "c1", "end_call", "{}"),
        ev.ResponseDone("r1"),
    ]

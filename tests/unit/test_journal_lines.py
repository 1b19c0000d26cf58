"""A line of a journal and back: nothing that a call depends on is lost, and nothing that nobody may see is in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from call_events import events
from offhook import Action, Event, SendText
from offhook.call.actions import CloseStream, End, Play, Say, SetResult, StartWork
from offhook.call.events import (
    AnswerTranscript,
    Digit,
    EndRequested,
    FinalTranscript,
    InterimTranscript,
    PluginEvent,
    SettingsChanged,
    ToolRequested,
    WorkFinished,
)
from offhook.call.info import CallInfo
from offhook.call.masking import without_digits
from offhook.call.outcome import EndCause, decide
from offhook.replay import same_action
from offhook.settings import settings_with
from offhook.telemetry.journal_lines import (
    Head,
    LineReader,
    LineWriter,
    written_action,
)


def plain() -> LineWriter:
    return LineWriter(digits_sensitive=False, terminator="#")


def sensitive(*pressed: str) -> LineWriter:
    lines = LineWriter(digits_sensitive=True, terminator="#")
    for digit in pressed:
        lines.line(Digit(digit), [], 0.0)
    return lines


@settings(max_examples=300, deadline=None)
@given(told=st.lists(events, max_size=10), now=st.floats(0, 1e9))
def test_events_and_times_come_back_as_they_were(told: list[Event], now: float) -> None:
    writer, reader = plain(), LineReader()
    for event in told:
        assert reader.read(writer.line(event, [], now))[:2] == (now, event)


def test_an_answer_that_grows_word_by_word_is_written_once() -> None:
    words = ["The", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog,"] * 25
    writer, reader = plain(), LineReader()
    size = 0
    for count in range(1, len(words) + 1):
        event = AnswerTranscript("r1", "a1", " ".join(words[:count]))
        line = writer.line(event, [], 1.0)
        size += len(line)
        assert reader.read(line)[1] == event
    assert size < 150 * len(words), "each line has its word and no more of the text"


def test_texts_of_two_items_may_come_in_turns_and_be_corrected() -> None:
    told: list[Event] = [
        InterimTranscript("i1", "I want"),
        AnswerTranscript("r1", "a1", "Well"),
        InterimTranscript("i1", "I want to"),
        InterimTranscript("i2", "hello"),
        InterimTranscript("i1", "I want to go"),
        InterimTranscript("i1", "I wanted to go"),
        AnswerTranscript("r1", "a1", "Well, then", final=True),
    ]
    writer, reader = plain(), LineReader()
    assert [reader.read(writer.line(event, [], 1.0))[1] for event in told] == told


def test_what_json_refuses_elsewhere_is_written_too() -> None:
    """Half of a character, which a model does send."""
    event = FinalTranscript("i1", "well \ud83d")
    assert LineReader().read(plain().line(event, [], 1.0))[1] == event


def test_what_plugins_hand_over_is_plain_or_opaque() -> None:
    event = WorkFinished(3, {"found": [1, None, {"deep": object()}]})
    result = json.loads(plain().line(event, [], 1.0))["event"]["WorkFinished"]["result"]
    assert result["found"][:2] == [1, None]
    assert result["found"][2]["deep"]["$opaque"].startswith("<object object at")


@pytest.mark.parametrize("value", [2**70, -(2**70), float("nan"), float("inf"), {1: 2}, b"raw"])
def test_a_value_that_would_come_back_as_another_is_opaque(value: Any) -> None:
    written = json.loads(plain().line(PluginEvent("n", value, "p"), [], 1.0))
    assert list(written["event"]["PluginEvent"]["data"]) == ["$opaque"]


def test_work_is_written_without_its_function() -> None:
    async def work() -> None: ...

    assert written_action(StartWork(1, "activation", "look_up", work)) == {
        "StartWork": {"work_id": 1, "owner": "activation", "name": "look_up"}
    }


def test_changed_settings_come_back() -> None:
    event = SettingsChanged(settings_with(voice="cedar", instructions="Be brief."), (("voice", "cedar"),))
    assert LineReader().read(plain().line(event, [], 1.0))[1] == event


def test_the_head_has_all_settings_and_no_secret() -> None:
    chosen = settings_with(
        api_key="sk-very-secret",
        ari_password="hunter2",
        instructions="Answer in Danish.",
        dtmf_max_digits=4,
        transfer_targets="sales/100,200",
        public_url="https://user:pass@example.org/",
    )
    call = CallInfo("3f2a", "1764081002.7", "100", "Ann", "200", "ivr", ("a", "b"))
    began, started = 8361.25, datetime(2026, 11, 25, 14, 30, 2, tzinfo=UTC)
    head = Head(call, chosen, began, started, {"dtmf": "offhook-dtmf 0.1.0"}, ("bad APP_VOICE",))
    line = head.line()
    for secret in ("sk-very-secret", "hunter2", "user:pass"):
        assert secret not in line
    back = Head.read(line)
    assert (back.call, back.began, back.started) == (call, began, started)
    assert (back.plugins, back.problems, back.offhook) == (head.plugins, head.problems, head.offhook)
    assert back.settings.app_config == chosen.app_config
    assert back.settings.openai.instructions == "Answer in Danish."


def test_sensitive_digits_are_masked_wherever_they_turn_up_again() -> None:
    lines = sensitive("4", "7", "1", "1", "#")
    outcome = decide("c", EndCause.DTMF, recognition=False, transcripts=["it is 4711"], digits="4711")
    event = ToolRequested("r1", "call_4711", "check", '{"pin": "4711", "year": 1999, "id": "00471100"}')
    line = lines.line(event, [SetResult(outcome), End(outcome)], 4711.4711)
    told = json.loads(line)
    assert told["event"]["ToolRequested"]["arguments"] == '{"pin": "••••", "year": 1999, "id": "00••••00"}'
    for action in ("SetResult", "End"):
        shown = next(a[action] for a in told["actions"] if action in a)["outcome"]
        assert (shown["digits"], shown["transcription"]) == ("••••", "it is ••••")
    assert told["at"] == 4711.4711, "a time is no digit"
    assert told["event"]["ToolRequested"]["tool_call_id"] == "call_4711", (
        "an id that changes would be another"
    )


def test_a_sensitive_call_s_timers_are_written_too() -> None:
    told = json.loads(sensitive("4").line(None, [CloseStream()], 1.0))
    assert told == {"at": 1.0, "event": None, "actions": [{"CloseStream": {}}]}


def test_sensitive_digits_are_masked_in_what_plugins_and_the_dialplan_are_told() -> None:
    lines = sensitive("4", "7", "1", "1")
    for event in (
        WorkFinished(1, {"account": 4711, "4711": [47110], "balance": 9.5}),
        EndRequested("transfer", "sales", "4711"),
        PluginEvent("heard", {"pin": "4711"}, "wake"),
    ):
        line = lines.line(event, [Play("p", "digits:4711")], 1.0)
        assert "4711" not in line
        assert "9.5" in line or not isinstance(event, WorkFinished)


def test_an_address_is_written_without_its_password() -> None:
    actions: list[Action] = [
        Play("p", "sound:http://ann:pw@h/a.wav?sig=SECRET"),
        Say("see https://ann:pw@h/"),
    ]
    line = plain().line(None, actions, 1.0)
    assert "Play" in line
    assert "pw@" not in line
    assert "SECRET" not in line


def test_a_sensitive_message_is_masked_though_nothing_else_is() -> None:
    (action,) = json.loads(plain().line(None, [SendText("keys: 4 7 1 1", sensitive=True)], 1.0))["actions"]
    assert action["SendText"]["text"] == "(masked)"


def test_a_growing_text_with_sensitive_digits_comes_back_masked() -> None:
    lines, reader = sensitive("4", "7", "1", "1"), LineReader()
    read = [
        reader.read(lines.line(InterimTranscript("i1", text), [], 1.0))[1]
        for text in ("my pin is 47", "my pin is 4711", "my pin is 4711 okay")
    ]
    assert [event.text for event in read if isinstance(event, InterimTranscript)] == [
        "my pin is 47",
        "my pin is ••••",
        "my pin is •••• okay",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("no digits", "no digits"),
        ("12 is too short to tell", "12 is too short to tell"),
        ("123", "•••"),
        ("11234", "1••••"),
        ("999", "999"),
        ("a123b1234c", "a•••b••••c"),
        ("it is 1 2 3 4.", "it is • • • •."),
        ("1-2-3-4", "•-•-•-•"),
        ("1, 2, 3, 4", "•, •, •, •"),
        ("12 34", "•• ••"),
        ("1 of 2, 3 of 4", "1 of 2, 3 of 4"),
    ],
)
def test_runs_of_three_digits_that_were_pressed_are_masked(text: str, shown: str) -> None:
    assert without_digits(text, "1234#") == shown


@pytest.mark.parametrize(
    ("written", "action", "same"),
    [
        ({"End": {"digits": "••••"}}, {"End": {"digits": "4711"}}, True),
        ({"End": {"digits": "••••"}}, {"End": {"digits": "471"}}, False),
        ({"End": {"digits": "4711"}}, {"End": {"digits": "4712"}}, False),
        ({"End": {}}, {"End": {"digits": ""}}, False),
        ({"End": {"n": [1, 2]}}, {"End": {"n": [1, 2]}}, True),
        ({"End": {"n": [1, 2]}}, {"End": {"n": [1]}}, False),
        ({"End": {}}, {"Play": {}}, False),
        ({"SetGate": {"mode": None}}, {"SetGate": {"mode": "open"}}, False),
    ],
)
def test_actions_are_compared_but_for_what_is_masked(written: Any, action: Any, same: bool) -> None:
    assert same_action(written, action) is same

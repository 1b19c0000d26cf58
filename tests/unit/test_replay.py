"""A call's journal, decided again: the same actions, or the first that is not the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings

import offhook_activation_fixed_delay
import offhook_activation_immediate
import offhook_activation_vad
import offhook_dtmf
from call_events import a_start, steps, variants
from call_scenario import MODES, CallScenario
from offhook import Action, CallView, Event, Part, Settings, Started, StartTimer, hookimpl
from offhook.call.actions import End
from offhook.call.call import Call
from offhook.call.events import (
    Arrived,
    CallerHungUp,
    Digit,
    MediaReady,
    PlaybackFinished,
    PluginEvent,
    StreamOpened,
)
from offhook.plugins.hooks import Hooks
from offhook.plugins.loader import FoundPlugin
from offhook.replay import JournalError, Replayed, find_journal, replay
from offhook.replay_text import report
from offhook.settings import settings_with
from offhook.telemetry.journal_lines import Head, LineWriter
from offhook.testing.scenario import CALLER

PLUGINS = (
    offhook_activation_fixed_delay,
    offhook_activation_immediate,
    offhook_activation_vad,
    offhook_dtmf,
)
BEGAN = 8361.25
"""Times are those of a machine that has been up for a while."""


def first_party() -> Hooks:
    hooks = Hooks()
    for plugin in PLUGINS:
        hooks.register(plugin, plugin.__name__.removeprefix("offhook_"))
    return hooks


HOOKS = first_party()


class Written(CallScenario):
    """A call with its journal."""

    def __init__(self, chosen: Settings) -> None:
        super().__init__(chosen)
        self.now = BEGAN
        dtmf = chosen.dtmf
        self._writer = LineWriter(digits_sensitive=dtmf.dtmf_sensitive, terminator=dtmf.dtmf_terminator_digit)
        self._head = Head(CALLER, chosen, BEGAN, datetime(2026, 11, 25, 14, 30, 2, tzinfo=UTC))
        self.lines = [self._head.line() + "\n"]

    def after(self, seconds: float, *events: Event) -> None:
        self.at(self.now + seconds, *events)

    def _did(self, event: Event | None, actions: list[Action]) -> None:
        over = any(isinstance(action, End) for _, action in self.done)
        super()._did(event, actions)
        if not over:  # what comes later reaches no call
            self.lines.append(self._writer.line(event, actions, self.now) + "\n")

    def replayed(self, hooks: Hooks = HOOKS) -> Replayed:
        return replay(self.lines, hooks)


def keyed_in(keys: str = "47110815#", **more: Any) -> Written:
    """A call whose caller presses keys."""
    call = Written(settings_with(greeting_audio_path="none", **more))
    call.after(0, Arrived())
    call.after(0.1, MediaReady())
    for key in keys:
        call.after(0.3, Digit(key, 80))
    return call


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["conversation", "recognition"])
@settings(max_examples=40, deadline=None)
@given(variant=variants, start=a_start, told=steps)
def test_whatever_happens_is_decided_alike_from_the_journal(
    mode: str, kind: str, variant: dict[str, Any], start: list[Event], told: list[tuple[float, Event]]
) -> None:
    call = Written(settings_with(session_kind=kind, recognition_activation_mode=mode, **variant))
    call.after(0, *start)
    for pause, event in told:
        if not call.call.ended:
            call.after(pause, event)
    call.after(0, CallerHungUp())
    again = call.replayed()
    assert again.difference is None, again.difference
    assert again.moments == len(call.lines) - 1
    assert again.actions == len(call.done)


def test_the_end_and_the_length_of_the_call_are_told() -> None:
    call = keyed_in()
    again = call.replayed()
    assert again.difference is None
    assert again.cause == "dtmf"
    assert again.seconds == pytest.approx(0.1 + 9 * 0.3)
    assert again.notes == ()


def test_masked_digits_are_decided_alike_and_are_nowhere_in_the_journal() -> None:
    call = keyed_in(dtmf_sensitive=True)
    text = "".join(call.lines[1:])
    assert "4711" not in text
    assert '"digit":"4"' not in text
    assert '"digit":"#"' in text, "the terminator says nothing of the number"
    again = call.replayed()
    assert again.difference is None
    assert again.cause == "dtmf"
    assert again.notes == (
        "its digits are masked: a part that tells one from another may decide differently now",
    )


def test_settings_whose_secrets_are_masked_decide_alike() -> None:
    call = Written(
        settings_with(
            greeting_audio_path="sound:http://ann:pw@h/a.wav?v=2",
            initial_user_prompt="Ask about the basic plan, see https://h/?q=1.",
            recognition_activation_mode="IMMEDIATE",
        )
    )
    call.after(0, Arrived())
    call.after(0.1, MediaReady())
    call.after(1, PlaybackFinished("greeting"))
    call.after(0.1, StreamOpened("s"))
    assert {"Play", "SendText"} <= {type(action).__name__ for _, action in call.done}
    assert call.replayed().difference is None


def test_a_sensitive_number_that_ends_by_itself_is_decided_alike() -> None:
    call = keyed_in("4711", dtmf_sensitive=True)
    call.after(30.0)
    again = call.replayed()
    assert again.difference is None
    assert again.cause == "dtmf"


class Patient:
    """A mode that waits for a time of its own making."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    @hookimpl
    def activation_mode(self, mode: str, settings: Settings) -> Part | None:
        return self if mode == "patient" else None

    def on(self, event: Event, call: CallView) -> Iterable[Action]:
        if isinstance(event, Started):
            yield StartTimer("patience", self._seconds)


def patient_call() -> tuple[list[str], Hooks]:
    """A call of the mode PATIENT, which waits 2 s, and hooks of one that waits 3 s."""
    hooks = Hooks()
    hooks.register(Patient(3.0), "patient")
    call = Written(settings_with(greeting_audio_path="none", recognition_activation_mode="PATIENT"))
    call.call._activation = Patient(2.0)
    call.after(0, Arrived())
    call.after(0.5, MediaReady())
    call.after(4, CallerHungUp())
    return call.lines, hooks


def test_the_first_difference_tells_what_was_decided_then_and_now() -> None:
    again = replay(*patient_call())
    assert again.difference is not None
    assert again.difference.at == 0.5
    assert again.difference.event == MediaReady()
    timer = {"name": "patience", "owner": "activation"}
    assert {"StartTimer": {**timer, "seconds": 2.0}} in again.difference.written
    assert {"StartTimer": {**timer, "seconds": 3.0}} in again.difference.actions
    assert again.moments == 2, "what comes after may follow from it"


def test_a_timer_that_ran_out_is_named() -> None:
    lines, _ = patient_call()
    hooks = Hooks()
    hooks.register(Patient(2.0), "patient")
    told: list[tuple[float, tuple[str, ...]]] = []
    replay(lines, hooks, tell=lambda moment: told.append((moment.at, moment.expired)))
    assert (2.5, ("patience",)) in told


def test_a_call_that_fails_now_is_a_difference_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    call = keyed_in()

    def handle(self: Call, event: Event, now: float) -> list[Action]:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(Call, "handle", handle)
    difference = call.replayed().difference
    assert difference is not None
    assert difference.event == Arrived()
    assert str(difference.error) == "a mistake of ours"


def test_a_journal_without_an_end_is_decided_as_far_as_it_goes() -> None:
    call = keyed_in("12")
    whole = call.replayed()
    assert (whole.difference, whole.cause) == (None, "")
    assert whole.notes == ("it has no end: the host was killed, or could not write on",)
    torn = replay([*call.lines[:-1], call.lines[-1][:30]], HOOKS)
    assert torn.moments == whole.moments - 1
    assert torn.difference is None
    assert torn.notes[0] == "its last line is torn"


@pytest.mark.parametrize(
    ("line", "text", "says"),
    [
        (0, "", "it is empty"),
        (0, "\n", "line 1 is not JSON"),
        (0, "[]\n", "line 1 is not a JSON object"),
        (
            0,
            '{"at": 1}\n',
            'line 1: journal is None; this version reads journals that begin with {"journal":1',
        ),
        (0, '{"journal": 1}\n', "line 1: call is missing"),
        (2, "not JSON\n", "line 3 is not JSON"),
        (2, '{"at": 3, "event": null, "actions": []}\n', "line 3: at is 3.0, which is before the line above"),
        (2, '{"at": 9e5, "event": null}\n', "line 3: actions is missing"),
        (
            2,
            '{"at": NaN, "event": null, "actions": []}\n',
            "line 3: at is nan: Input should be a finite number",
        ),
        (
            2,
            '{"at": 9e5, "event": [], "actions": []}\n',
            "line 3: event is []: Input should be a valid dictionary",
        ),
        (
            2,
            '{"at": 9e5, "event": null, "actions": [{"End": 3}]}\n',
            "line 3: actions.0.End is 3: Input should be a valid dictionary",
        ),
        (
            2,
            '{"at": 9e5, "event": null, "actions": [{}]}\n',
            "line 3: actions.0 is {}: Dictionary should have at least 1 item after validation, not 0",
        ),
        (
            2,
            '{"at": 9e5, "event": {"Gone": {}}, "actions": []}\n',
            "line 3: this version knows no event 'Gone'",
        ),
        (
            2,
            '{"at": 9e5, "event": null, "actions": [{"Silence": {}}, {"Explode": {}}]}\n',
            "line 3: this version knows no action 'Explode'",
        ),
        (
            2,
            '{"at": 9e5, "event": {"Digit": {}}, "actions": []}\n',
            "line 3: Digit.digit is missing",
        ),
        (
            2,
            '{"at": 9e5, "event": {"InterimTranscript": {"item_id": "i", "text": "b", "kept": 9}}, "actions": []}\n',
            "line 3: InterimTranscript continues a text of 'i' that is not there",
        ),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line: int, text: str, says: str) -> None:
    lines = [*keyed_in().lines]
    lines[line] = text
    lines = lines if text else []
    with pytest.raises(JournalError) as raised:
        replay(lines, HOOKS)
    assert str(raised.value) == says


def test_damage_behind_a_difference_is_told_in_its_place() -> None:
    lines = [*keyed_in().lines]
    assert replay([*lines[:3], *lines[4:]], HOOKS).difference is not None
    with pytest.raises(JournalError, match=r"line 4: at is .*, which is before the line above"):
        replay([*lines[:2], lines[3], lines[2], *lines[4:]], HOOKS)


def test_a_difference_in_what_is_empty_is_shown() -> None:
    lines = [*keyed_in().lines]
    at = next(number for number, line in enumerate(lines) if '"error":""' in line)
    lines[at] = lines[at].replace('"error":""', '"error":null')
    shown = report(replay(lines, HOOKS))
    differing = [line.strip() for line in shown.splitlines() if line.strip().startswith(("- {", "+ {"))]
    assert len(differing) == 2
    assert '"error": null' in differing[0]
    assert '"error": ""' in differing[1]


def test_what_comes_after_the_end_is_no_part_of_a_call() -> None:
    call = keyed_in()
    again = call.lines[-1].replace('"at":', '"at":1')
    with pytest.raises(JournalError, match="comes after the end of the call"):
        replay([*call.lines, again], HOOKS)


def test_a_head_alone_is_no_call() -> None:
    with pytest.raises(JournalError, match="it has its first line and nothing else"):
        replay(keyed_in().lines[:1], HOOKS)


def test_settings_that_this_version_cannot_use_are_told_of() -> None:
    head, *rest = keyed_in().lines
    other = head.replace('"dtmfMaxDigits":16', '"dtmfMaxDigits":0,"newSetting":1')
    assert other != head
    notes = replay([other, *rest], HOOKS).notes
    assert any("newSetting in the journal is no known setting" in note for note in notes)
    assert any("dtmfMaxDigits is 0 (the journal); allowed is" in note for note in notes)


def test_other_plugins_than_then_are_named() -> None:
    call = keyed_in()
    head = replace(call._head, plugins={"dtmf": "offhook-dtmf 0.1.0", "wake": "wake-word 2.0"})
    hooks = Hooks([FoundPlugin(p.__name__.removeprefix("offhook_"), "any", "1", plugin=p) for p in PLUGINS])
    notes = replay([head.line() + "\n", *call.lines[1:]], hooks).notes
    assert "the plugin dtmf was offhook-dtmf 0.1.0, and is any 1" in notes
    assert "the plugin wake was wake-word 2.0, and is not there" in notes
    hooks.close()


def test_a_value_without_a_form_in_json_is_told_of() -> None:
    call = keyed_in("")
    call.after(0.1, PluginEvent("heard", SimpleNamespace(word="offhook"), "wake"))
    call.after(0.1, CallerHungUp())
    again = call.replayed()
    assert again.difference is None
    assert again.notes == (
        "it has values that JSON has no form for: what depends on them is not decided again",
    )


def test_a_journal_is_found_by_its_path_and_by_the_call_s_id(tmp_path: Path) -> None:
    day = tmp_path / "2026-11-25"
    day.mkdir()
    file = day / "14-30-02-3f2a91c0ffee.jsonl"
    file.touch()
    assert find_journal(str(file), "") == file
    assert find_journal("3f2a91c0ffee", str(tmp_path)) == file
    with pytest.raises(FileNotFoundError, match="nor the id of a call with a journal in"):
        find_journal("*", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="JOURNAL_DIR"):
        find_journal("3f2a91c0ffee", "")


def test_the_stream_s_opening_is_decided_alike() -> None:
    call = Written(settings_with(greeting_audio_path="none", recognition_activation_mode="IMMEDIATE"))
    call.after(0, Arrived(channel_up=True))
    call.after(0.04, MediaReady())
    call.after(0.3, StreamOpened("sess_1"))
    call.after(60.0)
    again = call.replayed()
    assert again.difference is None
    assert again.moments == len(call.lines) - 1

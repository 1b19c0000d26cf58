"""The suites of `offhook.testing` find bad plugins, and say what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from offhook import (
    Action,
    Activate,
    CallView,
    Digit,
    Event,
    Finish,
    InterimTranscript,
    Part,
    SendText,
    Settings,
    Started,
    StartTimer,
    Tool,
    ToolContext,
    hookimpl,
)
from offhook.call.outcome import EndCause
from offhook.testing import ActivationModeSuite, KeypadSuite, ToolsSuite

Answer = Callable[[Event, CallView], Iterable[Action]]


class Mode:
    """A plugin with a mode MINE, whose part is made by `make`."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    @hookimpl
    def activation_mode(self, mode: str) -> Part | None:
        return self._make() if mode == "mine" else None


class Answers:
    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def on(self, event: Event, call: CallView) -> Iterable[Action]:
        return self._answer(event, call)


def good(event: Event, call: CallView) -> Iterator[Action]:
    if isinstance(event, Started):
        yield Activate()


def raises_at_odd_words(event: Event, call: CallView) -> Iterator[Action]:
    yield from good(event, call)
    if isinstance(event, Digit):
        int(event.digit)  # * and # are no numbers


def answers_nonsense(event: Event, call: CallView) -> Iterator[Any]:
    yield from good(event, call)
    if isinstance(event, Digit):
        yield "hang up"


def floods(event: Event, call: CallView) -> Iterator[Action]:
    yield from good(event, call)
    while isinstance(event, Digit):
        yield StartTimer("more", 1)


def never_listens(event: Event, call: CallView) -> Iterator[Action]:
    yield from ()


class CountsForAll:
    """Keeps in the class what belongs to one call."""

    seen = 0

    def on(self, event: Event, call: CallView) -> Iterator[Action]:
        type(self).seen += 1
        yield StartTimer("soon", 1 + self.seen % 7)
        if isinstance(event, Started):
            yield Activate()


def suite_of(plugin: object, **more: Any) -> ActivationModeSuite:
    return type("Suite", (ActivationModeSuite,), {"plugin": plugin, "mode": "MINE", **more})()  # type: ignore[no-any-return]


def failed(suite: object) -> dict[str, str]:
    """The tests of a suite that fail, and what they say."""
    found = {}
    for name in dir(suite):
        if name.startswith("test_"):
            try:
                getattr(suite, name)()
            except Exception as error:
                found[name] = str(error)
    return found


EVERYTHING = "test_whatever_happens_it_does_not_break_and_leaves_nothing_behind"


def test_a_good_mode_fails_nothing() -> None:
    assert failed(suite_of(Mode(lambda: Answers(good)))) == {}


@pytest.mark.parametrize(
    ("make", "test", "words"),
    [
        (lambda: Answers(raises_at_odd_words), EVERYTHING, "invalid literal for int()"),
        (lambda: Answers(answers_nonsense), EVERYTHING, "'hang up' is not an action"),
        (lambda: Answers(floods), EVERYTHING, "more than 100 actions"),
        (lambda: Answers(never_listens), "test_it_begins_to_listen_or_ends_the_call", "activates_on"),
        (CountsForAll, "test_two_calls_share_nothing", "made for each call"),
    ],
)
def test_a_bad_mode_fails_where_it_is_bad(make: Callable[[], Any], test: str, words: str) -> None:
    failures = failed(suite_of(Mode(make)))
    assert words in failures[test]


def test_what_breaks_a_part_is_told_in_as_few_steps_as_do_it() -> None:
    told = failed(suite_of(Mode(lambda: Answers(raises_at_odd_words))))[EVERYTHING]
    steps = told.partition("what happened:")[2].strip().splitlines()
    assert len(steps) <= 4, told
    assert "Digit" in steps[-1] or "Digit" in told


def test_a_part_for_all_calls_is_found_by_its_state() -> None:
    class Shared:
        """Answers only the first call that it sees."""

        def __init__(self) -> None:
            self.begun = False

        def on(self, event: Event, call: CallView) -> Iterator[Action]:
            if isinstance(event, Started) and not self.begun:
                self.begun = True
                yield Activate()

    part = Shared()
    assert "test_two_calls_share_nothing" in failed(suite_of(Mode(lambda: part)))


def test_a_mode_that_waits_for_a_word_says_what_it_waits_for() -> None:
    def waits(event: Event, call: CallView) -> Iterator[Action]:
        if isinstance(event, InterimTranscript) and event.text == "hello":
            yield Activate()

    plugin = Mode(lambda: Answers(waits))
    assert "test_it_begins_to_listen_or_ends_the_call" in failed(suite_of(plugin))
    assert failed(suite_of(plugin, activates_on=[InterimTranscript("i1", "hello")])) == {}


def test_a_mode_that_takes_every_name_is_found() -> None:
    class Greedy:
        @hookimpl
        def activation_mode(self, mode: str) -> Part | None:
            return Answers(good)

    assert "test_other_modes_are_left_to_others" in failed(suite_of(Greedy()))


# --- Keypads --------------------------------------------------------------------------------------------


class Keypad:
    def __init__(self, answer: Answer, *, always: bool = False) -> None:
        self._answer = answer
        self._always = always

    @hookimpl
    def digit_handler(self, settings: Settings) -> Part | None:
        return Answers(self._answer) if settings.dtmf.dtmf_enabled or self._always else None


def says_keys(event: Event, call: CallView) -> Iterator[Action]:
    if isinstance(event, Digit):
        yield SendText(event.digit)


def ends_at_a_key(event: Event, call: CallView) -> Iterator[Action]:
    if isinstance(event, Digit):
        yield Finish(EndCause.DTMF, digits=event.digit)


def rings_for_ever(event: Event, call: CallView) -> Iterator[Action]:
    yield from says_keys(event, call)
    yield StartTimer("again", 5)


def keypad_suite(plugin: object) -> KeypadSuite:
    return type("Suite", (KeypadSuite,), {"plugin": plugin})()  # type: ignore[no-any-return]


@pytest.mark.parametrize("answer", [says_keys, ends_at_a_key])
def test_a_good_keypad_fails_nothing(answer: Answer) -> None:
    assert failed(keypad_suite(Keypad(answer))) == {}


@pytest.mark.parametrize(
    ("plugin", "test"),
    [
        (Keypad(lambda event, call: ()), "test_it_handles_keys"),
        (Keypad(ends_at_a_key, always=True), "test_switched_off_it_leaves_keys_alone"),
        (Keypad(raises_at_odd_words), EVERYTHING),
    ],
)
def test_a_bad_keypad_fails_where_it_is_bad(plugin: object, test: str) -> None:
    assert test in failed(keypad_suite(plugin))


# --- Tools ----------------------------------------------------------------------------------------------


class Wanted(BaseModel):
    number: int


class Toolbox:
    def __init__(self, *tools: Tool) -> None:
        self._tools = tools

    @hookimpl
    def tools(self) -> Iterable[Tool]:
        return self._tools


async def look_up(context: ToolContext, wanted: Wanted) -> dict[str, int]:
    return {"number": wanted.number}


async def fails(context: ToolContext, wanted: Wanted) -> str:
    raise ConnectionError("no route")


def tools_suite(*tools: Tool, **more: Any) -> ToolsSuite:
    return type("Suite", (ToolsSuite,), {"plugin": Toolbox(*tools), **more})()  # type: ignore[no-any-return]


def test_a_good_tool_fails_nothing() -> None:
    good_tool = Tool("look_up", "Looks up an order.", Wanted, look_up)
    assert failed(tools_suite(good_tool, examples={"look_up": [{"number": 7}]})) == {}


@pytest.mark.parametrize(
    ("suite", "test"),
    [
        (tools_suite(), "test_it_offers_tools"),
        (tools_suite(Tool("look up!", "…", Wanted, look_up)), "test_the_model_can_read_what_each_tool_does"),
        (tools_suite(Tool("look_up", " ", Wanted, look_up)), "test_the_model_can_read_what_each_tool_does"),
        (
            tools_suite(Tool("look_up", "…", Wanted, fails), examples={"look_up": [{"number": 7}]}),
            "test_good_arguments_get_an_answer_in_time",
        ),
        (
            tools_suite(Tool("look_up", "…", Wanted, look_up), examples={"other": [{}]}),
            "test_the_examples_are_of_tools_that_there_are",
        ),
    ],
)
def test_a_bad_tool_fails_where_it_is_bad(suite: ToolsSuite, test: str) -> None:
    assert test in failed(suite)

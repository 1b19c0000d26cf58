"""Work that a part starts with `Run`, and the event that comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from call_scenario import CallScenario
from offhook import Action, Activate, CallView, Digit, Event, Finish, Interrupt, Part, Ran, Run, Started
from offhook.call.actions import CancelWork, End, OpenStream, StartWork
from offhook.call.events import CallerHungUp, PluginEvent, TimerExpired, WorkFinished
from offhook.call.outcome import EndCause
from offhook.settings import settings_with

Answer = Callable[[Event], Iterable[Action]]


class Scripted:
    """A part that answers as it is told, and keeps what it saw."""

    def __init__(self, answer: Answer) -> None:
        self.seen: list[Event] = []
        self._answer = answer

    def on(self, event: Event, call: CallView) -> Iterable[Action]:
        self.seen.append(event)
        return self._answer(event)

    def ran(self) -> list[Ran]:
        return [event for event in self.seen if isinstance(event, Ran)]


async def ask() -> str:
    return "42"


def call_with(activation: Part, keypad: Part | None = None) -> CallScenario:
    settings = settings_with(greeting_audio_path="none", preconnect=False)
    return CallScenario(settings, "MINE", activation_part=activation, keypad=keypad)


def asks_at_the_start(event: Event) -> Iterable[Action]:
    match event:
        case Started():
            yield Run("look up", ask)
        case Ran(result="42"):
            yield Activate()
        case _:
            pass


def test_work_is_started_and_its_result_comes_back_to_the_part() -> None:
    part = Scripted(asks_at_the_start)
    call = call_with(part)
    call.connected()
    call.expect(0, StartWork(1, "activation", "look up", ask))
    call.at(2, WorkFinished(1, "42"))
    call.expect(2, OpenStream())
    assert part.ran() == [Ran("look up", "42")]


def test_only_the_part_that_started_it_is_told() -> None:
    activation, keypad = Scripted(asks_at_the_start), Scripted(lambda event: ())
    call = call_with(activation, keypad)
    call.connected()
    call.at(1, WorkFinished(1, "42"))
    assert keypad.ran() == []


def test_an_error_comes_back_as_words() -> None:
    part = Scripted(asks_at_the_start)
    call = call_with(part)
    call.connected()
    call.at(1, WorkFinished(1, error="no answer within 10 s"))
    assert part.ran() == [Ran("look up", error="no answer within 10 s")]


def test_work_of_the_same_name_takes_the_place_of_the_first_whose_end_is_nobodys() -> None:
    def asks_with_every_key(event: Event) -> Iterable[Action]:
        if isinstance(event, Digit):
            yield Run("look up", ask)

    keypad = Scripted(asks_with_every_key)
    call = call_with(Scripted(lambda event: ()), keypad)
    call.connected()
    call.at(1, Digit("1"))
    call.at(2, Digit("2"))
    call.expect(2, CancelWork(1), StartWork(2, "keypad", "look up", ask))
    call.at(3, WorkFinished(1, "too late"), WorkFinished(2, "42"), WorkFinished(2, "again"))
    assert keypad.ran() == [Ran("look up", "42")]


def test_an_activation_modes_work_ends_with_its_decision() -> None:
    def asks_and_decides(event: Event) -> Iterable[Action]:
        if isinstance(event, Started):
            yield Run("look up", ask)
            yield Activate()

    part = Scripted(asks_and_decides)
    call = call_with(part)
    call.connected()
    call.expect(0, StartWork(1, "activation", "look up", ask), OpenStream(), CancelWork(1))
    call.at(1, WorkFinished(1, "42"))
    assert part.ran() == []


def test_the_keypad_taking_over_cancels_the_activation_modes_work_and_not_its_own() -> None:
    def asks_and_takes_over(event: Event) -> Iterable[Action]:
        if isinstance(event, Digit):
            yield Run("menu", ask)
            yield Interrupt()

    call = call_with(Scripted(asks_at_the_start), Scripted(asks_and_takes_over))
    call.connected()
    call.at(1, Digit("1"))
    call.expect(1, StartWork(2, "keypad", "menu", ask), CancelWork(1))
    assert CancelWork(2) not in call.did_at(1)


def test_the_end_of_the_call_cancels_all_work_and_nothing_comes_back() -> None:
    part = Scripted(asks_at_the_start)
    call = call_with(part)
    call.connected()
    call.at(1, CallerHungUp())
    call.expect(1, CancelWork(1))
    call.expect_end(1, EndCause.HANGUP)
    call.at(2, WorkFinished(1, "42"))
    assert call.did_at(2) == []
    assert part.ran() == []


def test_a_part_may_end_the_call_with_what_it_was_told() -> None:
    def ends(event: Event) -> Iterable[Action]:
        match event:
            case Digit():
                yield Run("menu", ask)
            case Ran(result="42"):
                yield Finish(EndCause.TRANSFER, context="sales", extension="42")
            case _:
                pass

    call = call_with(Scripted(lambda event: ()), Scripted(ends))
    call.connected()
    call.at(1, Digit("1"))
    call.at(2, WorkFinished(1, "42"))
    end = call.all_of(End)[0]
    assert (end.context, end.extension) == ("sales", "42")


def test_what_a_plugin_hears_reaches_both_parts() -> None:
    activation, keypad = Scripted(lambda event: ()), Scripted(lambda event: ())
    call = call_with(activation, keypad)
    call.connected()
    heard = PluginEvent("wake", {"word": "hello"}, plugin="ears")
    call.at(1, heard)
    assert heard in activation.seen
    assert heard in keypad.seen


def test_a_timer_of_another_part_is_not_heard() -> None:
    activation, keypad = Scripted(lambda event: ()), Scripted(lambda event: ())
    call = call_with(activation, keypad)
    call.connected()
    call.until(4000)
    for part in (activation, keypad):
        assert not [event for event in part.seen if isinstance(event, TimerExpired)]

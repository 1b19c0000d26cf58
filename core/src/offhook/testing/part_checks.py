"""What holds for every part of a plugin, be it an activation mode or a keypad handler."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from offhook.call.actions import End
from offhook.call.part import Part
from offhook.plugins.guard import GuardedPart
from offhook.plugins.hooks import Hooks
from offhook.settings import settings_with

from .hostile import CALLS, Step, hostile_call, play, shortest, told
from .scenario import CallScenario, shown

MakeCall = Callable[[], CallScenario]


def registers(plugin: object) -> None:
    """The plugin's hooks exist, with these arguments, and none is async. Raises BadPlugin."""
    Hooks().register(plugin, "plugin")


def parts_of(plugin: object, mode: str, settings: Mapping[str, Any]) -> tuple[list[Part], Part | None]:
    """The plugin's parts for a mode (empty: none is wanted), and its keypad handler."""
    hooks = Hooks()
    hooks.register(plugin, "plugin")
    return hooks.parts_now(mode, settings_with(**settings))


def is_one(parts: Sequence[Part | None]) -> bool:
    """True if two calls got the very same object, behind what the host puts around it."""
    first, second = (part.part if isinstance(part, GuardedPart) else part for part in parts)
    return first is not None and first is second


def survives_everything(make: MakeCall) -> None:
    """Whatever happens, no part breaks, and the call ends once with nothing left. Raises AssertionError."""
    for number in range(CALLS):
        steps = hostile_call(number)
        if error := _failure(make, steps):
            few = shortest(steps, lambda some: _failure(make, some))
            raise AssertionError(f"{_failure(make, few) or error}\n{told(few)}")


def _failure(make: MakeCall, steps: Sequence[Step]) -> str:
    """What goes wrong in such a call, in words; empty if nothing does."""
    call = make()
    try:
        play(call, steps)
    except AssertionError as error:
        return str(error).partition("\n")[0]
    if not call.call.ended:
        return ""  # a call whose last step was left out
    ends = call.all_of(End)
    if len(ends) != 1:
        return f"the call has ended {len(ends)} times"
    if call.timers() or call.works:
        return f"left after the end: timers {sorted(call.timers())}, work {sorted(call.works)}"
    return ""


def shares_nothing(make: MakeCall) -> None:
    """Two calls side by side do what each does alone. Raises AssertionError."""
    for number in range(0, CALLS, 5):
        first, second = hostile_call(number), hostile_call(number + 1)
        alone = [_did(make, first), _did(make, second)]
        calls = [make(), make()]
        for position in range(max(len(first), len(second))):
            for call, steps in zip(calls, (first, second), strict=True):
                play(call, steps[position : position + 1])
        together = [[shown(action) for _, action in call.done] for call in calls]
        assert together == alone, (
            f"two calls at a time do something else than each alone: is the part made for each call?\n"
            f"{told(first)}\nand side by side {told(second)}"
        )


def _did(make: MakeCall, steps: Sequence[Step]) -> list[str]:
    call = make()
    play(call, steps)
    return [shown(action) for _, action in call.done]

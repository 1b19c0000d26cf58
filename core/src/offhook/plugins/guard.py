"""What a bad part of a plugin can do to a call: nothing but end its own role in it, with a clear word about why."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from offhook.call.actions import Action, PartAction, PartBroke, Run
from offhook.call.events import Event
from offhook.call.part import Part
from offhook.call.state import CallView

from .failures import Failures, Kind
from .thread import Overran, PluginThread

ACTIONS_AT_ONCE = 100
"""So many actions may a part answer one event with."""
ACTIONS_PER_SECOND = 200
ANSWER_SECONDS = 1.0
"""So long may it take to answer one event, in its plugin's thread."""

_ACTIONS = get_args(PartAction)


class _Nonsense(TypeError):
    """What a part answered is no action, or one with values of the wrong type."""


class _Flood(RuntimeError):
    """A part answered with more actions than any call can need."""


class GuardedPart:
    """A plugin's part that cannot hurt its call: where it breaks, the call is told so by `PartBroke`.

    thread: where the part's code runs; None: right here.
    """

    def __init__(
        self,
        part: Part,
        *,
        plugin: str,
        role: str,
        failures: Failures | None = None,
        thread: PluginThread | None = None,
    ) -> None:
        self.part = part
        """The plugin's own."""
        self._plugin = plugin
        self._role = role
        self._failures = failures or Failures()
        self._thread = thread
        self._lately: deque[float] = deque(maxlen=ACTIONS_PER_SECOND)

    @property
    def aside(self) -> bool:
        """Its code runs in a thread of its plugin's: whoever asks it has to wait."""
        return self._thread is not None

    def on(self, event: Event, call: CallView) -> Iterable[Action]:
        try:
            for number, action in enumerate(self._answers(event, call), 1):
                _check(action)
                self._check_flood(number, call.now)
                yield self._watched(action, call.call_id) if isinstance(action, Run) else action
        except Exception as error:
            kind, text = _told(error)
            reason = f"the {self._role} of plugin {self._plugin} {text}"
            if not isinstance(error, Overran):  # the thread has told that already
                self._failures.note(
                    self._plugin, f"the {self._role}", kind, text, call_id=call.call_id, error=error
                )
            yield PartBroke(reason)

    def _answers(self, event: Event, call: CallView) -> Iterator[Any]:
        def begin() -> Iterator[Any]:
            return iter(self.part.on(event, call) or ())  # a plain function may return nothing

        if self._thread is None:
            yield from begin()
            return
        # One at a time: the call carries an action out before the part goes on.
        what, began = f"the {self._role}", time.monotonic()
        actions = self._thread.ask(what, begin, call_id=call.call_id)
        while (
            action := self._thread.ask(what, lambda: next(actions, _END), call_id=call.call_id)
        ) is not _END:
            if time.monotonic() - began > ANSWER_SECONDS:
                raise _Flood(f"took longer than {ANSWER_SECONDS:g} s to answer one event")
            yield action

    def _watched(self, action: Run, call_id: str) -> Run:
        """The same work in the thread of the plugin, within its time limit; what goes wrong is noted."""
        what, seconds = f"the work {action.name}", action.timeout_seconds

        async def work() -> Any:
            try:
                async with asyncio.timeout(seconds) as limit:
                    if self._thread is not None:
                        return await self._thread.run(what, action.work, call_id=call_id)
                    return await action.work()
            except Exception as error:
                if limit.expired():
                    text = f"gave no answer within {seconds:g} s"
                    self._failures.note(self._plugin, what, "late", text, call_id=call_id)
                    raise TimeoutError(text) from error
                if not isinstance(error, Overran):
                    text = f"failed: {error!r}"
                    self._failures.note(self._plugin, what, "raised", text, call_id=call_id, error=error)
                raise

        return replace(action, work=work)

    def _check_flood(self, number: int, now: float) -> None:
        if number > ACTIONS_AT_ONCE:
            raise _Flood(f"answered one event with more than {ACTIONS_AT_ONCE} actions")
        if len(self._lately) == ACTIONS_PER_SECOND and now - self._lately[0] < 1.0:
            raise _Flood(f"asked for more than {ACTIONS_PER_SECOND} actions within a second")
        self._lately.append(now)


_END = object()


def _told(error: Exception) -> tuple[Kind, str]:
    match error:
        case _Nonsense():
            return "nonsense", f"failed: {error}"
        case _Flood():
            return "flooded", str(error)
        case Overran():
            return "blocked", f"did not answer: {error}"
        case _:
            return "raised", f"failed: {type(error).__name__}: {error}"


def _check(action: Any) -> None:
    """Raises _Nonsense unless this is an action that a part may ask for, with values of the right types."""
    if not isinstance(action, _ACTIONS):
        raise _Nonsense(f"{action!r} is not an action that a plugin may ask for")
    for name, allowed in _types_of(action.__class__).items():
        value = getattr(action, name)
        right = value in allowed if isinstance(allowed, tuple) else isinstance(value, allowed)
        if not right or (isinstance(value, float) and not math.isfinite(value)):
            raise _Nonsense(f"{name} of {type(action).__name__} cannot be {value!r}")
    if isinstance(action, Run) and action.timeout_seconds <= 0:
        raise _Nonsense(f"timeout_seconds of Run is {action.timeout_seconds:g}; it must be more than 0")


@cache
def _types_of(action: Any) -> dict[str, Any]:
    """Field → its type for `isinstance`, or a tuple of the values that it may have."""
    hints = get_type_hints(action)
    return {field.name: _runtime_type(hints[field.name]) for field in fields(action)}


def _runtime_type(hint: Any) -> Any:
    if get_origin(hint) is Literal:
        return get_args(hint)
    if hint is float:
        return float | int
    return get_origin(hint) or hint

"""One call on a fake clock, told in time order.

    call = CallScenario(settings_with(barge_in_delay_seconds=0.5), mode="FIXED_DELAY")
    call.at(0, Arrived(), MediaReady())
    call.at(2.0, PlaybackFinished("greeting"))
    call.expect(2.5, OpenStream())

Between two steps the clock stops at every deadline of the call, as the host's would.
"""

from __future__ import annotations

from typing import Final, TypeVar

import pytest

import offhook_activation_fixed_delay
import offhook_activation_immediate
import offhook_activation_vad
import offhook_dtmf
from offhook import Part, Settings
from offhook.call.actions import Action, End
from offhook.call.call import Call
from offhook.call.events import Arrived, Event, MediaReady, StreamOpened
from offhook.call.outcome import EndCause, Outcome

T = TypeVar("T")

MODES: Final = ("IMMEDIATE", "FIXED_DELAY", "VAD")
_PLUGINS: Final = (offhook_activation_immediate, offhook_activation_fixed_delay, offhook_activation_vad)
CALL_ID: Final = "call-1"


def activation(mode: str, settings: Settings) -> Part | None:
    """The first-party part for a mode, as the host would choose it."""
    name = mode.lower().replace("_", "")
    parts = (plugin.activation_mode(name, settings) for plugin in _PLUGINS)
    return next((part for part in parts if part), None)


class CallScenario:
    """A call, its clock, and all that it did: (time, action)."""

    def __init__(
        self,
        settings: Settings,
        mode: str = "",
        *,
        activation_part: Part | None = None,
        keypad: Part | None = None,
    ) -> None:
        mode = mode or settings.recognition.recognition_activation_mode
        self.call = Call(
            CALL_ID,
            settings,
            activation=[part for part in [activation_part or activation(mode, settings)] if part],
            keypad=keypad or offhook_dtmf.digit_handler(settings),
        )
        self.now = 0.0
        self.done: list[tuple[float, Action]] = []

    # --- What happens -----------------------------------------------------------------------------

    def until(self, time: float) -> None:
        """Let time pass."""
        assert time >= self.now, "a scenario is told in time order"
        while (deadline := self.call.deadline) is not None and deadline <= time:
            self.now = max(self.now, deadline)
            self._did(self.call.tick(self.now))
        self.now = time

    def at(self, time: float, *events: Event) -> None:
        """Let time pass, then let these happen."""
        self.until(time)
        for event in events:
            self._did(self.call.handle(event, time))

    def connected(self, time: float = 0.0) -> None:
        """The call has come in, and its audio stands."""
        self.at(time, Arrived(), MediaReady())

    def listening(self, time: float = 0.0) -> None:
        """As `connected`, and the stream is open; in the mode IMMEDIATE the call listens."""
        self.connected(time)
        self.at(time, StreamOpened("s"))

    # --- What the call did ------------------------------------------------------------------------

    def expect(self, time: float, *actions: Action) -> None:
        """At this moment the call did these, in this order (others may have come between)."""
        if time > self.now:
            self.until(time)
        did = iter(self.did_at(time))
        for action in actions:
            assert action in did, f"at {time:g}: {action} is missing, or out of order\n{self}"

    def expect_only(self, time: float, *actions: Action) -> None:
        """At this moment the call did these and nothing else."""
        if time > self.now:
            self.until(time)
        assert self.did_at(time) == list(actions), f"at {time:g}\n{self}"

    def expect_end(self, time: float, cause: EndCause) -> Outcome:
        """At this moment the call ended, for this cause."""
        if time > self.now:
            self.until(time)
        outcome = self.outcome
        ends = [at for at, action in self.done if isinstance(action, End)]
        assert outcome.cause is cause, str(self)
        assert ends == pytest.approx([time]), str(self)
        return outcome

    def expect_running(self) -> None:
        assert not self.call.ended, str(self)

    def expect_never(self, *unwanted: Action | type[Action]) -> None:
        """Until now the call has done none of these."""
        for _, action in self.done:
            assert action not in unwanted and type(action) not in unwanted, f"{action} was not wanted\n{self}"

    def did_at(self, time: float) -> list[Action]:
        return [action for at, action in self.done if at == pytest.approx(time)]

    def times_of(self, wanted: Action | type[Action]) -> list[float]:
        """When the call did this (an action, or a kind of action)."""
        return [at for at, action in self.done if action == wanted or type(action) is wanted]

    def all_of(self, kind: type[T]) -> list[T]:
        """Every action of this kind, in order."""
        return [action for _, action in self.done if isinstance(action, kind)]

    def timers(self) -> set[str]:
        """The names of the timers that run."""
        return {name for _, name in self.call.state.timers.running()}

    @property
    def outcome(self) -> Outcome:
        assert self.call.outcome is not None, f"the call has not ended\n{self}"
        return self.call.outcome

    def _did(self, actions: list[Action]) -> None:
        self.done += [(self.now, action) for action in actions]

    def __str__(self) -> str:
        lines = [f"{at:8.3f}  {action}" for at, action in self.done]
        return "\n".join(["The call did:", *lines])

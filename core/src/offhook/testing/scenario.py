"""One call on a fake clock, told in time order.

    call = call_with(my_plugin, mode="FIXED_DELAY", barge_in_delay_seconds=0.5)
    call.at(0, Arrived(), MediaReady())
    call.at(2.0, PlaybackFinished("greeting"))
    call.expect(2.5, OpenStream())

Between two steps the clock stops at every deadline of the call, as the host's would.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

from offhook.call.actions import Action, Activate, End, PartBroke, StartWork
from offhook.call.call import Call
from offhook.call.events import Arrived, Event, MediaReady, Started, StreamOpened, WorkFinished
from offhook.call.info import CallInfo
from offhook.call.outcome import EndCause, Outcome
from offhook.call.part import Part
from offhook.call.state import CallView
from offhook.plugins.hooks import Hooks
from offhook.settings import Settings, settings_with

T = TypeVar("T")

CALL_ID: Final = "call-1"
CALLER: Final = CallInfo(CALL_ID, "channel-1", caller_number="100", dialed="200")
"""Who calls whom in a scenario, unless it says otherwise."""
CLOSE_SECONDS: Final = 1e-6
"""Two moments as near as this are one."""


class AtOnce:
    """The simplest activation mode: listens as soon as the audio stands."""

    def on(self, event: Event, call: CallView) -> Iterable[Action]:
        return [Activate()] if isinstance(event, Started) else []


class CallScenario:
    """A call, its clock, and all that it did: (time, action).

    activation: the part that decides when to listen; without one the call listens at once. keypad: handles digits.
    info: who calls whom.
    strict: a part that breaks fails the test; without it the call does what it does in a host.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        activation: Part | Sequence[Part] | None = None,
        keypad: Part | None = None,
        info: CallInfo | None = None,
        strict: bool = True,
    ) -> None:
        parts = activation if isinstance(activation, Sequence) else [activation or AtOnce()]
        self.call = Call(info or CALLER, settings, activation=parts, keypad=keypad)
        self.now = 0.0
        """Seconds since the scenario began."""
        self.done: list[tuple[float, Action]] = []
        """All that the call did so far: (time, action)."""
        self.activated_at: float | None = None
        """When the activation mode decided to listen, so far."""
        self._strict = strict

    # --- What happens -----------------------------------------------------------------------------

    def until(self, time: float) -> None:
        """Let time pass."""
        assert time >= self.now, "a scenario is told in time order"
        while (deadline := self.call.deadline) is not None and deadline <= time:
            self.now = max(self.now, deadline)
            self._did(None, self.call.tick(self.now))
        self.now = time

    def at(self, time: float, *events: Event) -> None:
        """Let time pass, then let these happen."""
        self.until(time)
        for event in events:
            self._did(event, self.call.handle(event, time))

    def connected(self, time: float = 0.0) -> None:
        """The call has come in, and its audio stands."""
        self.at(time, Arrived(), MediaReady())

    def listening(self, time: float = 0.0) -> None:
        """As `connected`, and the stream is open; a mode that activates at once listens."""
        self.connected(time)
        self.at(time, StreamOpened("s"))

    # --- Work that parts have started with Run ----------------------------------------------------

    @property
    def works(self) -> dict[str, StartWork]:
        """The work that is under way, by its name."""
        started = {action.work_id: action for action in self.all_of(StartWork)}
        running = self.call.state.works.of()
        return {action.name: action for work_id, action in started.items() if work_id in running}

    def ran(self, time: float, name: str, result: Any = None, *, error: str = "") -> None:
        """Work of this name ends so, without being done. Raises AssertionError if none is under way."""
        self.until(time)
        assert name in self.works, f"no work {name!r} is under way\n{self}"
        self.at(time, WorkFinished(self.works[name].work_id, result, error))

    async def run_works(self, time: float) -> None:
        """Really do what is under way, one after the other; an error is told to the part in words."""
        self.until(time)
        for work in self.works.values():
            try:
                finished = WorkFinished(work.work_id, await work.work())
            except Exception as failure:
                finished = WorkFinished(work.work_id, error=f"{type(failure).__name__}: {failure}")
            self.at(time, finished)

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
        assert len(ends) == 1 and _same(ends[0], time), str(self)
        return outcome

    def expect_activated(self, time: float) -> None:
        """At this moment the activation mode decided to listen, and not before."""
        if time > self.now:
            self.until(time)
        assert self.activated_at is not None, f"the call does not listen\n{self}"
        assert _same(self.activated_at, time), f"the call listens since {self.activated_at:g}\n{self}"

    def expect_running(self) -> None:
        """The call has not ended."""
        assert not self.call.ended, str(self)

    def expect_never(self, *unwanted: Action | type[Action]) -> None:
        """Until now the call has done none of these."""
        for _, action in self.done:
            assert action not in unwanted and type(action) not in unwanted, f"{action} was not wanted\n{self}"

    def did_at(self, time: float) -> list[Action]:
        """What the call did at this moment."""
        return [action for at, action in self.done if _same(at, time)]

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
    def view(self) -> CallView:
        """What the parts see of the call."""
        return self.call.view

    @property
    def outcome(self) -> Outcome:
        """The call's result. Raises AssertionError while it runs."""
        assert self.call.outcome is not None, f"the call has not ended\n{self}"
        return self.call.outcome

    def _did(self, event: Event | None, actions: list[Action]) -> None:
        """Note what the call decided about an event (None: time passed)."""
        self.done += [(self.now, action) for action in actions]
        if self.activated_at is None and self.call.state.activated:
            self.activated_at = self.now
        for action in actions if self._strict else ():
            assert not isinstance(action, PartBroke), f"{action.reason}\n{self}"

    def __str__(self) -> str:
        """All that the call did, a line each."""
        lines = [f"{at:8.3f}  {shown(action)}" for at, action in self.done]
        return "\n".join(["The call did:", *lines])


def call_with(
    plugin: object = None,
    *,
    mode: str = "",
    info: CallInfo | None = None,
    strict: bool = True,
    **settings: Any,
) -> CallScenario:
    """A call with the parts of a plugin (a module or object with hooks), as a host would make it.

    mode: which of its activation modes; empty: the call listens at once. settings: as in `Settings`, by the last part
    of their Python name (`dtmf_max_digits=4`). Raises AssertionError if the plugin does not have the mode, BadPlugin if
    it cannot be registered.
    """
    made = settings_with(**settings)
    if plugin is None:
        return CallScenario(made, info=info, strict=strict)
    hooks = Hooks()
    hooks.register(plugin, "plugin")
    activation, keypad = hooks.parts_now(mode, made)
    assert activation or not mode, f"the plugin has no activation mode {mode!r}"
    return CallScenario(made, activation=activation or None, keypad=keypad, info=info, strict=strict)


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= CLOSE_SECONDS * max(1.0, abs(one))


def shown(action: Action) -> str:
    """An action for people: without the function of the work that it starts."""
    if isinstance(action, StartWork):
        return f"StartWork({action.work_id}, {action.owner!r}, {action.name!r})"
    return str(action)

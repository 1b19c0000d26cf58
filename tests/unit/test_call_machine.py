"""A call driven step by step by hypothesis, which plays the runner: what the call asks for must be there.

Streams, prompts and audio exist only where the call has made them; an action for one that is gone is a mistake.
"""

from __future__ import annotations

from typing import Any

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from call_events import heard, items, rare, responses, talk, variants
from call_scenario import MODES, CallScenario
from offhook.call import actions as do
from offhook.call import events as ev
from offhook.settings import settings_with

NEED_STREAM = (
    do.CancelResponse,
    do.CommitInput,
    do.CreateResponse,
    do.DeleteItem,
    do.SendText,
    do.SendToolOutput,
    do.TruncateItem,
    do.UpdateStream,
)


class World:
    """What a runner would hold, as far as the call's actions go."""

    def __init__(self) -> None:
        self.stream = "closed"
        self.prompts: set[str] = set()
        self.gate = "closed"
        self.held = False
        self.ended = False

    def carry_out(self, action: do.Action) -> None:
        """Take note of an action; AssertionError if what it needs is not there."""
        assert not self.ended, f"{action} after the end"
        match action:
            case do.OpenStream():
                assert self.stream == "closed", "a second stream"
                self.stream = "opening"
            case do.CloseStream():
                assert self.stream != "closed", "a stream that is closed is closed again"
                self.stream = "closed"
            case do.Play(playback_id=playback_id):
                self.prompts.add(playback_id)
            case do.StopPlayback(playback_id=playback_id):
                assert playback_id in self.prompts, f"{playback_id} does not play"
            case do.HoldPlayout():
                self.held = True
            case do.ReleasePlayout():
                self.held = False
            case do.SetGate(mode=mode):
                assert mode != self.gate, f"the gate is {mode} already"
                assert mode != "open" or self.stream == "open", "the gate opens without a stream"
                self.gate = mode
            case do.End():
                self.ended = True
            case do.Activate() | do.Buffer() | do.Interrupt() | do.Silence() | do.Finish() | do.Collected():
                raise AssertionError(f"the request {action} left the call")
            case _:
                assert not isinstance(action, NEED_STREAM) or self.stream == "open", (
                    f"{action} without a stream"
                )


class CallMachine(RuleBasedStateMachine):
    """Any event at any time, and the answers that a runner gives."""

    @initialize(
        mode=st.sampled_from(MODES), kind=st.sampled_from(["conversation", "recognition"]), variant=variants
    )
    def begin(self, mode: str, kind: str, variant: dict[str, Any]) -> None:
        self.call = CallScenario(settings_with(session_kind=kind, **variant), mode)
        self.world = World()
        self._seen = 0
        self._tell(ev.Arrived())

    def _tell(self, event: ev.Event) -> None:
        match event:  # what the world knows before the call does
            case ev.StreamOpened():
                if self.world.stream != "opening":
                    return
                self.world.stream = "open"
            case ev.StreamFailed():
                if self.world.stream == "closed":
                    return
                self.world.stream = "closed"
            case ev.PlaybackFinished(playback_id=playback_id):
                self.world.prompts.discard(playback_id)
            case _:
                pass
        self.call.at(self.call.now, event)
        self._watch()

    def _watch(self) -> None:
        done = self.call.done
        while self._seen < len(done):
            _, action = done[self._seen]
            self._seen += 1
            self.world.carry_out(action)

    @rule()
    def audio_stands(self) -> None:
        self._tell(ev.MediaReady())

    @rule()
    def stream_opens(self) -> None:
        self._tell(ev.StreamOpened("s"))

    @rule(event=talk)
    def something_happens(self, event: ev.Event) -> None:
        self._tell(event)

    @rule(event=rare)
    def something_rare_happens(self, event: ev.Event) -> None:
        self._tell(event)

    @rule(response=responses, item=items, cut=heard)
    def an_answer_is_cut(self, response: str, item: str, cut: ev.HeardItem) -> None:
        self._tell(ev.ResponseStarted(response))
        self._tell(ev.AnswerAudioStarted(response, item))
        self._tell(ev.PlayoutStopped((cut,)))

    @rule(seconds=st.sampled_from([0.02, 0.3, 1.0, 6.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.call.until(self.call.now + seconds)
        self._watch()

    @precondition(lambda self: self.world.ended)
    @rule(event=talk)
    def after_the_end_nothing_counts(self, event: ev.Event) -> None:
        before = len(self.call.done)
        self.call.at(self.call.now, event)
        assert len(self.call.done) == before

    @invariant()
    def the_end_leaves_nothing(self) -> None:
        if not hasattr(self, "call") or not self.world.ended:
            return
        assert self.call.timers() == set()
        assert self.call.call.deadline is None
        assert (self.world.stream, self.world.gate) == ("closed", "closed")
        assert all(isinstance(value, str) for value in self.call.outcome.variables().values())


TestCallMachine = CallMachine.TestCase
TestCallMachine.settings = hypothesis_settings(max_examples=150, stateful_step_count=40, deadline=None)

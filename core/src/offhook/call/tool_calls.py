"""The model's function calls: run side by side, answered, and followed by one response for all of them."""

from __future__ import annotations

from collections.abc import Iterable

from offhook.recent import Recent

from . import actions as do
from . import events as ev
from .outcome import EndCause
from .state import CallState
from .timers import CALL

GOODBYE_SECONDS = 20.0
"""How long a call that a tool has ended waits for its goodbye to be spoken and heard."""


class ToolCalls:
    """Runs the tools and asks for a response once every call of a response has its output."""

    def __init__(self) -> None:
        self._running: set[str] = set()
        self._spoke = Recent()
        """Responses that had spoken audio."""
        self._response_due = False
        self._end: ev.EndRequested | None = None
        self._goodbye_due = False
        """The call was ended by a tool before the model has said goodbye."""

    def on(self, event: ev.Event, state: CallState) -> Iterable[do.Action]:
        match event:
            case ev.AnswerAudioStarted(response_id=response_id):
                self._spoke.note(response_id)
                self._goodbye_due = False
            case ev.ToolRequested(
                response_id=response_id, tool_call_id=tool_call_id, name=name, arguments=arguments
            ):
                self._running.add(tool_call_id)
                state.tool_calls.add(tool_call_id)
                # A response that speaks and calls end_call has said its goodbye.
                self._goodbye_due = response_id not in self._spoke
                yield do.RunTool(tool_call_id, name, arguments)
            case ev.ToolFinished(tool_call_id=tool_call_id, output=output) if tool_call_id in self._running:
                self._running.discard(tool_call_id)
                self._response_due = True
                yield do.SendToolOutput(tool_call_id, output)
            case ev.ResponseDone() if self._end and not (self._running or self._response_due):
                self._goodbye_due = False
            case ev.EndRequested():
                self._end = event
                yield do.StartTimer("goodbye", GOODBYE_SECONDS, CALL)
            case ev.TimerExpired(name="goodbye") if self._end:
                yield self._finish(self._end)
                return
            case _:
                pass
        yield from self._go_on(state)

    def _go_on(self, state: CallState) -> Iterable[do.Action]:
        """Ask for the answer to the tools' outputs; leave when a tool has ended the call and all is said."""
        if self._running or state.response_id:
            return
        if self._end and not self._goodbye_due:
            if not state.unheard:
                yield self._finish(self._end)
            return
        if self._response_due:
            self._response_due = False
            state.tool_calls.clear()
            yield do.CreateResponse()

    @staticmethod
    def _finish(end: ev.EndRequested) -> do.Finish:
        return do.Finish(EndCause(end.cause), context=end.context, extension=end.extension)

"""A greeting that the model speaks (`greetingText`), in place of a prompt that Asterisk plays.

It is the greeting to everybody else: the activation mode waits for its end, and what stops a greeting stops it.
"""

from __future__ import annotations

from collections.abc import Iterable

from . import actions as do
from . import events as ev
from .state import CallState
from .timers import CALL

GREETING_SECONDS = 60.0
"""So long may the model take to begin and to end its greeting; then the call goes on without it."""


def spoken(state: CallState) -> bool:
    """True if the model is to speak the greeting. In a recognition it says nothing."""
    return bool(state.settings.recognition.greeting_text) and not state.recognition


class SpokenGreeting:
    """Asks for the greeting as soon as the stream is open, and tells when it is over."""

    def __init__(self) -> None:
        self._began = False

    def on(self, event: ev.Event, state: CallState) -> Iterable[do.Action]:
        match event:
            case ev.Started(greeting=True) if spoken(state):
                state.greeting_spoken = True
                yield do.StartTimer("spokenGreeting", GREETING_SECONDS, CALL)
                if state.stream == "closed":
                    yield do.OpenStream()
                elif state.stream == "open":
                    yield do.Say(state.settings.recognition.greeting_text)
            case ev.StreamOpened() if state.greeting_spoken:
                yield do.Say(state.settings.recognition.greeting_text)
            case ev.ResponseStarted():
                self._began = True
            case ev.TimerExpired(name="spokenGreeting"):
                yield do.EndGreeting(failed=True)
            case _:
                pass
        if state.greeting_spoken and self._began and not state.answering:
            yield do.ClearTimer("spokenGreeting", CALL)
            yield do.EndGreeting(failed=isinstance(event, ev.ResponseDone))

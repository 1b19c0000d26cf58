"""The one shape of everything that decides about a call: an event in, actions out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from .actions import Action
from .events import Event
from .state import CallView


class Part(Protocol):
    """A small machine with a place in a call: an activation mode, a keypad handler.

    A part is made for one call and sees every event of it from `Started` on, in order. It never waits, reads
    no clock (`call.now` is the time) and does no I/O: it answers with actions. A generator with `match`
    reads best:

        def on(self, event, call):
            match event:
                case Started(greeting=False):
                    yield Activate()
    """

    def on(self, event: Event, call: CallView) -> Iterable[Action]:
        """Decide about one event. The actions are carried out in order, each before the next is asked for."""
        ...

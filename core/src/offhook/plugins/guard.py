"""What a bad plugin can do to a call: nothing but end its own part of it, with a clear word about why."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import get_args

from offhook.call.actions import Action, Finish
from offhook.call.events import Event
from offhook.call.outcome import EndCause
from offhook.call.part import Part
from offhook.call.state import CallView

log = logging.getLogger("offhook.plugins")

_ACTIONS = get_args(Action)


class GuardedPart:
    """A plugin's part that cannot hurt its call: if it raises or yields nonsense, the call ends cleanly.

    The caller goes back to the dialplan with `plugin_error` and a sentence that names the plugin.
    """

    def __init__(self, part: Part, *, plugin: str, role: str) -> None:
        self._part = part
        self._plugin = plugin
        self._role = role

    def on(self, event: Event, call: CallView) -> Iterable[Action]:
        try:
            for action in self._part.on(event, call) or ():  # a plain function may return nothing
                if not isinstance(action, _ACTIONS):
                    raise TypeError(f"{action!r} is not an action")
                yield action
        except Exception as error:
            reason = f"the {self._role} of plugin {self._plugin} failed: {type(error).__name__}: {error}"
            log.exception("%s", reason, extra={"call_id": call.call_id})
            yield Finish(EndCause.PLUGIN_ERROR, reason)

"""The activation mode IMMEDIATE: listen as soon as the audio stands, during the greeting too."""

from __future__ import annotations

from collections.abc import Iterable

from offhook import Action, Activate, CallView, Event, Part, Settings, Started, hookimpl


class Immediate:
    """Activates with the call's first moment."""

    def on(self, event: Event, call: CallView) -> Iterable[Action]:
        match event:
            case Started():
                yield Activate()
            case _:
                pass


@hookimpl(trylast=True)
def activation_mode(mode: str, settings: Settings) -> Part | None:
    return Immediate() if mode == "immediate" else None

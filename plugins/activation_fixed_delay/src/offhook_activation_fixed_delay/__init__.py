"""The activation mode FIXED_DELAY: listen `bargeInDelaySeconds` after the greeting, or after the start without one."""

from __future__ import annotations

from collections.abc import Iterable

from offhook import (
    Action,
    Activate,
    CallView,
    Event,
    GreetingFinished,
    Part,
    Settings,
    Started,
    StartTimer,
    TimerExpired,
    hookimpl,
)


class FixedDelay:
    """Waits for the greeting to end (a greeting that fails has ended too), then for the delay."""

    def on(self, event: Event, call: CallView) -> Iterable[Action]:
        match event:
            case Started(greeting=False) | GreetingFinished():
                yield from self._delay(call)
            case TimerExpired(name="bargeInActivation"):
                yield Activate()
            case _:
                pass

    @staticmethod
    def _delay(call: CallView) -> Iterable[Action]:
        seconds = call.settings.recognition.barge_in_delay_seconds
        if seconds > 0:
            yield StartTimer("bargeInActivation", seconds)
        else:
            yield Activate()


@hookimpl(trylast=True)
def activation_mode(mode: str, settings: Settings) -> Part | None:
    return FixedDelay() if mode == "fixeddelay" else None

"""The keypad: collects digits and returns them, or hands them to the model.

`dtmfMode` `interrupt` is the original's: the first digit takes the call over, and the collected digits end it
with cause `dtmf`. With `converse` the conversation stays alive, and the digits reach the model as one message.
"""

from __future__ import annotations

from collections.abc import Iterable

from offhook import (
    Action,
    Activate,
    CallView,
    ClearTimer,
    Collected,
    Digit,
    EndCause,
    Event,
    Finish,
    Interrupt,
    Part,
    SendText,
    Settings,
    Silence,
    StartTimer,
    TimerExpired,
    hookimpl,
)

TIMERS = ("dtmfInterDigit", "dtmfFinal")


class Keypad:
    """Collects until the terminator, `dtmfMaxDigits`, or the first of its two timers.

    Both timers start again with each digit, so that the shorter one decides.
    """

    def __init__(self) -> None:
        self._digits = ""

    def on(self, event: Event, call: CallView) -> Iterable[Action]:
        match event:
            case Digit(digit=digit):
                yield from self._pressed(digit, call)
            case TimerExpired():
                yield from self._collected(call)
            case _:
                pass

    def _pressed(self, digit: str, call: CallView) -> Iterable[Action]:
        dtmf = call.settings.dtmf
        if self._converses(call):
            # Who types during the greeting has begun the conversation.
            yield Silence()
            yield Activate()
        else:
            yield Interrupt()
        if digit == dtmf.dtmf_terminator_digit:
            yield from self._collected(call)
            return
        self._digits += digit
        if len(self._digits) >= dtmf.dtmf_max_digits:
            yield from self._collected(call)
            return
        if not self._converses(call):
            yield Collected(self._digits)
        yield StartTimer("dtmfInterDigit", dtmf.dtmf_interdigit_timeout_seconds)
        yield StartTimer("dtmfFinal", dtmf.dtmf_final_timeout_seconds)

    def _collected(self, call: CallView) -> Iterable[Action]:
        digits, self._digits = self._digits, ""
        for name in TIMERS:
            yield ClearTimer(name)
        if not self._converses(call):
            yield Finish(EndCause.DTMF, digits=digits)
        elif digits:
            text = f"The caller pressed these keys: {' '.join(digits)}"
            yield SendText(text, sensitive=call.settings.dtmf.dtmf_sensitive)

    @staticmethod
    def _converses(call: CallView) -> bool:
        return (
            call.settings.dtmf.dtmf_mode == "converse" and call.settings.call.session_kind == "conversation"
        )


@hookimpl(trylast=True)
def digit_handler(settings: Settings) -> Part | None:
    return Keypad() if settings.dtmf.dtmf_enabled else None

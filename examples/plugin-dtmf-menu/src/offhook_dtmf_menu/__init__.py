"""A menu on the keypad, in place of Offhook's own keypad: 1 tells the balance, 0 leads to a person.

The balance comes from a web service: GET $MENU_BALANCE_URL?number=100 answers with {"balance": "12.50 euros"}.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial

import aiohttp

from offhook import (
    Action,
    Activate,
    CallView,
    Digit,
    EndCause,
    Event,
    Finish,
    Interrupt,
    Part,
    Ran,
    Run,
    Say,
    SendText,
    Settings,
    Silence,
    hookimpl,
)

MENU = "Press 1 to hear your balance, or 0 to speak with a person."
FAILED = (
    "The caller asked for the balance by key, and it cannot be looked up at the moment. "
    "Apologise in one sentence, and say that 0 leads to a person."
)
PERSON = ("support", "100")
"""Dialplan context and extension of who takes the callers that press 0."""
PATIENCE_SECONDS = 5.0


class Menu:
    """Handles the keys of one call."""

    def on(self, event: Event, call: CallView) -> Iterable[Action]:
        match event:
            case Digit(digit=digit) if call.settings.call.session_kind == "recognition":
                yield Interrupt()  # there is no model that could speak: the key is the result
                yield Finish(EndCause.DTMF, digits=digit)
            case Digit(digit="0"):
                context, extension = PERSON
                yield Finish(EndCause.TRANSFER, context=context, extension=extension)
            case Digit(digit=digit):
                yield Silence()  # who presses a key has heard enough
                yield Activate()  # and has begun the conversation
                if digit == "1":
                    yield Say("One moment, please.")
                    yield Run("balance", partial(balance, call.info.caller_number), PATIENCE_SECONDS)
                else:
                    yield Say(MENU)
            case Ran(name="balance", error=""):
                text = f"The caller's balance is {event.result}. Tell the caller so in one sentence."
                yield SendText(text, role="system", sensitive=True)
            case Ran(name="balance"):
                yield SendText(FAILED, role="system")
            case _:
                pass


async def balance(number: str) -> str:
    """The balance of who calls from this number, in words. Raises what makes it impossible to tell."""
    address = os.environ["MENU_BALANCE_URL"]
    async with (
        aiohttp.ClientSession(raise_for_status=True) as session,
        session.get(address, params={"number": number}) as answer,
    ):
        return str((await answer.json())["balance"])


@hookimpl
def digit_handler(settings: Settings) -> Part | None:
    return Menu() if settings.dtmf.dtmf_enabled else None

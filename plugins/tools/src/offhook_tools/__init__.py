"""The built-in tools. Whatever reaches out is offered only where the operator has declared it.

A caller can talk a model into anything: so extensions to transfer to, variables to set and endpoints to call are
lists in the settings (`toolsConfig`), and a tool whose list is empty is not offered at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, Field

from offhook import Settings, Tool, ToolContext, hookimpl

from .dialplan import SET_CHANNEL_VARIABLE, TRANSFER_CALL
from .http import HTTP_REQUEST


class Nothing(BaseModel):
    """No parameters."""


async def end_call(context: ToolContext, parameters: Nothing) -> str:
    context.end_call()
    return "The call ends when your goodbye has been heard. Say goodbye now, in one short sentence."


class Keys(BaseModel):
    digits: str = Field(pattern=r"^[0-9*#A-D]{1,32}$", description="The keys to press: 0-9, *, #, A-D.")


async def send_dtmf(context: ToolContext, parameters: Keys) -> str:
    await context.send_digits(parameters.digits)
    return "sent"


class Place(BaseModel):
    timezone: str = Field(default="UTC", description="An IANA time zone, for example Europe/Berlin.")


async def get_current_time(context: ToolContext, parameters: Place) -> dict[str, str]:
    try:
        now = datetime.now(ZoneInfo(parameters.timezone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{parameters.timezone!r} is not a time zone, use one like Europe/Berlin") from None
    return {"time": now.isoformat(timespec="seconds"), "weekday": now.strftime("%A")}


END_CALL = Tool("end_call", "End the phone call, after a goodbye to the caller.", Nothing, end_call)
SEND_DTMF = Tool("send_dtmf", "Press keys of the keypad towards the other side.", Keys, send_dtmf)
GET_CURRENT_TIME = Tool(
    "get_current_time", "Tell the current date, time and weekday.", Place, get_current_time
)


@hookimpl
def tools(settings: Settings) -> Iterable[Tool]:
    yield END_CALL
    yield SEND_DTMF
    yield GET_CURRENT_TIME
    if settings.tools.transfer_targets:
        yield TRANSFER_CALL
    if settings.tools.settable_variables:
        yield SET_CHANNEL_VARIABLE
    if settings.tools.http_endpoints:
        yield HTTP_REQUEST

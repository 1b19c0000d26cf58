"""Outbound calls: those who have been called, and have not answered yet."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from offhook import ari
from offhook.call import events as ev
from offhook.calls import LiveCall
from offhook.settings import LayeredSettings

log = logging.getLogger("offhook.host")

PREFIX = "offhook_outbound-"
"""The ids of the channels of those whom we call begin so; the call's id follows."""
ARGUMENT = "offhook_outbound"
"""The argument with which their channels enter the application, once; the dialplan may send one here again."""
GRACE_SECONDS = 10.0
"""How much longer than `timeout_seconds` Asterisk may take to tell what came of an outbound call."""
STATUS_SECONDS = 0.25
"""How long a `Dial` event may come after the end of the channel that it is about."""
LONGEST_SECONDS = 3600.0

_UNDER_WAY = ("", "RINGING", "PROGRESS", "PROCEEDING", "ANSWER")
_STATUSES = {
    "BUSY": "busy",
    "NOANSWER": "no answer",
    "CONGESTION": "rejected, or no line is free",
    "CHANUNAVAIL": "not available",
}
_ENDPOINT = re.compile(r"[A-Za-z0-9_]+/\S.*")
_CALLER_ID = re.compile(r'\s*("[^"<>]*"|[^"<>]*)\s*(<[^"<>]*>)?\s*')


class NotAnswered(Exception):
    """Whoever was called did not answer; the text says why."""

    def __init__(self, endpoint: str, cause: int = 0, text: str = "", status: str = "") -> None:
        self.endpoint: str = endpoint
        self.cause: int = cause
        """The Q.850 cause: 17 busy, 19 no answer, 21 rejected, 1 no such number … 0 where Asterisk does not know."""
        self.status: str = status
        """What Asterisk's dialling came to, where it says: `BUSY`, `NOANSWER`, `CONGESTION` …

        Behind a Local channel the cause is often 0, and only this tells."""
        known = ", ".join([f"Q.850 cause {cause}", *([f"status {status}"] if status else [])])
        why = _STATUSES.get(status, text) if cause == 0 else text
        super().__init__(f"{endpoint} did not answer: {why or 'no reason given'} ({known})")

    @property
    def busy(self) -> bool:
        """The line is busy."""
        return self.cause == 17 or self.status == "BUSY"


def check_request(
    endpoint: object, caller_id: object, timeout_seconds: object, variables: Mapping[Any, Any] | None
) -> None:
    """Raises ValueError, which names the argument, its value and what is allowed."""
    if not (isinstance(endpoint, str) and endpoint.isprintable() and _ENDPOINT.fullmatch(endpoint)):
        raise ValueError(f"endpoint is {endpoint!r}; it must be technology/resource, such as PJSIP/alice")
    # A line break would become a header of the SIP message.
    if not (isinstance(caller_id, str) and caller_id.isprintable() and _CALLER_ID.fullmatch(caller_id)):
        raise ValueError(
            f'caller_id is {caller_id!r}; it must be a number, or "Name" <number>, in printable characters'
        )
    is_number = isinstance(timeout_seconds, int | float) and not isinstance(timeout_seconds, bool)
    if not (is_number and 0 < timeout_seconds <= LONGEST_SECONDS):  # type: ignore[operator]
        raise ValueError(
            f"timeout_seconds is {timeout_seconds!r}; it must be above 0 and at most {LONGEST_SECONDS:g}"
        )
    for name, value in (variables or {}).items():
        if not (isinstance(name, str) and name and isinstance(value, str)):
            raise ValueError(f"variables has {name!r}: {value!r}; a name and its value must be texts")


@dataclass(eq=False, slots=True)
class Original:
    """One outbound call, until it is answered."""

    endpoint: str
    settings: LayeredSettings
    timeout_seconds: float
    caller_id: str = ""
    variables: Mapping[str, str] | None = None
    call_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    ready: asyncio.Future[LiveCall] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    """The call, once it is answered. Cancelled: nobody wants it any more."""
    made: bool = False
    """Asterisk has its channel."""
    gone: bool = False
    """Its channel is destroyed."""
    _end: tuple[int, str] = (0, "")
    _status: str = ""

    @property
    def channel_id(self) -> str:
        return PREFIX + self.call_id

    async def answered(self) -> LiveCall:
        """Wait until it is answered. Cancelled, the call ends. Raises what kept it from being answered."""
        try:
            return await self.ready
        except asyncio.CancelledError:
            if self.ready.done() and not self.ready.cancelled() and self.ready.exception() is None:
                self.ready.result()._let_decide(ev.OperatorHangup())  # answered in this very moment
            raise

    def fail(self, error: Exception) -> None:
        """It comes to nothing."""
        if not self.ready.done():
            self.ready.set_exception(error)

    def dialled(self, status: str) -> None:
        """Asterisk tells how the dialling stands; that may come after the channel's end."""
        if status not in _UNDER_WAY:
            self._status = status
            if self.gone:
                self._not_answered()

    def destroyed(self, cause: int, text: str) -> None:
        """The channel is gone."""
        self.gone, self._end = True, (cause, text)
        if cause or self._status:
            self._not_answered()
        else:
            asyncio.get_running_loop().call_later(STATUS_SECONDS, self._not_answered)

    def _not_answered(self) -> None:
        self.fail(NotAnswered(self.endpoint, *self._end, self._status))


class Originating:
    """The outbound calls of a host that are not answered yet."""

    def __init__(self) -> None:
        self._by_channel: dict[str, Original] = {}
        self._closed = False

    def add(self, original: Original) -> None:
        """Somebody is to be called."""
        self._by_channel[original.channel_id] = original
        if self._closed:
            self._give_up(original)

    async def attempt(self, client: ari.AriClient, original: Original) -> None:
        """Have Asterisk call, and take care that nothing rings any more when this returns, unless it is answered.

        What comes of it is told by `original.ready`; never raises.
        """
        try:
            if not original.ready.done():
                await self._call(client, original)
        except Exception as error:
            original.fail(error)
        finally:
            rings = self._by_channel.pop(original.channel_id, None) and not original.gone
        if rings or original.ready.cancelled():
            try:
                await client.hangup(original.channel_id, missing_ok=True)
            except ari.AriError as error:
                log.warning("%s may still ring: %s", original.endpoint, error)

    @staticmethod
    async def _call(client: ari.AriClient, original: Original) -> None:
        # Never cut short: Asterisk may have taken the request, and an early hang-up would find no channel.
        await client.originate(
            original.endpoint,
            channel_id=original.channel_id,
            caller_id=original.caller_id,
            timeout_seconds=original.timeout_seconds,
            app_args=ARGUMENT,
            variables=original.variables,
        )
        original.made = True
        await asyncio.wait([original.ready], timeout=original.timeout_seconds + GRACE_SECONDS)
        if not original.ready.done():
            silent = f"Asterisk said nothing for {original.timeout_seconds:g} s"
            original.fail(NotAnswered(original.endpoint, 0, silent))

    def entered(self, start: ari.StasisStart) -> Original | None:
        """Somebody has answered; None if this is somebody else, or nobody wants the call any more."""
        original = self._by_channel.pop(start.channel.id, None)
        return None if original is None or original.ready.done() else original

    def happened(self, event: ari.AriEvent) -> None:
        """Take note of what is told of those who have not answered."""
        match event:
            case ari.Dial(channel=channel, status=status):
                if original := self._by_channel.get(channel.id):
                    original.dialled(status)
            case ari.ChannelDestroyed(channel=channel, cause=cause, cause_text=text):
                if original := self._by_channel.get(channel.id):
                    original.destroyed(cause, text)
            case _:
                pass

    def close(self) -> None:
        """The host stops: whoever waits for an answer is told so, and the telephones stop ringing."""
        self._closed = True
        for original in self._by_channel.values():
            self._give_up(original)

    @staticmethod
    def _give_up(original: Original) -> None:
        original.fail(NotAnswered(original.endpoint, 0, "the host has stopped"))

    @property
    def channels(self) -> list[str]:
        """The ids of the channels that Asterisk has made."""
        return [channel_id for channel_id, original in self._by_channel.items() if original.made]

    def gone(self, channel_id: str) -> None:
        """A channel ended unheard."""
        if original := self._by_channel.get(channel_id):
            original.destroyed(0, "its end was not heard")


def is_answer(start: ari.StasisStart) -> bool:
    """A channel comes from an outbound call, and not from the dialplan."""
    return start.channel.id.startswith(PREFIX) and start.args == (ARGUMENT,)

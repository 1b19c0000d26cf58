"""What a tool may do with the call that it runs in."""

from __future__ import annotations

from collections.abc import Callable

from offhook.ari import AriClient
from offhook.call.events import EndRequested, Event
from offhook.call.info import CallInfo
from offhook.settings import Settings


class CallToolContext:
    """The `offhook.ToolContext` of one running call."""

    def __init__(
        self, info: CallInfo, settings: Settings, ari: AriClient, post: Callable[[Event], None]
    ) -> None:
        self.call = info
        self.settings = settings
        self._ari = ari
        self._post = post

    def end_call(self) -> None:
        self._post(EndRequested("tool"))

    def transfer(self, context: str, extension: str) -> None:
        self._post(EndRequested("transfer", context, extension))

    async def set_variable(self, name: str, value: str) -> None:
        await self._ari.set_variable(self.call.channel_id, name, value)

    async def send_digits(self, digits: str) -> None:
        await self._ari.send_dtmf(self.call.channel_id, digits)

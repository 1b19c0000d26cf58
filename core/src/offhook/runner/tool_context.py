"""What a tool may do with the call that it runs in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from offhook.ari import AriClient
from offhook.call.events import EndRequested, Event
from offhook.call.info import CallInfo
from offhook.call.state import CallEnded, CallView
from offhook.settings import Settings


class CallToolContext:
    """The `offhook.ToolContext` of one call; it may be used from any event loop's thread.

    After `close` everything but `call` raises `CallEnded`.
    """

    def __init__(self, info: CallInfo, view: CallView, ari: AriClient, post: Callable[[Event], None]) -> None:
        self.call = info
        self._view = view
        self._loop = asyncio.get_running_loop()
        self._live: tuple[AriClient, Callable[[Event], None]] | None = (ari, post)

    def close(self) -> None:
        """The call has ended."""
        self._live = None

    @property
    def settings(self) -> Settings:
        return self._view.settings

    def end_call(self) -> None:
        self._post(EndRequested("tool"))

    def transfer(self, context: str, extension: str) -> None:
        self._post(EndRequested("transfer", context, extension))

    async def set_variable(self, name: str, value: str) -> None:
        await self._in_the_hosts_loop(self._ari.set_variable(self.call.channel_id, name, value))

    async def send_digits(self, digits: str) -> None:
        await self._in_the_hosts_loop(self._ari.send_dtmf(self.call.channel_id, digits))

    async def _in_the_hosts_loop(self, request: Coroutine[Any, Any, None]) -> None:
        if asyncio.get_running_loop() is self._loop:
            await request
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(request, self._loop))

    @property
    def _ari(self) -> AriClient:
        return self._still_live()[0]

    def _post(self, event: Event) -> None:
        self._still_live()[1](event)

    def _still_live(self) -> tuple[AriClient, Callable[[Event], None]]:
        if self._live is None:
            raise CallEnded(f"the call {self.call.call_id} has ended: nothing can be done with it any more")
        return self._live

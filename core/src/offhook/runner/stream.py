"""The Realtime session of one call, as its runner holds it: at most one at a time, let go of at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Literal

from offhook.call.events import Event
from offhook.call.info import CallInfo
from offhook.plugins.hooks import Hooks
from offhook.realtime.session import RealtimeSession
from offhook.realtime.tools import Tool
from offhook.settings import Settings


class Stream:
    """Opens and closes sessions; after `close` nothing of the old one reaches the call any more.

    on_event: what happens on the session. on_audio: the model's audio, as response id, item id and bytes in the
    output format. on_audio_done: an item whose audio is complete.
    """

    def __init__(
        self,
        info: CallInfo,
        hooks: Hooks,
        tools: Mapping[str, Tool],
        *,
        on_event: Callable[[Event], None],
        on_audio: Callable[[str, str, bytes], None],
        on_audio_done: Callable[[str], None],
    ) -> None:
        self.session: RealtimeSession | None = None
        """The session at hand: opening, open or failed."""
        self._info = info
        self._hooks = hooks
        self._definitions = [tool.definition() for tool in tools.values()]
        self._on_event = on_event
        self._on_audio = on_audio
        self._on_audio_done = on_audio_done
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, settings: Settings) -> None:
        """Begin to open a session; it answers with `StreamOpened` or `StreamFailed`."""

        def event(event: Event) -> None:
            if self.session is session:
                self._on_event(event)

        def audio(response_id: str, item_id: str, audio: bytes) -> None:
            if self.session is session:
                self._on_audio(response_id, item_id, audio)

        def audio_done(item_id: str) -> None:
            if self.session is session:
                self._on_audio_done(item_id)

        session = RealtimeSession(
            settings,
            on_event=event,
            on_answer_audio=audio,
            on_answer_audio_done=audio_done,
            tools=self._definitions,
            session_hook=self._as_plugins_want if self._hooks.has("session_config") else None,
            on_message=self._watched if self._hooks.has("realtime_event") else None,
            call_id=self._info.call_id,
        )
        self.session = session
        self._do(session.open())

    def append(self, frame: bytes) -> None:
        """Send caller audio, if a session is there to take it."""
        if self.session is not None:
            self.session.append(frame)

    def close(self) -> None:
        """Let go of the session now; its connection closes in the background."""
        session, self.session = self.session, None
        if session is not None:
            self._do(session.close())

    async def closed(self) -> None:
        """Close, and wait until every connection is gone."""
        self.close()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _as_plugins_want(self, session: dict[str, Any]) -> dict[str, Any]:
        return await self._hooks.session_config(self._info, session)

    def _watched(self, direction: Literal["in", "out"], message: Mapping[str, Any]) -> None:
        # Observers come after the call: they may be slow, and must not be able to change what is sent.
        asyncio.get_running_loop().call_soon(
            self._hooks.realtime_event, self._info.call_id, direction, message
        )

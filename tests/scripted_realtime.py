"""A Realtime server on loopback that says what a test tells it to, and a client that keeps what it reports.

Every message of either side is held against the official `openai` package.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from offhook.call import events as ev
from offhook.realtime.session import RealtimeSession
from offhook.settings import Settings
from openai_types import validate_client, validate_server

Json = dict[str, Any]
FORMAT = {"type": "audio/pcmu"}
FRAME = bytes(range(160))


@dataclass
class Peer:
    """The server's end of one session: what it was sent, and a way to answer."""

    socket: ServerConnection
    received: list[Json] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    count: int = 0

    async def listen(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self.socket:
                message = json.loads(text)
                validate_client(message)
                self.received.append(message)
                self.news.set()

    async def send(self, **message: Any) -> None:
        self.count += 1
        message.setdefault("event_id", f"event_{self.count}")
        validate_server(message)
        await self.socket.send(json.dumps(message))

    async def expect(self, name: str, nth: int = 1) -> Json:
        """Wait for the nth message of a type."""
        while True:
            found = self.sent(name)
            if len(found) >= nth:
                return found[nth - 1]
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 5)

    def sent(self, name: str) -> list[Json]:
        return [message for message in self.received if message["type"] == name]

    async def updated(self, **changes: Any) -> None:
        """Answer the newest `session.update` with what it asked for."""
        session = json.loads(json.dumps(self.sent("session.update")[-1]["session"]))
        for path, value in changes.items():
            *parents, last = path.split("__")
            part = session
            for parent in parents:
                part = part[parent]
            part[last] = value
        await self.send(type="session.updated", session=session)

    async def created(self, response_id: str = "resp_1") -> None:
        await self.send(type="response.created", response={"id": response_id, "status": "in_progress"})

    async def done(self, response_id: str = "resp_1", status: str = "completed", **more: Any) -> None:
        await self.send(type="response.done", response={"id": response_id, "status": status, **more})

    async def audio(self, data: bytes, item_id: str = "item_1", response_id: str = "resp_1") -> None:
        await self.send(
            type="response.output_audio.delta",
            response_id=response_id,
            item_id=item_id,
            output_index=0,
            content_index=0,
            delta=base64.b64encode(data).decode(),
        )

    async def error(self, code: str, message: str, event_id: str | None = None, **more: Any) -> None:
        error = {"type": "invalid_request_error", "code": code, "message": message, "event_id": event_id}
        await self.send(type="error", error={**error, **more})


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class Client:
    """A session and everything that it reported, in order."""

    settings: Settings
    news: asyncio.Event = field(default_factory=asyncio.Event)
    events: list[ev.Event] = field(default_factory=list)
    audio: list[tuple[str, str, bytes]] = field(default_factory=list)
    audio_done: list[str] = field(default_factory=list)
    seen: list[tuple[str, Json]] = field(default_factory=list)
    session: RealtimeSession = field(init=False)

    def start(self, *, watch: bool = False, **options: Any) -> RealtimeSession:
        self.session = RealtimeSession(
            self.settings,
            on_event=self._event,
            on_answer_audio=self._audio,
            on_answer_audio_done=self._audio_done,
            on_message=self._seen if watch else None,
            **options,
        )
        return self.session

    def _event(self, event: ev.Event) -> None:
        self.events.append(event)
        self.news.set()

    def _audio(self, response_id: str, item_id: str, audio: bytes) -> None:
        self.audio.append((response_id, item_id, audio))
        self.news.set()

    def _audio_done(self, item_id: str) -> None:
        self.audio_done.append(item_id)
        self.news.set()

    def _seen(self, direction: Literal["in", "out"], message: Json) -> None:
        self.seen.append((direction, message))

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 5)

    async def event(self, kind: type[ev.Event]) -> Any:
        """Wait for the first event of a kind."""
        await self.until(lambda: any(isinstance(event, kind) for event in self.events))
        return next(event for event in self.events if isinstance(event, kind))


def settings_for(port: int, **sections: Any) -> Settings:
    openai = {"base_url": f"ws://127.0.0.1:{port}/v1", "api_key": "sk-secret", **sections.pop("openai", {})}
    return Settings.model_validate({"openai": openai, "app_config": sections})


@contextlib.asynccontextmanager
async def session_with(
    script: Script | None = None, *, watch: bool = False, opened: bool = True, **sections: Any
) -> AsyncIterator[tuple[Client, Peer]]:
    """A client against a server that answers the first `session.update` as asked, or runs `script`."""
    peers: asyncio.Queue[Peer] = asyncio.Queue()

    async def serve_one(socket: ServerConnection) -> None:
        peer = Peer(socket)
        peers.put_nowait(peer)
        listening = asyncio.create_task(peer.listen())
        try:
            if script is not None:
                await script(peer)
            else:
                await peer.expect("session.update")
                await peer.updated()
            await listening
        except ConnectionClosed:
            pass
        finally:
            listening.cancel()

    options = sections.pop("options", {})
    async with serve(serve_one, "127.0.0.1", 0, close_timeout=0.2) as server:
        client = Client(settings_for(server.sockets[0].getsockname()[1], **sections))
        session = client.start(watch=watch, **options)
        opening = asyncio.create_task(session.open())
        peer = await peers.get()
        if opened:
            await opening
            assert client.events == [ev.StreamOpened()]
        try:
            yield client, peer
        finally:
            await session.close()
            await opening


@contextlib.asynccontextmanager
async def tcp_server(answer: bytes, *, hang_up: bool = False) -> AsyncIterator[int]:
    """A server that accepts, says `answer` after the request, and nothing more; yields its port."""
    writers = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        if hang_up:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()

"""Events that are taken in the callback that reads them, and what else the event socket does itself."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from ari_event_server import (
    PASSWORD,
    START,
    EventServer,
    at_once,
    event,
    event_server,
    hang_up,
    send,
    stay,
    take,
)
from offhook.ari import (
    AriClient,
    AriEvents,
    Channel,
    Connected,
    Disconnected,
    StasisEnd,
    StasisStart,
    StreamEvent,
)


@pytest_asyncio.fixture
async def served() -> AsyncIterator[tuple[EventServer, AriClient]]:
    async with event_server() as served:
        yield served


@pytest.fixture
def asterisk(served: tuple[EventServer, AriClient]) -> EventServer:
    return served[0]


@pytest.fixture
def ari(served: tuple[EventServer, AriClient]) -> AriClient:
    return served[1]


@pytest.mark.asyncio
async def test_events_can_be_taken_as_they_are_read_and_none_waits_for_the_loop(
    asterisk: EventServer, ari: AriClient
) -> None:
    """What the server sends along with its greeting is not lost, and comes after `Connected`."""
    taken: list[StreamEvent] = []
    all_taken = asyncio.Event()

    def note(event: StreamEvent) -> None:
        taken.append(event)
        if len(taken) == 6:
            all_taken.set()

    started, over = event("StasisStart"), event("StasisEnd")
    asterisk.scripts = [send(started, over, then=hang_up), send(over)]
    async with AriEvents(ari, on_event=note, delay_seconds=at_once) as events:
        waiting = asyncio.create_task(anext(events))
        async with asyncio.timeout(10):
            await all_taken.wait()
        assert not waiting.done()
    assert taken == [
        Connected(first=True),
        START,
        StasisEnd(Channel("17.1")),
        Disconnected("closed by Asterisk (code 1001)"),
        Connected(first=False),
        StasisEnd(Channel("17.1")),
    ]
    with pytest.raises(StopAsyncIteration):
        await waiting


@pytest.mark.asyncio
async def test_what_the_taker_raises_ends_the_stream_and_hangs_up_on_asterisk(
    asterisk: EventServer, ari: AriClient
) -> None:
    ended = asyncio.Event()

    async def until_the_end(socket: web.WebSocketResponse) -> None:
        await stay(socket)
        ended.set()

    taken: list[StreamEvent] = []

    def take_only_one(event: StreamEvent) -> None:
        taken.append(event)
        if isinstance(event, StasisStart):
            raise ValueError("enough")

    asterisk.scripts = [send(event("StasisStart"), event("StasisEnd"), then=until_the_end)]
    async with AriEvents(ari, on_event=take_only_one, delay_seconds=at_once) as events:
        with pytest.raises(ValueError, match="enough"):
            await anext(events)
        async with asyncio.timeout(10):
            await ended.wait()
    assert taken == [Connected(first=True), START]
    assert len(asterisk.requests) == 1


@pytest.mark.asyncio
async def test_a_message_in_fragments_is_whole_and_a_binary_one_is_left_out(
    asterisk: EventServer, ari: AriClient, caplog: pytest.LogCaptureFixture
) -> None:
    async def fragments(socket: web.WebSocketResponse) -> None:
        text = json.dumps(event("StasisStart")).encode()
        transport = socket._req.transport  # type: ignore[union-attr]
        assert transport is not None
        await socket.send_bytes(b"\x00\x01")
        transport.write(bytes((0x01, 5)) + text[:5] + bytes((0x00, 5)) + text[5:10])
        transport.write(bytes((0x80, len(text) - 10)) + text[10:])
        await stay(socket)

    asterisk.scripts = [fragments]
    async with AriEvents(ari) as events:
        assert await take(events, 2) == [Connected(first=True), START]
    assert "binary message" in caplog.text


@pytest.mark.asyncio
async def test_the_login_is_in_no_log(
    asterisk: EventServer, ari: AriClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with AriEvents(ari):
        pass
    assert PASSWORD not in caplog.text
    assert base64.b64encode(f"ari:{PASSWORD}".encode()).decode() not in caplog.text

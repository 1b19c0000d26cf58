"""The event stream against a small WebSocket server: what its reader sees when the connection suffers."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import WSMsgType, web

from ari_event_server import (
    PASSWORD,
    START,
    EventServer,
    Script,
    at_once,
    deaf,
    event,
    event_server,
    hang_up,
    send,
    stay,
    take,
)
from offhook.ari import (
    ApplicationReplaced,
    AriClient,
    AriError,
    AriEvents,
    AriUnreachable,
    Channel,
    Connected,
    Disconnected,
    StasisEnd,
    StasisStart,
    StreamEvent,
    Unauthorized,
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
async def test_events_come_in_order_after_connected_and_what_is_not_used_is_passed_over(
    asterisk: EventServer, ari: AriClient
) -> None:
    asterisk.scripts = [
        send(
            event("ChannelVarset", variable="A", value="1"),
            event("StasisStart"),
            "no JSON {",
            {"type": "StasisStart", "channel": {}},
            [1, 2],
            event("StasisEnd"),
        )
    ]
    async with AriEvents(ari) as events:
        assert await take(events, 3) == [Connected(first=True), START, StasisEnd(Channel("17.1"))]


@pytest.mark.asyncio
async def test_the_application_is_asked_for_and_the_login_is_not_in_the_url(
    asterisk: EventServer, ari: AriClient
) -> None:
    async with AriEvents(ari):
        pass
    (request,) = asterisk.requests
    assert dict(request.query) == {"app": "my app", "subscribeAll": "false"}
    assert (
        request.headers["Authorization"] == "Basic " + base64.b64encode(f"ari:{PASSWORD}".encode()).decode()
    )


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_login_is_told_at_once(asterisk: EventServer, ari: AriClient, status: int) -> None:
    asterisk.scripts = [status]
    events = AriEvents(ari)
    with pytest.raises(Unauthorized, match=f"GET /events answered {status}"):
        await anext(events)
    assert len(asterisk.requests) == 1


@pytest.mark.asyncio
async def test_an_asterisk_without_ari_is_told_at_once(asterisk: EventServer, ari: AriClient) -> None:
    asterisk.scripts = [404]
    with pytest.raises(AriError, match="wrong URL or prefix"):
        await AriEvents(ari).open()


@pytest.mark.asyncio
async def test_an_asterisk_that_is_not_there_at_the_start_is_told_at_once() -> None:
    async with AriClient("http://127.0.0.1:1", "ari", PASSWORD, "my app") as ari:
        with pytest.raises(AriUnreachable, match=r"http://127\.0\.0\.1:1/ari.*refused"):
            await AriEvents(ari).open()


@pytest.mark.asyncio
async def test_an_asterisk_that_accepts_and_says_nothing_is_given_up_at_the_time_limit() -> None:
    kept = []  # from Python 3.12 on a writer that nobody holds closes its connection
    server = await asyncio.start_server(lambda reader, writer: kept.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with AriClient(f"http://127.0.0.1:{port}", "ari", PASSWORD, "my app", timeout_seconds=0.05) as ari:
        with pytest.raises(AriUnreachable, match=r"no answer within 0\.05 s"):
            await AriEvents(ari).open()
    server.close()


@pytest.mark.asyncio
async def test_a_lost_connection_is_told_and_opened_again_for_as_long_as_it_takes(
    asterisk: EventServer, ari: AriClient
) -> None:
    attempts = []

    def delay(attempt: int, jitter: float) -> float:
        attempts.append(attempt)
        return 0.0

    asterisk.scripts = [hang_up, 503, 401, 404, send(event("StasisStart"), then=hang_up)]
    async with AriEvents(ari, delay_seconds=delay) as events:
        seen = await take(events, 6)
    assert seen == [
        Connected(first=True),
        Disconnected("closed by Asterisk (code 1001)"),
        Connected(first=False),
        START,
        Disconnected("closed by Asterisk (code 1001)"),
        Connected(first=False),
    ]
    # A connection that lasted only a moment does not make the delays short again.
    assert attempts == [0, 1, 2, 3, 4]


@pytest.mark.asyncio
async def test_a_peer_that_answers_no_ping_is_found_out(asterisk: EventServer, ari: AriClient) -> None:
    asterisk.scripts = [deaf]
    async with AriEvents(ari, heartbeat_seconds=0.05, delay_seconds=at_once) as events:
        first, lost, again = await take(events, 3)
    assert (first, again) == (Connected(first=True), Connected(first=False))
    assert isinstance(lost, Disconnected)
    assert "PONG" in lost.reason


@pytest.mark.asyncio
async def test_a_peer_that_answers_pings_is_kept_though_it_has_no_events(
    asterisk: EventServer, ari: AriClient
) -> None:
    async def two_pings(socket: web.WebSocketResponse) -> None:
        for _ in range(2):
            ping = await socket.receive()
            assert ping.type is WSMsgType.PING
            await socket.pong(ping.data)
        await socket.send_json(event("StasisStart"))
        await stay(socket)

    asterisk.scripts = [two_pings]
    async with AriEvents(ari, heartbeat_seconds=0.4, delay_seconds=at_once) as events:
        assert await take(events, 2) == [Connected(first=True), START]


@pytest.mark.asyncio
async def test_a_slow_reader_does_not_hold_up_asterisk(asterisk: EventServer, ari: AriClient) -> None:
    all_sent = asyncio.Event()

    async def sent(socket: web.WebSocketResponse) -> None:
        all_sent.set()
        await stay(socket)

    big = event("StasisStart", args=["x" * 1000])
    asterisk.scripts = [send(*[big] * 20_000, then=sent)]
    async with AriEvents(ari) as events:
        async with asyncio.timeout(30):
            await all_sent.wait()
        assert len(await take(events, 20_001)) == 20_001


@pytest.mark.asyncio
async def test_a_second_client_of_the_application_is_warned_about(
    asterisk: EventServer, ari: AriClient, caplog: pytest.LogCaptureFixture
) -> None:
    asterisk.scripts = [send({"type": "ApplicationReplaced", "application": "my app"})]
    async with AriEvents(ari) as events:
        assert (await take(events, 2))[1] == ApplicationReplaced("my app")
    assert [r.levelno for r in caplog.records if "taken over" in r.getMessage()] == [logging.WARNING]


@pytest.mark.asyncio
@pytest.mark.parametrize("script", [stay, deaf, hang_up])
async def test_close_ends_the_loop_promptly_and_leaves_no_task(
    asterisk: EventServer, ari: AriClient, script: Script
) -> None:
    """While events are awaited; with a peer that does not answer the close; and between two attempts."""
    asterisk.scripts = [script]
    lost = asyncio.Event()

    def delay(attempt: int, jitter: float) -> float:
        lost.set()
        return 3600.0

    events = AriEvents(ari, delay_seconds=delay)
    assert await take(events, 1) == [Connected(first=True)]
    if script is hang_up:
        async with asyncio.timeout(10):
            await lost.wait()
        await take(events, 1)

    async def read_on() -> list[StreamEvent]:
        return [item async for item in events]

    reading = asyncio.create_task(read_on())
    await asyncio.sleep(0)  # it waits for an event now
    async with asyncio.timeout(3):
        await events.close()
        assert await reading == []
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "ARI events"]
    assert [item async for item in events] == []
    await events.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("taken", [0, 1])
async def test_close_hangs_up_on_asterisk_even_right_after_opening(
    asterisk: EventServer, ari: AriClient, taken: int
) -> None:
    ended = asyncio.Event()

    async def until_the_end(socket: web.WebSocketResponse) -> None:
        await stay(socket)
        ended.set()

    asterisk.scripts = [until_the_end]
    async with AriEvents(ari) as events:
        await take(events, taken)
    async with asyncio.timeout(10):
        await ended.wait()


@pytest.mark.asyncio
async def test_close_drops_the_events_that_nobody_took(asterisk: EventServer, ari: AriClient) -> None:
    asterisk.scripts = [send(event("StasisStart"), event("StasisEnd"))]
    events = AriEvents(ari)
    assert await take(events, 2) == [Connected(first=True), START]
    await events.close()
    assert [item async for item in events] == []


@pytest.mark.asyncio
async def test_a_stream_closed_before_it_was_opened_is_empty(asterisk: EventServer, ari: AriClient) -> None:
    events = AriEvents(ari)
    await events.close()
    assert [item async for item in events] == []
    assert asterisk.requests == []


@pytest.mark.asyncio
async def test_a_client_closed_under_the_stream_is_told_to_its_reader_rather_than_silence(
    asterisk: EventServer,
) -> None:
    async with AriClient(asterisk.url, "ari", PASSWORD, "my app") as ari:
        events = AriEvents(ari, delay_seconds=at_once)
        await events.open()
    with pytest.raises(RuntimeError, match="async with AriClient"):
        await take(events, 4)
    await events.close()


# --- Handed on at once, and what else the socket does itself ------------------------------------------------


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

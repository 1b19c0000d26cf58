"""The HTTP server over real sockets: its routes, the WebSocket, who is let in, and the page in a browser."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import (
    ClientSession,
    ClientWebSocketResponse,
    WSCloseCode,
    WSMsgType,
    WSServerHandshakeError,
    web,
)
from pydantic import SecretStr

from console_calls import StandInHost, Step, interrupted_call, new_record
from offhook.call.events import AnswerTranscript, Arrived, TalkingStarted
from offhook.console import ConsoleApp, ConsoleError
from offhook.console.app import STATIC
from offhook.settings.model import ServerConfig

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Console:
    """A server that runs, with one scripted call, and a client for it."""

    def __init__(self, app: ConsoleApp, host: StandInHost, client: ClientSession, address: str) -> None:
        self.app = app
        self.host = host
        self.client = client
        self.address = address

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        async with self.client.get(self.address + path, headers=headers) as answer:
            return answer.status, await answer.json()

    async def post(self, path: str, **headers: str) -> tuple[int, Any]:
        async with self.client.post(self.address + path, headers=headers) as answer:
            return answer.status, await answer.json()

    @asynccontextmanager
    async def logs(self, query: str = "", **headers: str) -> AsyncIterator[ClientWebSocketResponse]:
        async with self.client.ws_connect(f"{self.address}/logs{query}", headers=headers) as watcher:
            yield watcher


@asynccontextmanager
async def console(
    *, token: str = "", host_ip: str = "127.0.0.1", words: str = "", routes: list[web.RouteDef] | None = None
) -> AsyncIterator[Console]:
    host = StandInHost()
    record = host.add(new_record())
    host.play(record, interrupted_call(words) if words else interrupted_call())
    settings = ServerConfig(port=0, host_ip=host_ip, token=SecretStr(token))
    app = ConsoleApp(host, settings=settings, routes=routes or [])
    ip, port = await app.start()
    try:
        async with ClientSession() as client:
            yield Console(app, host, client, f"http://{'127.0.0.1' if ip == '0.0.0.0' else ip}:{port}")
    finally:
        await app.close()


async def next_of(watcher: ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    while True:
        message: dict[str, Any] = await asyncio.wait_for(watcher.receive_json(), 10)
        if message["type"] == kind:
            return message


@pytest.mark.asyncio
async def test_health_and_readiness() -> None:
    async with console() as c:
        assert await c.get("/healthz") == (200, {"status": "ok"})
        assert await c.get("/readyz") == (200, {"ready": True})
        c.host.ready = False
        assert await c.get("/readyz") == (503, {"ready": False})


@pytest.mark.asyncio
async def test_tools_and_public_url() -> None:
    async with console() as c:
        status, tools = await c.get("/tools")
        assert (status, [t["name"] for t in tools]) == (200, ["end_call"])
        assert await c.get("/public-url") == (200, {"publicUrl": c.address})
    named = ConsoleApp(StandInHost(), settings=ServerConfig(port=0, public_url="https://pbx.example"))
    _, port = await named.start()
    async with ClientSession() as client, client.get(f"http://127.0.0.1:{port}/public-url") as answer:
        assert await answer.json() == {"publicUrl": "https://pbx.example"}
    await named.close()


@pytest.mark.asyncio
async def test_calls_and_one_call() -> None:
    async with console() as c:
        status, listed = await c.get("/calls")
        assert (status, [call["callId"] for call in listed["calls"]]) == (200, ["call-1"])
        status, one = await c.get("/calls/call-1")
        assert (status, one["call"]) == (200, listed["calls"][0])
        words = [e["heard"] for e in one["entries"] if e["kind"] == "turn"]
        assert words[0] == "Do you have a table for four tonight?"


@pytest.mark.asyncio
async def test_hanging_up() -> None:
    async with console() as c:
        assert (await c.post("/calls/call-1/hangup"))[0] == 202
        assert c.host.hung_up == ["call-1"]
        over = c.host.add(new_record("over"))
        c.host.play(over, [(0, Arrived(), [])])
        over._ended = 1.0
        assert await c.post("/calls/over/hangup") == (409, {"error": "the call 'over' has ended already"})
        assert await c.post("/calls/gone/hangup") == (404, {"error": "there is no call 'gone'"})


@pytest.mark.asyncio
async def test_errors_are_json() -> None:
    async def breaks(request: web.Request) -> web.Response:
        raise RuntimeError("a secret detail")

    async with console(routes=[web.get("/breaks", breaks)]) as c:
        assert await c.get("/calls/gone") == (404, {"error": "there is no call 'gone'"})
        assert await c.get("/nowhere") == (404, {"error": "404: Not Found"})
        assert (await c.get("/calls/call-1/hangup"))[0] == 405
        assert (await c.get("/static/../app.py"))[0] == 404
        assert await c.get("/breaks") == (500, {"error": "the server made a mistake; its log says more"})


@pytest.mark.asyncio
async def test_the_feed_reaches_a_watcher() -> None:
    async with console() as c, c.logs() as watcher:
        listed = await next_of(watcher, "active_calls_list")
        assert [call["callId"] for call in listed["payload"]] == ["call-1"]
        c.host.play(c.host.records["call-1"], [(20.0, TalkingStarted(), [])], c.app.feed)
        assert (await next_of(watcher, "vad_speech_detected_start"))["callId"] == "call-1"
        assert (await next_of(watcher, "call_changed"))["payload"]["call"]["activity"] == "caller speaking"


@pytest.mark.asyncio
async def test_requests_are_answered_to_the_one_who_asks() -> None:
    async with console() as c, c.logs() as watcher, c.logs() as other:
        await watcher.send_json({"type": "session.update", "session": {"voice": "cedar"}})
        assert (await next_of(watcher, "config_update_ack"))["appliedConfig"] == {"voice": "cedar"}
        await watcher.send_json({"type": "get_conversation_history", "callId": "call-1"})
        assert (await next_of(watcher, "conversation_history"))["payload"][0]["actor"] == "bot"
        await watcher.send_str("no JSON")
        assert (await next_of(watcher, "error"))["message"] == "a request must be JSON"
        await watcher.send_bytes(b"\x00")
        assert (await next_of(watcher, "error"))["message"] == "a request must be a text message"
        assert json.loads((await other.receive()).data)["type"] == "active_calls_list"
        with pytest.raises(TimeoutError):
            await other.receive(timeout=0.05)


@pytest.mark.asyncio
async def test_a_watcher_who_leaves_is_forgotten() -> None:
    async with console() as c:
        async with c.logs() as watcher:
            await next_of(watcher, "active_calls_list")
            assert c.app.feed.watched
        for _ in range(1000):
            if not c.app.feed.watched:
                break
            await c.get("/healthz")
        assert not c.app.feed.watched


@asynccontextmanager
async def unread_logs(address: str) -> AsyncIterator[asyncio.StreamReader]:
    """A WebSocket whose owner does not read: the stream stops taking at 2 kB, small buffers fill at once."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect((host, int(port)))
    reader, writer = await asyncio.open_connection(sock=plain, limit=1024)
    writer.write(
        b"GET /logs HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    try:
        yield reader
    finally:
        writer.close()


@pytest.mark.asyncio
async def test_a_watcher_who_does_not_read_loses_events_and_the_others_none() -> None:
    answer = AnswerTranscript("resp_9", "item_9", "word " * 800)
    async with console() as c, c.logs() as quick, unread_logs(c.address) as unread:
        record = c.host.records["call-1"]
        for number in range(20):
            steps: list[Step] = [(20.0 + number, answer, [])] * 100
            c.host.play(record, steps, c.app.feed)
            for _ in steps:
                await next_of(quick, "openai_answer_transcript")
        seen = b""
        while b"events_lost" not in seen:
            seen = seen[-20:] + await asyncio.wait_for(unread.read(65536), 10)


@pytest.mark.asyncio
async def test_pages_of_other_sites_are_kept_out() -> None:
    strange = {"Origin": "https://attacker.example"}
    async with console() as c:
        assert (await c.get("/calls", **strange))[0] == 403
        assert (await c.post("/calls/call-1/hangup", **strange))[0] == 403
        assert c.host.hung_up == []
        assert (await c.get("/calls", Host="attacker.example"))[0] == 403
        with pytest.raises(WSServerHandshakeError) as refused:
            async with c.logs(**strange):
                pass
        assert refused.value.status == 403


@pytest.mark.asyncio
async def test_a_page_made_for_the_original_on_another_port_may_read() -> None:
    page = {"Origin": "http://localhost:3000"}
    async with console() as c:
        async with c.client.get(c.address + "/tools", headers=page) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
        asking = page | {"Access-Control-Request-Method": "POST"}
        async with c.client.options(c.address + "/calls/call-1/hangup", headers=asking) as answer:
            assert (answer.status, answer.headers["Access-Control-Allow-Methods"]) == (204, "GET, POST")
        async with c.logs(**page) as watcher:
            await next_of(watcher, "active_calls_list")


@pytest.mark.asyncio
async def test_with_a_token_nothing_is_told_without_it() -> None:
    async with console(token="secret", host_ip="0.0.0.0") as c:
        assert (await c.get("/calls"))[0] == 401
        assert (await c.get("/calls", Authorization="Bearer secret"))[0] == 200
        assert (await c.get("/healthz"))[0] == 200
        with pytest.raises(WSServerHandshakeError):
            async with c.logs():
                pass
        async with c.logs("?token=secret") as watcher:
            await next_of(watcher, "active_calls_list")


@pytest.mark.asyncio
async def test_an_address_that_others_reach_needs_a_token() -> None:
    app = ConsoleApp(StandInHost(), settings=ServerConfig(port=0, host_ip="0.0.0.0"))
    with pytest.raises(ConsoleError, match=r"WEBSOCKET_SERVER_HOST_IP.*0\.0\.0\.0.*OFFHOOK_TOKEN"):
        await app.start()
    await app.close()


@pytest.mark.asyncio
async def test_a_busy_port_is_named() -> None:
    async with console() as c:
        port = int(c.address.rpartition(":")[2])
        second = ConsoleApp(StandInHost(), settings=ServerConfig(port=port))
        with pytest.raises(ConsoleError, match=f"PORT is {port}, and another program listens there"):
            await second.start()
        await second.close()


@pytest.mark.asyncio
async def test_closing_tells_the_watchers_and_frees_the_port() -> None:
    async with console() as c, c.logs() as watcher:
        await next_of(watcher, "active_calls_list")
        await c.app.close()
        goodbye = await asyncio.wait_for(watcher.receive(), 10)
        assert (goodbye.type, goodbye.data) == (WSMsgType.CLOSE, WSCloseCode.GOING_AWAY)
        await c.app.close()
        port = int(c.address.rpartition(":")[2])
        again = ConsoleApp(StandInHost(), settings=ServerConfig(port=port))
        assert (await again.start())[1] == port
        await again.close()


@pytest.mark.asyncio
async def test_the_page_and_its_files_come_from_here_alone() -> None:
    async with console() as c:
        async with c.client.get(c.address + "/") as answer:
            page = await answer.text()
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for name in re.findall(r'(?:src|href)="(static/[^"]+)"', page):
            async with c.client.get(f"{c.address}/{name}") as answer:
                assert answer.status == 200
    text = "".join(file.read_text() for file in STATIC.iterdir())
    assert re.findall(r"https?://", text) == []


def test_the_page_never_makes_markup_of_text() -> None:
    script = (STATIC / "console.js").read_text()
    risky = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|srcdoc"
    assert re.findall(risky, script) == []


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.asyncio
async def test_a_browser_shows_the_call_and_runs_none_of_its_words(tmp_path: Path) -> None:
    words = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\"> hello"
    async with console(words=words) as c:
        browser = await asyncio.create_subprocess_exec(
            str(CHROMIUM),
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={tmp_path}", "--virtual-time-budget=4000", "--dump-dom", c.address + "/"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        output, _ = await asyncio.wait_for(browser.communicate(), 100)
    page = output.decode()
    assert "<title>Offhook</title>" in page
    assert "&lt;script&gt;document.title" in page
    assert re.search(r"<s [^>]*>one at nine on the terrace", page)
    assert "find_table" in page
    assert page.count("<script") == 1
    assert "<img" not in page

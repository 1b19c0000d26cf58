"""The WebSocket to a Realtime server: alive or not, drained or not, encrypted, on either event loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from offhook.realtime.connection import ConnectError, Connection, connect
from offhook.realtime.endpoint import Endpoint
from offhook.realtime.health import Health
from scripted_realtime import FRAME


@dataclass
class Ends:
    """What a connection reported."""

    messages: list[bytes] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def message(self, payload: bytes) -> None:
        self.messages.append(payload)
        self.news.set()

    def close(self, reason: str) -> None:
        self.closed.append(reason)
        self.news.set()

    async def changed(self) -> None:
        await asyncio.wait_for(self.news.wait(), 10)
        self.news.clear()

    async def connect(
        self, port: int, *, health: Health | None = None, tls: ssl.SSLContext | None = None
    ) -> Connection:
        scheme = "ws" if tls is None else "wss"
        host = "127.0.0.1" if tls is None else "localhost"
        target = Endpoint(
            f"{scheme}://{host}:{port}/v1/realtime?model=m", {"Authorization": "Bearer sk-secret"}
        )
        return await connect(target, on_message=self.message, on_closed=self.close, health=health, tls=tls)


async def echo(socket: ServerConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for message in socket:
            await socket.send(message)


@contextlib.asynccontextmanager
async def deaf_server() -> AsyncIterator[int]:
    """A server that answers the handshake, and from then on neither reads nor writes; yields its port."""

    async def handler(socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        try:
            await asyncio.sleep(3600)
        finally:
            socket.transport.abort()

    server = await serve(handler, "127.0.0.1", 0, ping_interval=None)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close(close_connections=False)
        for connection in server.connections:
            connection.transport.abort()


@contextlib.asynccontextmanager
async def raw_server(*pieces: bytes, after_handshake: bytes = b"") -> AsyncIterator[int]:
    """A server that answers the handshake a byte at a time, `after_handshake` in the last piece of it, and then sends
    these pieces; yields its port."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        protocol = ServerProtocol()
        protocol.receive_data(request)
        (asked,) = protocol.events_received()
        assert isinstance(asked, Request)
        protocol.send_response(protocol.accept(asked))
        answer = b"".join(protocol.data_to_send())
        for byte in answer[:-1]:
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0)
        for piece in (answer[-1:] + after_handshake, *pieces):
            writer.write(piece)
            await asyncio.sleep(0.01)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def wire(payload: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True) -> bytes:
    return WireFrame(opcode, payload, fin).serialize(mask=False)


@pytest.mark.asyncio
async def test_messages_are_whole_however_the_server_and_the_network_cut_them() -> None:
    first, rest = wire(b"first")[:3], wire(b"first")[3:]
    pieces = (
        rest + wire(b"second"),
        wire(b"th", fin=False) + wire(b"still there?", Opcode.PING),
        wire(b"i", Opcode.CONT, fin=False),
        wire(b"rd", Opcode.CONT) + wire(b"fourth"),
    )
    ends = Ends()
    async with raw_server(*pieces, after_handshake=first) as port:
        connection = await ends.connect(port)
        while len(ends.messages) < 4:
            await ends.changed()
        await connection.close()
    assert ends.messages == [b"first", b"second", b"third", b"fourth"]
    assert ends.closed == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (b"\x81\x85abcdhello", "broke the WebSocket protocol: incorrect masking"),
        (wire(b"a", fin=False) + wire(b"b"), "broke the WebSocket protocol: expected a continuation frame"),
        (b"\x81\x7f" + (17 << 20).to_bytes(8, "big") + b"{", "sent a message of more than 16 MiB"),
        (b"\xc1\x01a", "broke the WebSocket protocol: reserved bits must be 0"),
    ],
)
async def test_a_server_that_breaks_the_protocol_is_named(broken: bytes, said: str) -> None:
    ends = Ends()
    async with raw_server(wire(b"good") + broken) as port:
        await ends.connect(port)
        while not ends.closed:
            await ends.changed()
    assert ends.messages == [b"good"]
    (reason,) = ends.closed
    assert said in reason


@pytest.mark.asyncio
async def test_a_peer_that_answers_pings_stays() -> None:
    health = Health(0.0, ping_seconds=0.05, dead_seconds=0.5, check_seconds=0.02)
    async with serve(echo, "127.0.0.1", 0, ping_interval=None) as server:
        ends = Ends()
        connection = await ends.connect(server.sockets[0].getsockname()[1], health=health)
        first = health.last_received
        await asyncio.sleep(1)
        assert ends.closed == []
        assert health.last_received > first
        await connection.close()


@pytest.mark.asyncio
async def test_a_peer_that_has_died_is_found() -> None:
    health = Health(0.0, ping_seconds=0.05, dead_seconds=0.2, check_seconds=0.02)
    async with deaf_server() as port:
        ends = Ends()
        await ends.connect(port, health=health)
        await ends.changed()
        assert ends.closed == [f"127.0.0.1:{port} has been silent for 0.2 s"]


@pytest.mark.asyncio
async def test_the_peers_pings_are_answered() -> None:
    async with serve(echo, "127.0.0.1", 0, ping_interval=0.05, ping_timeout=0.2) as server:
        ends = Ends()
        connection = await ends.connect(server.sockets[0].getsockname()[1])
        await asyncio.sleep(0.6)
        assert ends.closed == []
        await connection.close()


@pytest.mark.asyncio
async def test_audio_that_is_not_taken_ends_the_connection_with_the_count() -> None:
    health = Health(0.0, stall_bytes=64 * 1024, stall_seconds=0.1, check_seconds=0.02)
    async with deaf_server() as port:
        ends = Ends()
        connection = await ends.connect(port, health=health)
        while not ends.closed:
            for _ in range(100):
                connection.append(FRAME)
            await asyncio.sleep(0)
        [reason] = ends.closed
        words = reason.split()
        assert reason.startswith(f"127.0.0.1:{port} takes no audio: ")
        assert reason.endswith("ms of the caller's audio) undelivered after 0.1 s")
        waiting_bytes, audio_ms = int(words[words.index("bytes") - 1]), int(words[words.index("ms") - 1])
        # A frame of 20 ms makes 269 bytes on the wire.
        assert waiting_bytes > 64 * 1024
        assert audio_ms == pytest.approx(waiting_bytes / 269 * 20, rel=0.01)


@pytest.mark.asyncio
async def test_what_the_peer_does_not_read_waits_with_us_and_not_in_the_kernel() -> None:
    async with deaf_server() as port:
        connection = await Ends().connect(port)
        for _ in range(1000):
            connection.append(FRAME * 100)
        await asyncio.sleep(0.1)
        # The peer's own buffer holds some 60 kB; without TCP_NOTSENT_LOWAT, ours would hide 4 MB.
        assert connection.waiting_bytes > 1000 * 100 * len(FRAME) * 4 // 3 - 500_000
        connection.abort()


@pytest.mark.asyncio
@pytest.mark.parametrize("pause", [False, True])
async def test_close_is_prompt_and_leaves_nothing(pause: bool) -> None:
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        if pause:
            port = await stack.enter_async_context(deaf_server())
        else:
            server = await stack.enter_async_context(serve(echo, "127.0.0.1", 0))
            port = server.sockets[0].getsockname()[1]
        ends = Ends()
        connection = await ends.connect(port)
        if pause:
            for _ in range(500):
                connection.append(FRAME * 100)
        started = loop.time()
        await connection.close()
        await connection.close()
        assert loop.time() - started < 1
        assert ends.closed == []
        connection.append(FRAME)
        connection.send(b"{}")
        assert connection.waiting_bytes == 0


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost and its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate")
    path = tmp_path_factory.mktemp("tls")
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    subprocess.run(
        [
            openssl,
            *command.split(),
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            "key",
            "-out",
            "cert",
        ],
        cwd=path,
        check=True,
        capture_output=True,
    )
    both = path / "both.pem"
    both.write_bytes((path / "key").read_bytes() + (path / "cert").read_bytes())
    return both


def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def _there_and_back(certificate: Path) -> None:
    """Send audio over TLS, get it back, close."""
    async with serve(echo, "localhost", 0, ssl=server_tls(certificate)) as server:
        ends = Ends()
        trust = ssl.create_default_context(cafile=str(certificate))
        connection = await ends.connect(server.sockets[0].getsockname()[1], tls=trust)
        for _ in range(200):
            connection.append(FRAME)
        while len(ends.messages) < 200:
            await ends.changed()
        assert {json.loads(message)["type"] for message in ends.messages} == {"input_audio_buffer.append"}
        await connection.close()
        assert ends.closed == []


@pytest.mark.asyncio
async def test_audio_goes_over_tls(certificate: Path) -> None:
    await _there_and_back(certificate)


def test_audio_goes_over_tls_on_uvloop(certificate: Path) -> None:
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_there_and_back(certificate))


@pytest.mark.asyncio
async def test_an_untrusted_certificate_is_refused(certificate: Path) -> None:
    async with serve(echo, "localhost", 0, ssl=server_tls(certificate)) as server:
        with pytest.raises(ConnectError, match=r"no secure connection to localhost:.*: self-signed cert"):
            await Ends().connect(server.sockets[0].getsockname()[1], tls=ssl.create_default_context())

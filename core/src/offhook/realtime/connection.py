"""The WebSocket to a Realtime server.

The protocol is `websockets`' own, in its form without I/O, over an asyncio protocol of ours: so a frame of
audio is one plain call that writes to the transport, with no task, queue or await on its way. Messages come
as plain calls, too, and those in one frame do not go through the library at all (`framing`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import ssl
from collections.abc import Callable
from functools import cache
from typing import cast

from websockets.client import ClientProtocol
from websockets.exceptions import (
    InvalidStatus,
    InvalidURI,
    PayloadTooBig,
    ProtocolError,
    WebSocketException,
)
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from .endpoint import Endpoint, redacted, refusal
from .framing import WHOLE_TEXT, FrameSplitter, random_masks, text_frame
from .health import Health
from .messages import append_payload

log = logging.getLogger("offhook.realtime.connection")

LARGEST_MESSAGE = 16 * 1024 * 1024
"""Bytes; a longer message of the server ends the connection (close code 1009)."""
CLOSE_SECONDS = 0.5
"""How long a closing handshake may take before the connection is cut."""

_END_OF_HEAD = b"\r\n\r\n"


class ConnectError(Exception):
    """A connection that could not be opened; the text is one sentence for people.

    status: the HTTP status of a refused handshake, else None.
    """

    def __init__(self, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status


async def connect(
    target: Endpoint,
    *,
    on_message: Callable[[bytes], None],
    on_closed: Callable[[str], None],
    input_bytes_per_ms: int = 8,
    tls: ssl.SSLContext | None = None,
    health: Health | None = None,
) -> Connection:
    """Open a WebSocket; give it a time limit with `asyncio.timeout`. Cancelled, it leaves nothing behind.

    on_message: gets each message of the server whole, as UTF-8 JSON text. on_closed: gets a sentence, once,
    when the connection ends by itself (not by `close` or `abort`); no message comes after it.
    input_bytes_per_ms: size of a millisecond of the audio that is appended, to name a backlog. health: limits
    other than the usual ones.

    Raises:
        ConnectError: no network, no TLS, or the server refused (`status`).
    """
    loop = asyncio.get_running_loop()
    try:
        uri = parse_uri(target.url)
    except InvalidURI as error:
        raise ConnectError(f"{target.address_setting} makes no usable address: {target.url}") from error
    connection = Connection(
        ClientProtocol(uri, max_size=LARGEST_MESSAGE),
        target,
        on_message,
        on_closed,
        input_bytes_per_ms,
        health or Health(loop.time()),
    )
    try:
        if uri.secure:
            await loop.create_connection(
                lambda: connection,
                uri.host,
                uri.port,
                ssl=tls or default_tls(),
                ssl_shutdown_timeout=CLOSE_SECONDS,
            )
        else:
            await loop.create_connection(lambda: connection, uri.host, uri.port)
        await connection.opened()
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or error
        raise ConnectError(f"no secure connection to {target.host}: {reason}") from error
    except OSError as error:
        raise ConnectError(f"cannot reach {target.host}: {error.strerror or error}") from error
    except BaseException:
        connection.abort()
        raise
    return connection


@cache
def default_tls() -> ssl.SSLContext:
    """The system's certificates; read once, since that takes tens of milliseconds."""
    return ssl.create_default_context()


class Connection(asyncio.Protocol):
    """One open WebSocket. Made by `connect`."""

    def __init__(
        self,
        protocol: ClientProtocol,
        target: Endpoint,
        on_message: Callable[[bytes], None],
        on_closed: Callable[[str], None],
        input_bytes_per_ms: int,
        health: Health,
    ) -> None:
        # With debug logging on, websockets would write the key among the request's headers.
        protocol.debug = False
        self._protocol = protocol
        self._target = target
        self._on_message = on_message
        self._on_closed = on_closed
        self._input_bytes_per_ms = input_bytes_per_ms
        self._health = health
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._masks = random_masks()
        self._open = False
        self._done = False
        """Nobody is to be called any more: closed by us, or its end was reported."""
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._parts: list[bytes | bytearray | memoryview] = []
        """The frames so far of a fragmented message."""
        self._frames: FrameSplitter | None = None
        """There once the handshake is done."""
        self._head_end = b""
        """The last bytes of the handshake's answer so far: its end may come in two pieces."""
        self._timer: asyncio.TimerHandle | None = None
        self._last_frame = 0
        """Size in bytes of the audio in the newest append."""

    # Opening

    async def opened(self) -> None:
        """Wait for the end of the opening handshake. Raises `ConnectError` if it fails."""
        await self._opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        raw = transport.get_extra_info("socket")
        if raw is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            # What the kernel has not sent yet stays with us, where it is counted: its own buffer would hide
            # minutes of audio. (Python's asyncio has set TCP_NODELAY already.)
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, 16 * 1024)
        request = self._protocol.connect()
        try:
            for name, value in self._target.headers.items():
                request.headers[name] = value
        except WebSocketException:  # its text has the value, which may be a key
            self._refuse(ConnectError(f"the header {name} for {self._target.host} cannot be sent"))
            return
        self._protocol.send_request(request)
        self._flush()

    def _handshake_done(self, response: Response) -> None:
        problem = self._protocol.handshake_exc
        if problem is None:
            self._open = True
            self._frames = FrameSplitter(LARGEST_MESSAGE)
            self._health.last_received = self._loop.time()
            self._timer = self._loop.call_later(self._health.check_seconds, self._check)
            if not self._opened.done():
                self._opened.set_result(None)
            return
        if isinstance(problem, InvalidStatus):
            status = response.status_code
            self._refuse(ConnectError(refusal(self._target, status, bytes(response.body)), status))
        else:
            self._refuse(ConnectError(f"{self._target.host} is no WebSocket server: {problem}"))

    def _refuse(self, error: ConnectError) -> None:
        if not self._opened.done():
            self._opened.set_exception(error)
        self.abort()

    # Sending

    def append(self, audio: bytes) -> None:
        """Send caller audio at once (`input_audio_buffer.append`); nothing is sent on a closed connection."""
        if not self._open:
            return
        self._last_frame = len(audio)
        self._transport.write(text_frame(append_payload(audio), next(self._masks)))  # type: ignore[union-attr]

    def send(self, payload: bytes) -> None:
        """Send one message, UTF-8 JSON text; nothing is sent on a closed connection."""
        if self._open:
            self._transport.write(text_frame(payload, next(self._masks)))  # type: ignore[union-attr]

    @property
    def waiting_bytes(self) -> int:
        """What was sent and has not reached the network yet."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def _flush(self) -> None:
        """Hand to the transport what the protocol wants to say: handshake, ping, pong, close."""
        transport = self._transport
        for data in self._protocol.data_to_send():
            if transport is None or transport.is_closing():
                return
            if data:
                transport.write(data)

    # Receiving

    def data_received(self, data: bytes) -> None:
        self._health.last_received = self._loop.time()
        if self._frames is None:
            data = self._shake_hands(data)
        if self._frames is not None:
            for frame, start in self._frames.feed(data):
                if start and frame[0] == WHOLE_TEXT and not self._parts:
                    self._message(frame[start:])
                else:
                    self._to_protocol(frame)

    def _shake_hands(self, data: bytes) -> bytes:
        """Give the server's answer to the protocol, and return what follows it: frames."""
        known = self._head_end + data
        end = known.find(_END_OF_HEAD)
        self._head_end = known[1 - len(_END_OF_HEAD) :]
        answer = len(data) if end < 0 else end + len(_END_OF_HEAD) - len(known) + len(data)
        self._to_protocol(data[:answer])
        if self._frames is None and answer < len(data):  # the text of a refusal
            self._to_protocol(data[answer:])
        return data[answer:]

    def _to_protocol(self, data: bytes) -> None:
        protocol = self._protocol
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Frame):
                self._frame(event)
            elif isinstance(event, Response):
                self._handshake_done(event)
        self._flush()
        if self._open and protocol.state is not State.OPEN:
            # The server closes, or broke the protocol: our answer is written, nothing more will come.
            self._end(self._why())

    def _frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.BINARY or frame.opcode is Opcode.CONT:
            self._parts.append(frame.data)
            if frame.fin:
                payload = b"".join(self._parts)
                self._parts.clear()
                self._message(payload)

    def _message(self, payload: bytes) -> None:
        if not self._done:
            try:
                self._on_message(payload)
            except Exception:
                log.exception("a message of the provider could not be handled")

    def eof_received(self) -> bool:
        self._protocol.receive_eof()
        self._flush()
        problem = self._protocol.handshake_exc
        if problem is not None and not self._opened.done():
            self._refuse(ConnectError(f"{self._target.host} is no WebSocket server: {problem}"))
        return False

    # Ending

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._lost.done():
            self._lost.set_result(None)
        if not self._opened.done():
            self._opened.set_exception(
                ConnectError(
                    f"{self._target.host} hung up before the session began{f' ({exc})' if exc else ''}"
                )
            )
            # Nobody may be waiting any more.
            self._opened.exception()
        self._end(f"the connection to {self._target.host} broke{f' ({exc})' if exc else ''}")

    def _why(self) -> str:
        """Why the protocol is no longer open, as a sentence."""
        protocol = self._protocol
        host = self._target.host
        match protocol.parser_exc:
            case PayloadTooBig():
                return f"{host} sent a message of more than {LARGEST_MESSAGE >> 20} MiB"
            case ProtocolError() | UnicodeDecodeError() as problem:
                return f"{host} broke the WebSocket protocol: {problem}"
        received = protocol.close_rcvd
        if received is None:
            return f"the connection to {host} broke"
        reason = f": {received.reason}" if received.reason else ""
        code = "without a code" if received.code == CloseCode.NO_STATUS_RCVD else f"with code {received.code}"
        return redacted(f"{host} closed the connection {code}{reason}", self._target)

    def _check(self) -> None:
        self._timer = self._loop.call_later(self._health.check_seconds, self._check)
        waiting = self.waiting_bytes
        match self._health.check(self._loop.time(), waiting):
            case "ping":
                self._protocol.send_ping(os.urandom(4))
                self._flush()
            case "dead":
                self._end(f"{self._target.host} has been silent for {self._health.dead_seconds:g} s")
            case "stalled":
                self._end(self._backlog(waiting))

    def _backlog(self, waiting: int) -> str:
        sentence = f"{self._target.host} takes no audio: {waiting} bytes"
        if self._last_frame:
            frames = waiting / (len(append_payload(bytes(self._last_frame))) + 8)
            audio_ms = round(frames * self._last_frame / self._input_bytes_per_ms)
            sentence += f" (about {audio_ms} ms of the caller's audio)"
        return f"{sentence} undelivered after {self._health.stall_seconds:g} s"

    def _end(self, reason: str) -> None:
        """The connection ended by itself: shut it, and say so once."""
        tell = self._open and not self._done
        self._shut()
        if self._transport is not None:
            # Our answer to a close is on its way, unless nothing gets through.
            if self.waiting_bytes:
                self._transport.abort()
            else:
                self._transport.close()
        if tell:
            self._on_closed(reason)

    def _shut(self) -> None:
        """Nothing is sent from now on, and nobody is called."""
        self._open = False
        self._done = True
        self._parts.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def abort(self) -> None:
        """Cut the connection without a word; no callback comes any more."""
        self._shut()
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """Close politely, or, where the server is slow to answer, by force; at most about half a second.

        No callback comes any more. Calling it again, or after the connection has ended, does no harm.
        """
        was_open = self._open
        self._shut()
        if self._transport is None:
            return
        try:
            if was_open:
                self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
                self._flush()
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.shield(self._lost)
        except TimeoutError:
            pass
        finally:
            self._transport.abort()
        await asyncio.shield(self._lost)

"""The WebSocket that ARI's events come on: each is handed on in the very callback that has read it.

A caller who talks over an answer is an event, too, and the answer has to stop at once: through the library's queue, and
a task at its end, that takes a millisecond longer when a hundred calls talk.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.frames import DATA_OPCODES, CloseCode, Frame, Opcode
from websockets.protocol import Event

log = logging.getLogger("offhook.ari")

CLOSE_SECONDS = 1.0
"""How long Asterisk may take for the closing handshake."""


class EventSocket(ClientConnection):
    """One connection; made by `open_event_socket`. Nothing is lost before `listen`."""

    def __init__(self, protocol: ClientProtocol, **options: Any) -> None:
        # With debug logging on, the library would write the login among the request's headers.
        protocol.debug = False
        super().__init__(protocol, **options)
        self._listener: Callable[[bytes], None] | None = None
        self._early: list[bytes] = []
        """What came before `listen`."""
        self._parts: list[bytes] = []
        """The frames so far of a fragmented message."""
        self._text = True
        """The message that is coming in is text."""

    def listen(self, listener: Callable[[bytes], None]) -> None:
        """From now on each message is given to `listener`, as UTF-8 text; it must not raise."""
        self._listener = listener
        for message in self._early:
            listener(message)
        self._early.clear()

    def process_event(self, event: Event) -> None:
        """Overrides the library's: data does not go into its queue."""
        if isinstance(event, Frame) and event.opcode in DATA_OPCODES:
            self._data(event)
        else:
            super().process_event(event)

    def _data(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT:
            self._text = frame.opcode is Opcode.TEXT
        self._parts.append(bytes(frame.data))
        if not frame.fin:
            return
        message = b"".join(self._parts)
        self._parts.clear()
        if not self._text:
            log.warning("ARI event stream: a binary message left out")
        elif self._listener is None:
            self._early.append(message)
        else:
            self._listener(message)

    async def ended(self) -> str:
        """Wait until the connection is closed; says why it was."""
        await self.wait_closed()
        protocol = self.protocol
        if protocol.close_rcvd is not None:
            return f"closed by Asterisk (code {int(protocol.close_rcvd.code)})"
        if protocol.parser_exc is not None and not isinstance(protocol.parser_exc, EOFError):
            return f"connection broke: {protocol.parser_exc}"
        if protocol.close_sent is not None and protocol.close_sent.code == CloseCode.INTERNAL_ERROR:
            return f"connection broke: no PONG within {self.ping_timeout:g} s"
        return f"connection broke: {self.connection_exc or 'Asterisk hung up without a word'}"


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        """Asterisk sends nobody elsewhere, and the login is for nobody else."""
        return exc


async def open_event_socket(
    url: str, headers: Mapping[str, str], *, heartbeat_seconds: float, timeout_seconds: float
) -> EventSocket:
    """Open a WebSocket that pings each `heartbeat_seconds` and gives up half that time after a ping.

    url: `ws://` or `wss://`. Raises `InvalidHandshake` (its subclass `InvalidStatus` has Asterisk's answer), `OSError`
    and `TimeoutError`.
    """
    return await _Connect(  # type: ignore[return-value]
        url,
        additional_headers=headers,
        create_connection=EventSocket,
        compression=None,
        proxy=None,
        open_timeout=timeout_seconds,
        ping_interval=heartbeat_seconds,
        ping_timeout=heartbeat_seconds / 2,
        close_timeout=CLOSE_SECONDS,
        max_size=None,
    )

"""WebSocket frames (RFC 6455 section 5) without a library's comfort: what the bare ends of a benchmark need.

Handshakes, whole messages in one frame, ping and close; no extensions, no fragments.
"""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from collections.abc import Iterator

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_LONG = struct.Struct("!BBH").pack
_LONGEST = struct.Struct("!BBQ").pack


def server_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A frame as a server sends it."""
    return _head(opcode, len(payload), 0) + payload


def client_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A frame as a client sends it: masked."""
    mask = os.urandom(4)
    return b"".join((_head(opcode, len(payload), 0x80), mask, apply_mask(payload, mask)))


def _head(opcode: int, size: int, masked: int) -> bytes:
    if size < 126:
        return bytes((0x80 | opcode, masked | size))
    if size < 65_536:
        return _LONG(0x80 | opcode, masked | 126, size)
    return _LONGEST(0x80 | opcode, masked | 127, size)


class Frames:
    """Takes bytes as they come and gives the frames: opcode, payload and mask (empty from a server)."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
        """The frames that are complete now; the payload is still masked, so that one may look at its beginning."""
        data = self._rest + data if self._rest else data
        at, end = 0, len(data)
        while end - at >= 2:
            size, start = data[at + 1] & 0x7F, at + 2
            if size == 126:
                size, start = int.from_bytes(data[start : start + 2], "big"), start + 2
            elif size == 127:
                size, start = int.from_bytes(data[start : start + 8], "big"), start + 8
            masked = data[at + 1] & 0x80
            body = start + 4 if masked else start
            if body + size > end:
                break
            opcode, mask = data[at] & 0x0F, data[start:body]
            at = body + size
            yield opcode, data[body:at], mask
        self._rest = data[at:]


def unmask(payload: bytes, mask: bytes) -> bytes:
    """A payload, or its beginning, in clear."""
    return apply_mask(payload, mask) if mask else payload


def upgrade_request(host: str, path: str) -> bytes:
    """A client's handshake."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    )
    return "\r\n".join((*lines, "", "")).encode()


def upgrade_answer(request: bytes) -> bytes:
    """A server's handshake. ValueError if the request is none."""
    for line in request.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"sec-websocket-key":
            accept = base64.b64encode(hashlib.sha1(value.strip() + _MAGIC).digest())
            return (
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
    raise ValueError(f"no WebSocket handshake: {request[:80]!r}")

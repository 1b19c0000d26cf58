"""WebSocket frames on the audio's road (RFC 6455 section 5), written and told apart. Pure.

A whole text message in one frame is what audio comes in, fifty times a second and call; reading it here costs a
quarter of what the library's parser takes. Everything else (handshake, control frames, fragments, whatever breaks the
protocol) is left to `websockets`, which for that must get whole frames only.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import Final

from websockets.frames import Opcode

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

WHOLE_TEXT: Final = 0x80 | Opcode.TEXT
"""First byte of a message of text in a single frame, without extensions."""
_MASKED = 0x80
_MASKS_AT_A_TIME = 64
_head_16 = struct.Struct("!BBH").pack
_head_64 = struct.Struct("!BBQ").pack


def random_masks() -> Iterator[bytes]:
    """Unpredictable ones, for the frames of one client (RFC 6455 section 5.3); asking the system for each of them would
    cost as much as the rest of a frame."""
    while True:
        stock = os.urandom(4 * _MASKS_AT_A_TIME)
        for at in range(0, len(stock), 4):
            yield stock[at : at + 4]


def text_frame(payload: bytes, mask: bytes) -> bytes:
    """One unfragmented text frame of a client. mask: four bytes."""
    size = len(payload)
    if size < 126:
        head = bytes((WHOLE_TEXT, _MASKED | size))
    elif size < 65_536:
        head = _head_16(WHOLE_TEXT, _MASKED | 126, size)
    else:
        head = _head_64(WHOLE_TEXT, _MASKED | 127, size)
    return b"".join((head, mask, apply_mask(payload, mask)))


class FrameSplitter:
    """Cuts the bytes that a server sends into frames."""

    def __init__(self, longest: int) -> None:
        """longest: of a payload, in bytes."""
        self._longest = longest
        self._held: list[bytes] = []
        """The beginning of a frame, as it came."""
        self._held_bytes = 0
        self._wanted = 0
        """With so many bytes there is more to be said of the frame that is held."""
        self._lost = False
        """What comes is no longer told apart."""

    def feed(self, data: bytes) -> list[tuple[bytes, int]]:
        """The frames that are complete now, each with the place where its payload begins.

        A frame that no server may send (masked, or too long) ends that: from it on everything comes as it is, with 0
        for the place, so that the library finds out by itself.
        """
        if self._held:
            self._held.append(data)
            self._held_bytes += len(data)
            if self._held_bytes < self._wanted:
                return []
            data = b"".join(self._held)
            self._held.clear()
        frames: list[tuple[bytes, int]] = []
        at, end = 0, len(data)
        while at < end and not self._lost:
            start, size = 2, data[at + 1] if end - at > 1 else 0
            if size == 126:
                start, size = 4, int.from_bytes(data[at + 2 : at + 4], "big")
            elif size == 127:
                start, size = 10, int.from_bytes(data[at + 2 : at + 10], "big")
            elif size & _MASKED:
                self._lost = True
                break
            known = end - at >= start
            if known and size > self._longest:
                self._lost = True
                break
            wanted = start + size if known else start
            if not known or end - at < wanted:
                self._held.append(data[at:])
                self._held_bytes, self._wanted = end - at, wanted
                return frames
            frames.append((data[at : at + wanted], start))
            at += wanted
        if at < end:
            frames.append((data[at:], 0))
        return frames

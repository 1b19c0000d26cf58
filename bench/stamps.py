"""A frame of audio that says whose it is: 20 ms of µ-law whose bytes are a stamp. Pure.

Asterisk passes µ-law on untouched where both sides of a bridge have it, so the stamp arrives as it was sent. All
processes of a benchmark note times on one clock, `time.monotonic()`, which on Linux is the machine's.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

MAGIC = b"OffhookS"
FRAME_BYTES = 160
_LAYOUT = struct.Struct("!8sHHI")
_REST = bytes([0xD5, 0x55]) * ((FRAME_BYTES - _LAYOUT.size) // 2)


class Stamp(NamedTuple):
    """Which frame this is."""

    call: int
    stream: int
    """0 for the caller's voice; counts the answers of the model from 1 on."""
    number: int
    """Counts the frames of a stream from 0 on."""


def frame(stamp: Stamp) -> bytes:
    """20 ms of µ-law with this stamp; loud, like speech."""
    return _LAYOUT.pack(MAGIC, *stamp) + _REST


def parse(ulaw: bytes) -> Stamp | None:
    """The stamp at the beginning of a frame; None for any other audio."""
    if len(ulaw) < _LAYOUT.size or not ulaw.startswith(MAGIC):
        return None
    _, call, stream, number = _LAYOUT.unpack_from(ulaw)
    return Stamp(call, stream, number)

"""A frame of audio that says whose it is and when it was sent: 20 ms of µ-law that begin with a stamp. Pure.

Asterisk passes µ-law on untouched where both sides of a bridge have it, so the stamp arrives as it was sent. All
processes of a benchmark note times on one clock, `time.monotonic()`, which on Linux is the machine's.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from typing import NamedTuple

MAGIC = b"OhkS"
FRAME_BYTES = 160
CALLER = 0
"""The stream of a caller's voice."""
_LAYOUT = struct.Struct("!4sHHId4x")
STAMP_BYTES = _LAYOUT.size
STAMP_BASE64 = STAMP_BYTES // 3 * 4
"""So many characters of base64 hold a stamp, which ends where a character does."""
_REST = bytes([0xD5, 0x55]) * ((FRAME_BYTES - STAMP_BYTES) // 2)
_REST_BASE64 = b64encode(_REST)
SILENCE = b"\xff" * FRAME_BYTES
"""A frame without sound and without a stamp."""


class Stamp(NamedTuple):
    """Which frame this is, and when it was sent."""

    call: int
    stream: int
    """`CALLER`, or the count of the model's answers, from 1 on: so it also tells the direction."""
    number: int
    """Counts the frames of a stream from 0 on."""
    sent: float
    """Seconds on the machine's monotonic clock."""


def frame(call: int, stream: int, number: int, sent: float) -> bytes:
    """20 ms of µ-law with this stamp; loud, like speech."""
    return _LAYOUT.pack(MAGIC, call, stream, number, sent) + _REST


def frame_base64(call: int, stream: int, number: int, sent: float) -> bytes:
    """The same in base64, cheaper than by encoding the whole frame."""
    return b64encode(_LAYOUT.pack(MAGIC, call, stream, number, sent)) + _REST_BASE64


def parse(ulaw: bytes) -> Stamp | None:
    """The stamp at the beginning of a frame; None for any other audio."""
    if len(ulaw) < STAMP_BYTES or not ulaw.startswith(MAGIC):
        return None
    _, call, stream, number, sent = _LAYOUT.unpack_from(ulaw)
    return Stamp(call, stream, number, sent)

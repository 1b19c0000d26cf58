"""A frame of audio that says whose it is and when it was sent: 20 ms of µ-law that begin with a stamp. Pure.

Asterisk passes µ-law on untouched where both sides of a bridge have it. A snoop channel takes it through linear audio
and back, which changes only the second of its two zeroes (0x7F); a stamp is in letters, and has none. All processes of
a benchmark note times on one clock, `time.monotonic()`, which on Linux is the machine's.
"""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from typing import NamedTuple

MAGIC = b"OhkS"
FRAME_BYTES = 160
CALLER = 0
"""The stream of a caller's voice."""
_LAYOUT = struct.Struct("!HHId2x")
STAMP_BYTES = 30
"""Magic, the fields in base64, and two bytes more."""
_STAMPED = slice(len(MAGIC), len(MAGIC) + _LAYOUT.size // 3 * 4)
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
    return _stamp(call, stream, number, sent) + _REST


def frame_base64(call: int, stream: int, number: int, sent: float) -> bytes:
    """The same in base64, cheaper than by encoding the whole frame."""
    return b64encode(_stamp(call, stream, number, sent)) + _REST_BASE64


def _stamp(call: int, stream: int, number: int, sent: float) -> bytes:
    return MAGIC + b64encode(_LAYOUT.pack(call, stream, number, sent)) + b".."


def parse(ulaw: bytes) -> Stamp | None:
    """The stamp at the beginning of a frame; None for any other audio."""
    if len(ulaw) < STAMP_BYTES or not ulaw.startswith(MAGIC):
        return None
    return Stamp(*_LAYOUT.unpack(b64decode(ulaw[_STAMPED])))

"""Which frames arrived when: noted at 24 bytes each while a load runs, read afterwards."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

_LAYOUT = struct.Struct("=HHIdd")


class Arrival(NamedTuple):
    """One frame that arrived."""

    call: int
    stream: int
    number: int
    sent: float
    at: float
    """Seconds on the machine's monotonic clock, like `sent`."""


class ArrivalLog:
    """Notes arrivals; cheap enough for the audio's road."""

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, call: int, stream: int, number: int, sent: float, at: float) -> None:
        """Note one frame."""
        self._data += _LAYOUT.pack(call, stream, number, sent, at)

    def write(self, path: Path) -> None:
        """Write all into a file."""
        path.write_bytes(self._data)


def read_arrivals(path: Path) -> list[Arrival]:
    """What `ArrivalLog.write` wrote."""
    return [Arrival(*fields) for fields in _LAYOUT.iter_unpack(path.read_bytes())]

"""A caller's end of the audio: stamped RTP out every 20 ms, and what comes in is noted with the kernel's time."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from arrivals import ArrivalLog
from stamps import CALLER, SILENCE, STAMP_BYTES, frame, parse
from ticker import Ticker

HEADER = struct.Struct("!BBHII")
SAMPLES = 160
FIRST_NUMBER = 1000
"""The caller id of the first call; the others count up from it."""
SO_TIMESTAMPNS = 35
"""Linux's number; Python has no name for it."""
_TIMESPEC = struct.Struct("@ll")


class Phones:
    """What all phones of a process share."""

    def __init__(self) -> None:
        self.ticker = Ticker()
        self.heard = ArrivalLog()
        self.talked: list[tuple[int, float]] = []
        """Call and time at which a caller who had been quiet began to talk."""
        self.noticed: list[tuple[int, float]] = []
        """Call and time at which Asterisk said so."""


class Phone:
    """One call's socket. It talks from `connect` on, or, where it has been told to pause, after that."""

    def __init__(self, phones: Phones, call: int = -1) -> None:
        self.call = call
        self.on_talking: Callable[[bool], None] = lambda talking: None
        """Told when the caller falls silent, and when it talks again."""
        self._phones = phones
        self._quiet_frames = 0
        self._was_quiet = False
        self._sequence, self._timestamp = random.getrandbits(16), random.getrandbits(32)
        self._ssrc = random.getrandbits(32)
        self._number = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.bind(("127.0.0.1", 0))
        self._open = True

    @property
    def port(self) -> int:
        """Where it is to be spoken to."""
        port: int = self._socket.getsockname()[1]
        return port

    def connect(self, remote: tuple[str, int]) -> None:
        """Talk to this address, and hear what comes from there."""
        if self._open:
            self._socket.connect(remote)
            asyncio.get_running_loop().add_reader(self._socket, self._hear)
            self._phones.ticker.add(self)

    def pause(self, seconds: float) -> None:
        """Be quiet for so long, then talk again."""
        self._quiet_frames = round(seconds / 0.020)
        self.on_talking(False)

    def close(self) -> None:
        """Put the receiver down; again does no harm."""
        if self._open:
            self._open = False
            self._phones.ticker.discard(self)
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    def turn(self) -> None:
        """20 ms have passed: send the next frame."""
        now = time.monotonic()
        talks_again = self._was_quiet and not self._quiet_frames
        if self._quiet_frames:
            self._quiet_frames -= 1
            self._was_quiet, audio = True, SILENCE
        else:
            self._was_quiet, audio = False, frame(self.call, CALLER, self._number, now)
            self._number += 1
        head = HEADER.pack(0x80, 0, self._sequence, self._timestamp, self._ssrc)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + SAMPLES) & 0xFFFFFFFF
        with suppress(OSError):  # the other end has gone
            self._socket.send(head + audio)
        if talks_again:
            self._phones.talked.append((self.call, now))
            self.on_talking(True)

    def _hear(self) -> None:
        try:
            data, ancillary, _, _ = self._socket.recvmsg(2048, 64)
        except OSError:
            return
        stamp = parse(data[HEADER.size : HEADER.size + STAMP_BYTES])
        if stamp is not None:  # the model may not have known the call's number at first
            self._phones.heard.add(self.call, stamp.stream, stamp.number, stamp.sent, _when(ancillary))


def _when(ancillary: list[Any]) -> float:
    """When the kernel took a packet in, on the machine's monotonic clock."""
    now = time.monotonic()
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(value[: _TIMESPEC.size])
            since: float = time.time() - (seconds + nanoseconds / 1e9)
            return now - since
    return now

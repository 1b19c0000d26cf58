"""The gate between the caller's audio and the Realtime session: closed, buffering, or open."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Literal

from .formats import AudioFormat

GateMode = Literal["closed", "buffer", "open"]


class Gate:
    """Passes the caller's audio to `sink`, keeps it for later, or drops it.

    In order, nothing lost and nothing doubled: what was kept goes out before anything live. Only the limit
    drops audio that was to be kept, the oldest first, and counts it.
    """

    def __init__(
        self,
        sink: Callable[[bytes], None],
        audio_format: AudioFormat,
        *,
        limit_seconds: float,
        gather_ms: int = 0,
    ) -> None:
        """`limit_seconds` bounds what is kept, so many seconds of audio. Live audio is handed on once `gather_ms`
        milliseconds of it are there; 0: each frame at once.
        """
        self.mode: GateMode = "closed"
        self.overflowed_bytes = 0
        """How much of what was to be kept the limit dropped, in bytes, over the whole call."""
        self._sink = sink
        self._bytes_per_ms = audio_format.bytes_per_ms
        self._limit_bytes = int(limit_seconds * 1000) * audio_format.bytes_per_ms
        self._gather_bytes = gather_ms * audio_format.bytes_per_ms
        self._piece_bytes = 1000 * audio_format.bytes_per_ms
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0

    @property
    def overflowed_ms(self) -> int:
        """How much of what was to be kept the limit dropped, in milliseconds."""
        return self.overflowed_bytes // self._bytes_per_ms

    @property
    def kept_bytes(self) -> int:
        """How much is kept at the moment, in bytes."""
        return self._kept_bytes

    def push(self, frame: bytes) -> None:
        """Take in a frame of the caller's audio; of any length."""
        if self.mode == "closed":
            return
        live = self.mode == "open"
        if live and len(frame) >= self._gather_bytes and not self._kept:
            self._sink(frame)
            return
        self._kept.append(frame)
        self._kept_bytes += len(frame)
        if live:
            if self._kept_bytes >= self._gather_bytes:
                self.flush()
        else:
            while self._kept_bytes > self._limit_bytes:
                oldest = self._kept.popleft()
                self._kept_bytes -= len(oldest)
                self.overflowed_bytes += len(oldest)

    def set_mode(self, mode: GateMode) -> None:
        """Close (what was kept is dropped), keep from now on, or flush and pass on live."""
        if mode == "open" or self.mode == "open":
            self.flush()
        self.mode = mode
        if mode == "closed":
            self._kept.clear()
            self._kept_bytes = 0

    def flush(self) -> None:
        """Hand on what was kept or gathered so far.

        In pieces of up to a second: thirty messages for half a minute rather than 1500, which would hold up every
        other call's packets.
        """
        while self._kept:
            self._sink(self._next_piece())

    def _next_piece(self) -> bytes:
        frames = [self._kept.popleft()]
        size = len(frames[0])
        while self._kept and size + len(self._kept[0]) <= self._piece_bytes:
            frames.append(self._kept.popleft())
            size += len(frames[-1])
        self._kept_bytes -= size
        return b"".join(frames)

"""What a way of carrying one call's audio must offer, whichever protocol it speaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Transport(Protocol):
    """One leg of a call's audio. RTP is the first (`rtp.py`); another one implements the same three
    methods.
    """

    def listen(self, on_audio: Callable[[bytes], None] | None) -> None:
        """Hand what comes in to `on_audio`, in order, of any length; None: nobody listens."""

    def send(self, frame: bytes, at_ms: int) -> bool:
        """Send one frame, whose place on the pacer's clock is `at_ms`; False if it did not leave."""

    def close(self) -> None:
        """Give back everything; a second call does nothing."""

"""The channels that Offhook makes itself, and the wait for Asterisk to hand each of them over.

A new external media or snoop channel may be put into a bridge only after its `StasisStart`: right after its
creation Asterisk refuses it with 422 in a good part of all tries.
"""

from __future__ import annotations

import asyncio

OURS = "offhook-"
"""The ids of all channels, bridges and playbacks that Offhook makes begin so."""


class Arrivals:
    """Futures by channel id, resolved by the host as the `StasisStart` events come in."""

    def __init__(self) -> None:
        self._expected: dict[str, asyncio.Future[None]] = {}

    def expect(self, channel_id: str) -> asyncio.Future[None]:
        """To be called before the channel is created; the future is done when the channel is ours to use."""
        future = asyncio.get_running_loop().create_future()
        self._expected[channel_id] = future
        return future

    def arrived(self, channel_id: str) -> bool:
        """Take note of a `StasisStart`; False if nobody waits for that channel."""
        future = self._expected.pop(channel_id, None)
        if future is None:
            return False
        if not future.done():
            future.set_result(None)
        return True

    def forget(self, channel_id: str) -> None:
        self._expected.pop(channel_id, None)

"""Whether a connection is alive and takes what is sent: judged from times and sizes alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PING_SECONDS = 15.0
"""So long a silence of the peer brings a ping (RFC 6455 section 5.5.2)."""
DEAD_SECONDS = 35.0
"""So long a silence of the peer, ping or not, means that it is gone."""
CHECK_SECONDS = 1.0
"""The pause between two checks."""
STALL_BYTES = 64 * 1024
"""More than this waiting to be sent is a backlog: some 5 s of 8 kHz audio, 1 s of 24 kHz."""
STALL_SECONDS = 10.0
"""A backlog that lasts longer than this will not be made up for."""


@dataclass(slots=True)
class Health:
    """Set `last_received` at every sign of life, and call `check` every `check_seconds`. All times in seconds."""

    last_received: float
    """When bytes came from the peer, whatever they were."""
    ping_seconds: float = PING_SECONDS
    dead_seconds: float = DEAD_SECONDS
    stall_bytes: int = STALL_BYTES
    stall_seconds: float = STALL_SECONDS
    check_seconds: float = CHECK_SECONDS
    _last_ping: float = float("-inf")
    _backlog_since: float | None = None

    def check(self, now: float, waiting_bytes: int) -> Literal["well", "ping", "dead", "stalled"]:
        """What to do now; `waiting_bytes` is what the transport has not handed to the network yet."""
        if waiting_bytes <= self.stall_bytes:
            self._backlog_since = None
        elif self._backlog_since is None:
            self._backlog_since = now
        elif now - self._backlog_since >= self.stall_seconds:
            return "stalled"
        silent = now - self.last_received
        if silent >= self.dead_seconds:
            return "dead"
        if silent >= self.ping_seconds and now - self._last_ping >= self.ping_seconds:
            self._last_ping = now
            return "ping"
        return "well"

"""Outbound calls: those who have been called, and have not answered yet."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field

from offhook import ari
from offhook.calls import LiveCall
from offhook.settings import LayeredSettings

PREFIX = "offhook_outbound-"
"""The ids of the channels of those whom we call begin so; the call's id follows."""


class NotAnswered(Exception):
    """Whoever was called did not answer. `cause` is the Q.850 cause (17 busy, 19 no answer, 21 rejected …)."""

    def __init__(self, endpoint: str, cause: int, text: str) -> None:
        self.endpoint = endpoint
        self.cause = cause
        super().__init__(f"{endpoint} did not answer: {text or 'no reason given'} (Q.850 cause {cause})")


@dataclass(frozen=True, slots=True)
class Original:
    """One outbound call, until it is answered."""

    endpoint: str
    settings: LayeredSettings
    call_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    ready: asyncio.Future[LiveCall] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @property
    def channel_id(self) -> str:
        return PREFIX + self.call_id


class Originating:
    """The outbound calls of a host that are not answered yet."""

    def __init__(self) -> None:
        self._by_channel: dict[str, Original] = {}

    def add(self, original: Original) -> None:
        self._by_channel[original.channel_id] = original

    def pop(self, channel_id: str) -> Original | None:
        """Answered, or given up."""
        return self._by_channel.pop(channel_id, None)

    def happened(self, event: ari.AriEvent) -> None:
        """Take note of the end of one that never answered."""
        if not isinstance(event, ari.ChannelDestroyed):
            return
        original = self.pop(event.channel.id)
        if original is not None and not original.ready.done():
            original.ready.set_exception(NotAnswered(original.endpoint, event.cause, event.cause_text))

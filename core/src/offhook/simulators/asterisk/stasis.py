"""Stasis applications: which application hears of which channel and bridge, and the WebSockets that carry the
events.
"""

import asyncio
import json
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from offhook.simulators.asterisk.bridges import Bridge
    from offhook.simulators.asterisk.channels import Channel
    from offhook.simulators.asterisk.switch import Switch

log = logging.getLogger("offhook.simulators.asterisk")


class EventSocket:
    """One WebSocket of an application; events go out in order, without making the switch wait."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self._events: asyncio.Queue[str | None] = asyncio.Queue()

    def put(self, event: dict[str, Any]) -> None:
        """Send an event after those before it."""
        self._events.put_nowait(json.dumps(event, ensure_ascii=False))

    def end(self) -> None:
        """Send what is waiting, then stop."""
        self._events.put_nowait(None)

    async def write(self) -> None:
        """Carry events until `end`, or until the other side is gone."""
        try:
            while (text := await self._events.get()) is not None:
                await self.socket.send_str(text)
        except ConnectionError:
            log.debug("an event WebSocket was lost")


class Application:
    """A Stasis application: its socket, and how often it is subscribed to each channel and bridge."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.socket: EventSocket | None = None
        self.hears_all = False
        self.channels: Counter[str] = Counter()
        self.bridges: Counter[str] = Counter()

    def as_json(self) -> dict[str, Any]:
        """ARI's Application model."""
        return {
            "name": self.name,
            "channel_ids": sorted(+self.channels),
            "bridge_ids": sorted(+self.bridges),
            "endpoint_ids": [],
            "device_names": [],
            "events_allowed": [],
            "events_disallowed": [],
        }

    def send(self, event: dict[str, Any]) -> None:
        """Send an event; without a socket it is lost, as in Asterisk."""
        if self.socket is not None:
            self.socket.put({**event, "application": self.name})


class Stasis:
    """All applications and their subscriptions."""

    def __init__(self, switch: "Switch") -> None:
        self._switch = switch
        self.applications: dict[str, Application] = {}

    def connected(self, name: str) -> bool:
        """Whether an application of that name has a WebSocket."""
        application = self.applications.get(name)
        return application is not None and application.socket is not None

    def attach(self, names: list[str], socket: EventSocket, hears_all: bool) -> None:
        """A WebSocket serves these applications from now on; one before it is told that it was replaced."""
        for name in names:
            application = self.applications.setdefault(name, Application(name))
            if application.socket is not None:
                application.send(self._envelope("ApplicationReplaced"))
            application.socket = socket
            application.hears_all = hears_all

    def detach(self, socket: EventSocket) -> None:
        """A WebSocket is gone. Calls stay up."""
        for application in self.applications.values():
            if application.socket is socket:
                application.socket = None

    def publish(
        self,
        kind: str,
        channel: "Channel | None" = None,
        bridge: "Bridge | None" = None,
        *,
        channel_scope: "Channel | None" = None,
        bridge_scope: "Bridge | None" = None,
        **fields: Any,
    ) -> None:
        """Send an event to each application that is subscribed to the channel or the bridge. The scopes
        decide who hears of it without being part of the event.
        """
        channel_id = (channel or channel_scope).id if channel or channel_scope else ""  # type: ignore[union-attr]
        bridge_id = (bridge or bridge_scope).id if bridge or bridge_scope else ""  # type: ignore[union-attr]
        event: dict[str, Any] | None = None
        for application in self.applications.values():
            if (
                application.hears_all
                or application.channels[channel_id] > 0
                or application.bridges[bridge_id] > 0
            ):
                if event is None:
                    event = self._envelope(kind, **fields)
                    if channel is not None:
                        event["channel"] = channel.as_json()
                    if bridge is not None:
                        event["bridge"] = bridge.as_json()
                application.send(event)

    def _envelope(self, kind: str, **fields: Any) -> dict[str, Any]:
        return {
            "type": kind,
            "timestamp": self._switch.timestamp(),
            "asterisk_id": self._switch.entity_id,
            **fields,
        }

"""A plain ARI application for tests of the simulated Asterisk: aiohttp and a UDP socket, nothing of Offhook's
own.
"""

import asyncio
import base64
import json
import socket
import struct
import time
from typing import Any, NamedTuple, Self

import aiohttp

from offhook.simulators.asterisk import SimulatedAsterisk
from offhook.simulators.g711 import ulaw_level


class PlainAri:
    """One application: its events in order, and REST."""

    def __init__(self, asterisk: SimulatedAsterisk, password: str = "offhook", **query: str) -> None:
        self.asterisk = asterisk
        self.events: list[dict[str, Any]] = []
        self._query = {"app": asterisk.app, **query}
        token = base64.b64encode(f"offhook:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}"}
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self.http = aiohttp.ClientSession(headers=self._headers)
        try:
            self.socket = await self.http.ws_connect(f"{self.asterisk.url}/ari/events", params=self._query)
        except BaseException:
            await self.http.close()
            raise
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()
        await self._reading
        await self.http.close()

    async def _read(self) -> None:
        async for message in self.socket:
            async with self._news:
                self.events.append(json.loads(message.data))
                self._news.notify_all()

    async def ask(self, request: str, body: Any = None, **query: str) -> tuple[int, Any]:
        """One exchange: `ask("GET /channels")`; returns status and JSON."""
        method, path = request.split(" ")
        async with self.http.request(
            method, f"{self.asterisk.url}/ari{path}", params=query, json=body
        ) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text.startswith(("{", "[")) else text

    async def do(self, request: str, body: Any = None, **query: str) -> Any:
        """The same for what has to succeed; returns the JSON."""
        status, answer = await self.ask(request, body, **query)
        assert 200 <= status < 300, (request, query, status, answer)
        return answer

    async def event(
        self, kind: str, *, after: int = 0, timeout_seconds: float = 10, **match: str
    ) -> dict[str, Any]:
        """The first event of a kind, at position `after` or later, whose channel, bridge or playback has the
        id.
        """

        def find() -> dict[str, Any] | None:
            for event in self.events[after:]:
                if event["type"] == kind and all(event[key]["id"] == value for key, value in match.items()):
                    return event
            return None

        async with asyncio.timeout(timeout_seconds), self._news:
            await self._news.wait_for(lambda: find() is not None)
        found = find()
        assert found is not None
        return found

    def kinds(self, *, after: int = 0, channel: str = "") -> list[str]:
        """The kinds of the events so far, without the many ChannelVarset."""
        return [
            event["type"]
            for event in self.events[after:]
            if event["type"] != "ChannelVarset"
            and (not channel or event.get("channel", {}).get("id") == channel)
        ]

    async def external_media(self, port: "MediaPort", codec: str = "ulaw") -> str:
        """External media towards `port`, ready to be bridged; returns its channel id."""
        made = await self.do(
            "POST /channels/externalMedia",
            app=self.asterisk.app,
            external_host=f"127.0.0.1:{port.port}",
            format=codec,
        )
        channel_id: str = made["id"]
        await self.event("StasisStart", channel=channel_id)
        port.asterisk = (
            (await self.do(f"GET /channels/{channel_id}/variable", variable="UNICASTRTP_LOCAL_ADDRESS"))[
                "value"
            ],
            int(
                (await self.do(f"GET /channels/{channel_id}/variable", variable="UNICASTRTP_LOCAL_PORT"))[
                    "value"
                ]
            ),
        )
        return channel_id

    async def bridge(self, *channels: str) -> str:
        """A mixing bridge of these channels; returns its id."""
        bridge_id: str = (await self.do("POST /bridges", type="mixing"))["id"]
        for channel in channels:
            await self.do(f"POST /bridges/{bridge_id}/addChannel", channel=channel)
        return bridge_id

    async def snoop(self, channel: str, **query: str) -> str:
        """A snoop on a channel, ready to be bridged; returns its channel id."""
        made = await self.do(
            f"POST /channels/{channel}/snoop", **{"spy": "in", "app": self.asterisk.app, **query}
        )
        await self.event("StasisStart", channel=made["id"])
        return str(made["id"])


class RtpPacket(NamedTuple):
    """What came to a `MediaPort`."""

    at: float
    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    payload: bytes


class MediaPort:
    """The application's end of external media."""

    def __init__(self) -> None:
        self.packets: list[RtpPacket] = []
        self.asterisk = ("", 0)
        self._news = asyncio.Event()
        self._sequence = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def _readable(self) -> None:
        packet = self._socket.recv(2048)
        _, second, sequence, timestamp, _ = struct.unpack("!BBHII", packet[:12])
        self.packets.append(
            RtpPacket(time.monotonic(), second > 127, second & 0x7F, sequence, timestamp, packet[12:])
        )
        self._news.set()

    def send(self, payload: bytes, payload_type: int = 0) -> None:
        """One packet to Asterisk, at once."""
        self._sequence += 1
        header = struct.pack("!BBHII", 0x80, payload_type, self._sequence, self._sequence * 160, 7)
        self._socket.sendto(header + payload, self.asterisk)

    async def speak(self, ulaw: bytes) -> None:
        """Send µ-law audio in 20 ms packets, in real time."""
        start = time.monotonic()
        for number, position in enumerate(range(0, len(ulaw), 160)):
            await asyncio.sleep(max(0.0, start + number * 0.02 - time.monotonic()))
            self.send(ulaw[position : position + 160])

    async def packets_after(self, count: int, timeout_seconds: float = 10) -> list[RtpPacket]:
        """Wait until so many packets have come, and return all."""
        async with asyncio.timeout(timeout_seconds):
            while len(self.packets) < count:
                self._news.clear()
                await self._news.wait()
        return self.packets

    def loud(self, level: float = 300) -> list[RtpPacket]:
        """The µ-law packets with sound in them."""
        return [packet for packet in self.packets if ulaw_level(packet.payload) > level]

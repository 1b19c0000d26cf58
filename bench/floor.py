"""The floor under a load: a bare loop that only passes packets on, in place of the host.

For each call it makes an external media channel, a bridge and a Realtime session, and then: RTP in, base64, a masked
WebSocket frame out; a delta in, base64, RTP out, as it comes where the model speaks in real time, else every 20 ms. No
call logic, no reordering, no barge-in, no clean-up, no console. Run by `load.py --floor`, with the same environment as
`offhook run`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import socket
import ssl
from base64 import b64decode, b64encode
from collections import deque
from contextlib import suppress
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop

from frames import PING, PONG, TEXT, Frames, client_frame, upgrade_request
from offhook import ari
from stamps import FRAME_BYTES
from ticker import Ticker

OURS = "floor-"
RTP_HEADER = 12
APPEND = b'{"type":"input_audio_buffer.append","audio":"'
DELTA = b'{"type":"response.output_audio.delta"'
AUDIO = b'"delta":"'


class Road(asyncio.Protocol):
    """One call's audio, both ways; the WebSocket is its protocol."""

    def __init__(self, leg: socket.socket, ticker: Ticker, host: str, path: str) -> None:
        self._leg, self._ticker = leg, ticker
        self._request = upgrade_request(host, path)
        self._frames: Frames | None = None
        self._head = b""
        self._sequence, self._timestamp = random.getrandbits(16), random.getrandbits(32)
        self._ssrc = random.getrandbits(32).to_bytes(4, "big")
        self._queue: deque[bytes] = deque()
        self._transport: asyncio.Transport | None = None
        self.ready = asyncio.get_running_loop().create_future()

    def open(self, remote: tuple[str, int]) -> None:
        """The caller can be heard and spoken to from now on."""
        self._leg.connect(remote)
        asyncio.get_running_loop().add_reader(self._leg, self._caller_speaks)
        self._ticker.add(self)

    # To the model

    def say(self, message: bytes) -> None:
        if self._transport is not None:
            self._transport.write(client_frame(message))

    def _caller_speaks(self) -> None:
        try:
            packet = self._leg.recv(2048)
        except OSError:
            return
        self.say(APPEND + b64encode(packet[RTP_HEADER:]) + b'"}')

    # To the caller

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        if self._frames is None:
            self._head += data
            _, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self._frames = Frames()
            self.ready.set_result(None)
        for opcode, payload, _ in self._frames.feed(data):
            if opcode == TEXT and payload.startswith(DELTA):
                start = payload.index(AUDIO) + len(AUDIO)
                self._model_speaks(b64decode(payload[start : payload.index(b'"', start)]))
            elif opcode == PING and self._transport is not None:
                self._transport.write(client_frame(payload, PONG))

    def _model_speaks(self, audio: bytes) -> None:
        if len(audio) == FRAME_BYTES and not self._queue:
            self._send(audio)  # the model speaks in real time, and is the clock
            return
        for at in range(0, len(audio), FRAME_BYTES):
            self._queue.append(audio[at : at + FRAME_BYTES])

    def turn(self) -> None:
        """Send the next frame, if there is one."""
        if self._queue:
            self._send(self._queue.popleft())

    def _send(self, audio: bytes) -> None:
        head = b"\x80\x00" + self._sequence.to_bytes(2, "big") + self._timestamp.to_bytes(4, "big")
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + FRAME_BYTES) & 0xFFFFFFFF
        with suppress(OSError):  # the caller has gone
            self._leg.send(head + self._ssrc + audio)


class Floor:
    """The little of ARI that calls need."""

    def __init__(self, client: ari.AriClient, provider: str) -> None:
        self._ari, self._provider = client, urlsplit(provider)
        self._tls = ssl.create_default_context() if self._provider.scheme == "https" else None
        self._ticker = Ticker()
        self._arrived: dict[str, asyncio.Event] = {}
        self._calls: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve every call that comes."""
        async with ari.AriEvents(self._ari) as events:
            async for event in events:
                if isinstance(event, ari.StasisStart):
                    self._start(event.channel.id)

    def _start(self, channel_id: str) -> None:
        if channel_id.startswith(OURS):
            self._arrived[channel_id].set()
            return
        task = asyncio.create_task(self._serve(channel_id))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _serve(self, channel_id: str) -> None:
        leg = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        leg.setblocking(False)
        leg.bind(("127.0.0.1", 0))
        there: Any = self._provider
        _, road = await asyncio.get_running_loop().create_connection(
            lambda: Road(leg, self._ticker, there.netloc, f"{there.path}/realtime?model=floor"),
            there.hostname,
            there.port,
            ssl=self._tls,
        )
        await road.ready
        road.say(b'{"type":"session.update","session":{"type":"realtime"}}')
        media_id, bridge_id = f"{OURS}{channel_id}", f"{OURS}bridge-{channel_id}"
        self._arrived[media_id] = asyncio.Event()
        media = await self._ari.external_media(media_id, f"127.0.0.1:{leg.getsockname()[1]}", "ulaw")
        await self._arrived[media_id].wait()
        await self._ari.create_bridge(bridge_id, name=bridge_id)
        await self._ari.add_to_bridge(bridge_id, channel_id, media_id)
        road.open(media.rtp_address or await self._ari.rtp_address(media))
        await self._ari.answer(channel_id)
        road.say(b'{"type":"response.create"}')


async def main() -> None:
    argparse.ArgumentParser(
        description="A bare loop in place of the host; run by load.py --floor."
    ).parse_args()
    environment = os.environ
    async with ari.AriClient(
        environment["ASTERISK_ARI_URL"],
        environment["ASTERISK_ARI_USERNAME"],
        environment["ASTERISK_ARI_PASSWORD"],
        environment["ASTERISK_ARI_APP_NAME"],
    ) as client:
        await Floor(client, environment["OPENAI_BASE_URL"]).run()


if __name__ == "__main__":
    uvloop.run(main())

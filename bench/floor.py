"""The floor under a load: a bare loop that only passes packets on, in place of the host.

For each call it makes an external media channel, a bridge and a Realtime session, and then: RTP in, base64, a WebSocket
frame out; a delta in, base64, RTP out as it comes. No call logic, no reordering, no pacing, no barge-in, no clean-up.
Run by `load.py --floor`, with the same environment as `offhook run`.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
from base64 import b64decode, b64encode
from typing import Any

import uvloop
from websockets.asyncio.client import ClientConnection, connect

from offhook import ari

OURS = "floor-"
RTP_HEADER = 12
FRAME_SAMPLES = 160


class Road:
    """One call's audio, both ways."""

    def __init__(self, leg: socket.socket, session: ClientConnection) -> None:
        self._leg, self._session = leg, session
        self._remote: Any = None
        self._sequence, self._timestamp = random.getrandbits(16), random.getrandbits(32)
        self._ssrc = random.getrandbits(32).to_bytes(4, "big")

    def open(self, remote: tuple[str, int]) -> None:
        self._remote = remote
        asyncio.get_running_loop().add_reader(self._leg, self._caller_speaks)

    def _caller_speaks(self) -> None:
        audio = b64encode(self._leg.recv(2048)[RTP_HEADER:])
        protocol = self._session.protocol
        protocol.send_text(b'{"type":"input_audio_buffer.append","audio":"' + audio + b'"}')
        self._session.transport.writelines(protocol.data_to_send())

    async def listen(self) -> None:
        """Pass on what the model says, as it comes."""
        async for text in self._session:
            if isinstance(text, str) and '"response.output_audio.delta"' in text[:60]:
                start = text.index('"delta": "') + 10
                self._model_speaks(b64decode(text[start : text.index('"', start)]))

    def _model_speaks(self, audio: bytes) -> None:
        header = b"\x80\x00" + self._sequence.to_bytes(2, "big") + self._timestamp.to_bytes(4, "big")
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + FRAME_SAMPLES) & 0xFFFFFFFF
        if self._remote is not None:
            self._leg.sendto(header + self._ssrc + audio, self._remote)


class Floor:
    """The little of ARI that calls need."""

    def __init__(self, client: ari.AriClient, provider: str) -> None:
        self._ari, self._provider = client, provider
        self._arrived: dict[str, asyncio.Event] = {}
        self._calls: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
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
        async with connect(self._provider, compression=None, ping_interval=None) as session:
            await session.send('{"type":"session.update","session":{"type":"realtime"}}')
            road = Road(leg, session)
            media_id, bridge_id = f"{OURS}{channel_id}", f"{OURS}bridge-{channel_id}"
            self._arrived[media_id] = asyncio.Event()
            address = f"127.0.0.1:{leg.getsockname()[1]}"
            media = await self._ari.external_media(media_id, address, "ulaw")
            await self._arrived[media_id].wait()
            await self._ari.create_bridge(bridge_id, name=bridge_id)
            await self._ari.add_to_bridge(bridge_id, channel_id, media_id)
            await self._ari.answer(channel_id)
            road.open(media.rtp_address or await self._ari.rtp_address(media))
            await session.send('{"type":"response.create"}')
            await road.listen()


async def main() -> None:
    environment = os.environ
    provider = environment["OPENAI_BASE_URL"].replace("http://", "ws://") + "/realtime?model=floor"
    async with ari.AriClient(
        environment["ASTERISK_ARI_URL"],
        environment["ASTERISK_ARI_USERNAME"],
        environment["ASTERISK_ARI_PASSWORD"],
        environment["ASTERISK_ARI_APP_NAME"],
    ) as client:
        await Floor(client, provider).run()


if __name__ == "__main__":
    uvloop.run(main())

"""When a real Asterisk says that a caller talks, heard by a second listener to its events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp

from phones import FIRST_NUMBER

APP = "bench-listener"


@asynccontextmanager
async def noted_talking(where: Mapping[str, str], talking: list[tuple[int, float]]) -> AsyncIterator[None]:
    """Add (call, time) to `talking` with each `ChannelTalkingStarted` that comes. where: the host's environment."""
    user, password = where["ASTERISK_ARI_USERNAME"], where["ASTERISK_ARI_PASSWORD"]
    events = f"{where['ASTERISK_ARI_URL']}/ari/events?app={APP}&subscribeAll=true"
    async with (
        aiohttp.ClientSession(auth=aiohttp.BasicAuth(user, password)) as http,
        http.ws_connect(events, max_msg_size=0) as socket,
    ):
        reading = asyncio.create_task(_read(socket, talking))
        try:
            yield
        finally:
            reading.cancel()
            await asyncio.wait([reading])


async def _read(socket: aiohttp.ClientWebSocketResponse, talking: list[tuple[int, float]]) -> None:
    async for message in socket:
        now = time.monotonic()
        if '"ChannelTalkingStarted"' in message.data:
            number = json.loads(message.data)["channel"]["caller"]["number"]
            talking.append((int(number) - FIRST_NUMBER, now))

"""Asterisk, its callers and the Realtime server of a benchmark, in a process of their own.

Started by a benchmark: the first line that it prints says where both are; then it takes one JSON command a line and
answers each with one line.

    {"dial": {…arguments of SimulatedAsterisk.dial…}}    → {"call": 0}
    {"hangup": 0}                                         → {}
    {"arrivals": 0}    → {"at": [seconds on the machine's monotonic clock, one for each packet that the caller heard]}
"""

from __future__ import annotations

import asyncio
import json
import math
import struct
import sys
from collections.abc import Iterator
from typing import Any

from offhook.simulators.asterisk import SimulatedAsterisk, SimulatedCaller
from offhook.simulators.realtime import SimulatedRealtime


class LongVoice:
    """Speaks every text as a tone of so many seconds, which is made once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._audio: dict[int, bytes] = {}

    def load(self) -> None:
        """Nothing to load."""

    def speak(self, text: str, rate: int, speed: float) -> Iterator[tuple[str, bytes]]:
        if rate not in self._audio:
            second = struct.pack(
                f"<{rate}h", *(round(9000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(rate))
            )
            self._audio[rate] = second * round(self._seconds)
        yield text, self._audio[rate]


class DeafRecognizer:
    """Hears and understands nothing: the callers of a benchmark need not be understood."""

    def load(self) -> None:
        """Nothing to load."""

    def transcribe(self, pcm: bytes, rate: int) -> str:
        return ""


async def obey(asterisk: SimulatedAsterisk) -> None:
    """Carry out what the benchmark asks, until it closes our standard input."""
    callers: list[SimulatedCaller] = []
    lines = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        answer: dict[str, Any] = {}
        match json.loads(line):
            case {"dial": arguments}:
                callers.append(await asterisk.dial("7000", **arguments))
                answer = {"call": len(callers) - 1}
            case {"hangup": number}:
                await callers[number].hangup()
            case {"arrivals": number}:
                answer = {"at": [round(packet.at, 6) for packet in callers[number].packets]}
        print(json.dumps(answer), flush=True)


async def main() -> None:
    seconds = float(sys.argv[1])
    async with (
        SimulatedAsterisk() as asterisk,
        SimulatedRealtime(
            recognizer=DeafRecognizer(), voice=LongVoice(seconds), audio_pace=1.0, log_messages=10
        ) as provider,
    ):
        where = {
            "ari_url": asterisk.url,
            "ari_username": asterisk.username,
            "ari_password": asterisk.password,
            "ari_app_name": asterisk.app,
            "base_url": provider.url,
        }
        print(json.dumps(where), flush=True)
        await obey(asterisk)


if __name__ == "__main__":
    asyncio.run(main())

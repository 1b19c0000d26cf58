"""The simulated Asterisk with callers who send stamped audio all the time, and note when the answers' frames arrive.

Started by `load.py`: prints where it is, then takes one JSON command a line and answers each with one.

    {"dial": 20, "rate": 10}    → {"calls": 20}: so many more callers, so many a second
    {"dump": "file"}            → {}: writes the times as JSON
    {"hangup": true}            → {}
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from pathlib import Path
from types import MethodType
from typing import Any

import uvloop

from offhook.simulators.asterisk import SimulatedAsterisk, SimulatedCaller
from stamps import Stamp, frame, parse


class Callers:
    """All callers, and the times."""

    def __init__(self, asterisk: SimulatedAsterisk) -> None:
        self._asterisk = asterisk
        self.callers: list[SimulatedCaller] = []
        self.sent: list[tuple[Stamp, float]] = []
        self.heard: list[tuple[Stamp, float]] = []

    async def dial(self, count: int, rate: float) -> None:
        for _ in range(count):
            caller = await self._asterisk.dial("7000", variables={})
            self._speak_stamps(caller, len(self.callers))
            self.callers.append(caller)
            await asyncio.sleep(1 / rate)

    def _speak_stamps(self, caller: SimulatedCaller, call: int) -> None:
        """From now on this caller's voice is stamps, and what it hears is noted and not kept."""
        number = 0

        def next_frame(self: SimulatedCaller) -> bytes:
            nonlocal number
            stamp = Stamp(call, 0, number)
            number += 1
            sent.append((stamp, time.monotonic()))
            return frame(stamp)

        def hear(self: SimulatedCaller, ulaw: bytes) -> None:
            stamp = parse(ulaw)
            if stamp is not None:  # the provider may not have known the call's number at first
                heard.append((Stamp(call, stamp.stream, stamp.number), time.monotonic()))

        sent, heard = self.sent, self.heard
        caller.next_frame = MethodType(next_frame, caller)  # type: ignore[method-assign]
        caller.hear = MethodType(hear, caller)  # type: ignore[method-assign]

    async def hang_up(self) -> None:
        for caller in self.callers:
            await caller.hangup()

    def dump(self, path: str) -> None:
        """All times, as JSON."""
        Path(path).write_text(json.dumps({"sent": self.sent, "heard": self.heard}))


async def main() -> None:
    async with SimulatedAsterisk() as asterisk:
        where: dict[str, Any] = {
            "ASTERISK_ARI_URL": asterisk.url,
            "ASTERISK_ARI_USERNAME": asterisk.username,
            "ASTERISK_ARI_PASSWORD": asterisk.password,
            "ASTERISK_ARI_APP_NAME": asterisk.app,
        }
        print(json.dumps(where), flush=True)
        await asterisk.connected(timeout_seconds=60)
        callers = Callers(asterisk)
        lines = asyncio.StreamReader(limit=2**20)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
        )
        while line := await lines.readline():
            answer: dict[str, Any] = {}
            match json.loads(line):
                case {"dial": count, "rate": rate}:
                    await callers.dial(count, rate)
                    answer = {"calls": len(callers.callers)}
                case {"dump": path}:
                    callers.dump(path)
                case {"hangup": _}:
                    await callers.hang_up()
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    gc.disable()  # the times that are noted grow into a heap whose collection would stop this process for long
    uvloop.run(main())

"""The load: callers who talk all the time in stamped audio, and note when the answers' frames arrive.

Started by `load.py`: prints where Asterisk is, then takes one JSON command a line and answers each with one.

    {"dial": 20, "rate": 10}    → {"up": 20, "set_up_ms": […]}: so many more callers, so many a second
    {"talk_over": 0.2}          → {"talked": 12}: this share of the callers pauses, then talks into the answer
    {"dump": "folder"}          → {}: writes what was noted there, as `caller-arrivals` and `callers.json`
    {"hangup": true}            → {}
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import uvloop

from commands import serve_commands
from phones import Phone, Phones
from simulated_ari import SimulatedAri

PAUSE_SECONDS = 1.0
"""How long a caller is quiet before it talks into an answer: longer than TALK_DETECT needs."""
Json = dict[str, Any]


class Exchange(Protocol):
    """The telephone exchange that the callers use."""

    async def dial(self, number: int, /) -> Phone | None: ...

    async def hang_up(self, number: int, /) -> None: ...


class Callers:
    """All callers."""

    def __init__(self, exchange: Exchange, phones: Phones) -> None:
        self._exchange = exchange
        self._phones = phones
        self._dialled = 0
        self._up: dict[int, Phone] = {}

    async def obey(self, command: Json) -> Json:
        match command:
            case {"dial": count, "rate": rate}:
                return await self._dial(count, rate)
            case {"talk_over": share}:
                return {"talked": await self._talk_over(share)}
            case {"dump": folder}:
                self._dump(Path(folder))
            case {"hangup": _}:
                await asyncio.gather(*(self._exchange.hang_up(number) for number in self._up))
            case _:
                raise ValueError(f"unknown command: {command}")
        return {}

    async def _dial(self, count: int, rate: float) -> Json:
        async def one(number: int, after: float) -> float | None:
            await asyncio.sleep(after)
            began = time.monotonic()
            phone = await self._exchange.dial(number)
            if phone is None:
                return None
            self._up[number] = phone
            return 1000 * (time.monotonic() - began)

        first, self._dialled = self._dialled, self._dialled + count
        took = await asyncio.gather(*(one(first + n, n / rate) for n in range(count)))
        up = [ms for ms in took if ms is not None]
        return {"up": len(up), "set_up_ms": [round(ms, 2) for ms in up]}

    async def _talk_over(self, share: float) -> int:
        """Each at a moment of its own within a second."""
        chosen = [phone for phone in self._up.values() if random.random() < share]
        for phone in chosen:
            await asyncio.sleep(1 / len(chosen))
            phone.pause(PAUSE_SECONDS)
        await asyncio.sleep(PAUSE_SECONDS)
        return len(chosen)

    def _dump(self, folder: Path) -> None:
        self._phones.heard.write(folder / "caller-arrivals")
        phones = self._phones
        noted = {"talked": phones.talked, "noticed": phones.noticed, "late_ms": phones.ticker.late_ms}
        (folder / "callers.json").write_text(json.dumps(noted))


async def simulated() -> None:
    phones = Phones()
    ari = SimulatedAri(phones)
    where = await ari.start()
    await serve_commands({"environment": where}, Callers(ari, phones).obey)


async def real(folder: Path) -> None:
    # The tests' means; only there with the sources.
    from asterisk.lab import Lab, LabError
    from sip_calls import SipCalls
    from talking import noted_talking

    with ExitStack() as running:
        try:
            asterisk = running.enter_context(Lab(folder))
        except LabError as error:
            raise SystemExit(f"callers.py: {error}") from None
        phones = Phones()
        calls = SipCalls(asterisk.sip_address, phones)
        await calls.start()
        where = {
            "environment": asterisk.environment,
            "asterisk_pid": asterisk.pid,
            "asterisk": asterisk.cli("core show version").partition(" built")[0].strip(),
        }
        async with noted_talking(asterisk.environment, phones.noticed):
            await serve_commands(where, Callers(calls, phones).obey)


def main() -> None:
    parser = argparse.ArgumentParser(description="Callers who talk in stamped audio.")
    parser.add_argument("asterisk", choices=["simulated", "real"], help="which Asterisk they call")
    options = parser.parse_args()
    # What is noted grows into a heap whose collection would stop this process for long.
    gc.disable()
    if options.asterisk == "simulated":
        uvloop.run(simulated())
    else:
        with tempfile.TemporaryDirectory(prefix="offhook-bench-") as folder:
            uvloop.run(real(Path(folder) / "asterisk"))


if __name__ == "__main__":
    main()

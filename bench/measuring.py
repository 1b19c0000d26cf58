"""One load on one subject: the processes around it, what is asked of them, and the figures that come of it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import aiohttp

import figures as fig
from arrivals import Arrival, read_arrivals
from certificate import certificate
from journals import kilobytes, talking_read
from machine import busy
from processes import HERE, Program, cpu_seconds, program, resident_kib, script
from standstills import read_standstills, within

HOST: Final = (sys.executable, "-m", "offhook.cli", "run", "--env-file", os.devnull)
FLOOR: Final = script("floor.py")
START_SECONDS: Final = 30.0
SETTLE_SECONDS: Final = 3.0
END_SECONDS: Final = 3.0
JOURNALS: Final = "journals"
"""The folder of the host's journals, until they have been looked at."""
PARTS: Final = 4
"""The calls come in so many parts; after each the memory is looked at."""
SETTINGS: Final = {
    "OPENAI_API_KEY": "none",
    "GREETING_AUDIO_PATH": "none",
    "RECOGNITION_ACTIVATION_MODE": "IMMEDIATE",
    "MEDIA_TOPOLOGY": "bridge",
    "INITIAL_USER_PROMPT": "Speak.",
    "RTP_PORT_MIN": "20000",
    "RTP_PORT_MAX": "29999",
    "NO_SPEECH_BEGIN_TIMEOUT_SECONDS": "0",
    "MAX_RECOGNITION_DURATION_SECONDS": "0",
    "CONVERSATION_IDLE_SECONDS": "0",
    "LOG_LEVEL": "warning",
}
Json = dict[str, Any]
Subject = Literal["offhook", "floor"]


@dataclass(frozen=True)
class Load:
    """What a subject has to bear."""

    calls: int
    seconds: float
    """Of talking, once all calls are up."""
    rate: float = 10.0
    """New calls a second."""
    asterisk: Literal["simulated", "real"] = "simulated"
    barge_in: Literal["provider", "asterisk"] = "provider"
    interrupted: float = 0.3
    """The share of the answers that is interrupted, in each quarter of the time."""
    speed: float = 1.0
    frames_per_delta: int = 1
    tls: bool = False
    """The Realtime API is reached over TLS, as the real one."""
    journal: bool = True
    """The host writes its calls' journals."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """More of the host's environment."""


class Around(NamedTuple):
    """The programs around the host."""

    callers: Program
    provider: Program
    witness: Program


class NotStarted(Exception):
    """The host does not take calls; the message has what it said."""


class Watch:
    """CPU time of some processes, and of the machine, since the last look."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._last, self._at = self._used(), time.monotonic()

    def look(self) -> tuple[dict[str, float], float]:
        """CPU seconds since the last look, by name, of the `machine` and `stolen` from it; and how long that was."""
        before, then = self._last, self._at
        self._last, self._at = self._used(), time.monotonic()
        return {name: used - before[name] for name, used in self._last.items()}, self._at - then

    def _used(self) -> dict[str, float]:
        now = busy()
        whole = {"machine": now.used, "stolen": now.stolen}
        return {name: cpu_seconds(pid) for name, pid in self._pids.items()} | whole


async def measure(load: Load, subject: Subject, folder: Path) -> Json:
    """Run one load; its figures."""
    speech: tuple[object, ...] = ("--speed", load.speed, "--frames-per-delta", load.frames_per_delta)
    trust = {}
    if load.tls:
        made = certificate(folder)
        speech += ("--certificate", made)
        trust["SSL_CERT_FILE"] = str(made)
    tests = {"PYTHONPATH": os.pathsep.join([str(HERE.parent / "tests"), os.environ.get("PYTHONPATH", "")])}
    async with (
        program(*script("provider.py", *speech)) as provider,
        program(*script("callers.py", load.asterisk), environment=tests) as callers,
        program(*script("standstills.py")) as witness,
    ):
        await witness.read()
        where = await callers.read()
        environment = {
            **SETTINGS,
            **where["environment"],
            "OPENAI_BASE_URL": (await provider.read())["base_url"],
            "BARGE_IN_SOURCE": load.barge_in,
            "PORT": str(_free_port()),
            **trust,
            **load.settings,
        }
        command = HOST if subject == "offhook" else FLOOR
        log = folder / f"{subject}-{load.asterisk}-{load.calls}.log"
        if load.journal and subject == "offhook":
            environment["JOURNAL_DIR"] = str(folder / JOURNALS)
        async with program(*command, environment=environment, log=log) as host:
            pids = {
                "host": host.pid,
                "callers": callers.pid,
                "provider": provider.pid,
                "witness": witness.pid,
            }
            if "asterisk_pid" in where:
                pids["asterisk"] = where["asterisk_pid"]
            async with _console(environment["PORT"], host, log) if subject == "offhook" else _nothing():
                found = await _run(load, host, Around(callers, provider, witness), Watch(pids), folder)
        found["asterisk"] = where.get("asterisk", "simulated")
        found["log_lines"] = len(log.read_text().splitlines())
        return found


async def _run(load: Load, host: Program, around: Around, watch: Watch, folder: Path) -> Json:
    callers, provider, _ = around
    watch.look()
    idle_kib, cpu = resident_kib(host.pid), cpu_seconds(host.pid)
    began: list[float] = []
    memory, up = [(0.0, float(idle_kib))], 0
    set_up_ms: list[float] = []
    for part in range(PARTS):
        count = load.calls * (part + 1) // PARTS - load.calls * part // PARTS
        if count:
            began += [time.monotonic() + n / load.rate for n in range(count)]
            dialled = await callers.ask(dial=count, rate=load.rate)
            up, set_up_ms = up + dialled["up"], set_up_ms + dialled["set_up_ms"]
            memory.append((float(up), float(resident_kib(host.pid))))
    await asyncio.sleep(SETTLE_SECONDS)
    since, (ramp, _) = time.monotonic(), watch.look()
    settled_kib, interrupted = resident_kib(host.pid), 0
    for _ in range(4):
        _, stopped = await asyncio.gather(
            asyncio.sleep(load.seconds / 4), _interrupt(load, callers, provider)
        )
        interrupted += stopped
    until, (steady, seconds) = time.monotonic(), watch.look()
    total, end_kib = cpu_seconds(host.pid) - cpu, resident_kib(host.pid)
    await asyncio.sleep(0.5)
    for one in around:
        await one.ask(dump=str(folder))
    watch.look()
    await callers.ask(hangup=True)
    await asyncio.sleep(END_SECONDS)
    ending, _ = watch.look()
    written_kb = kilobytes(folder / JOURNALS)
    call_seconds = sum(until - at for at in began)
    alone = sum(used for name, used in steady.items() if name not in ("machine", "stolen"))
    # In some containers /proc/stat counts less than the processes themselves.
    steady["machine"] = max(steady["machine"], alone)
    costs = {
        "calls": load.calls,
        "calls_up": up,
        "host_running": host.running,
        "cpu_ms_per_call_second": round(1000 * total / call_seconds, 3),
        "cpu_ms_per_call_second_steady": round(1000 * steady["host"] / (load.calls * seconds), 3),
        "cpu_ms_per_call_end": round(1000 * ending["host"] / load.calls, 2),
        "cpu_cores": {name: round(used / seconds, 3) for name, used in steady.items()},
        "cpu_cores_of_others": round(max(0.0, steady["machine"] - alone - steady["stolen"]) / seconds, 3),
        "cpu_seconds_of_ramp": {name: round(used, 3) for name, used in ramp.items()},
        "set_up_ms": fig.spread(set_up_ms),
        "resident_kib_per_further_call": round(fig.slope(memory[1:] if load.calls >= 8 else memory), 1),
        "resident_kib_grown_while_talking": end_kib - settled_kib,
        "resident_mib": round(end_kib / 1024, 1),
        "resident_mib_idle": round(idle_kib / 1024, 1),
        "interrupted": interrupted,
        "journal_kb_per_call_minute": round(60 * written_kb / call_seconds, 1),
        "load_average": round(os.getloadavg()[0], 2),
    }
    found = costs | timings(folder, load, since=since, until=until)
    shutil.rmtree(folder / JOURNALS, ignore_errors=True)
    return found | {"broken": broken(found, real_time=load.speed == 1), "full": full(found)}


async def _interrupt(load: Load, callers: Program, provider: Program) -> int:
    if load.barge_in == "provider":
        return int((await provider.ask(interrupt=load.interrupted))["interrupted"])
    return int((await callers.ask(talk_over=load.interrupted))["talked"])


def timings(folder: Path, load: Load, *, since: float, until: float) -> Json:
    """What the noted times say of the span in which all calls stood."""
    provider = json.loads((folder / "provider.json").read_text())
    callers = json.loads((folder / "callers.json").read_text())
    every = read_arrivals(folder / "caller-arrivals")
    up = _between(read_arrivals(folder / "model-arrivals"), since, until)
    down = _between(every, since, until)
    if load.barge_in == "provider":
        stopped = {(call, stream): at for call, stream, at in provider["stopped"]}
    else:
        stopped = fig.spoken_at([(call, at) for call, at in callers["talked"]], every)
    stopped = {key: at for key, at in stopped.items() if since <= at < until}
    read, noticed = (
        {key: at for key, at in fig.spoken_at(moments, every).items() if key in stopped}
        for moments in (talking_read(folder / JOURNALS), callers["noticed"])
    )
    told = {(call, stream): ms for call, stream, ms in provider["told"] if (call, stream) in stopped}
    gaps, still = fig.gaps_ms(down), read_standstills(folder)
    if still is not None:
        still = within(still, since, until)
    return {
        "caller_to_model_ms": fig.spread(fig.delays_ms(up)),
        "model_to_caller_ms": fig.spread(fig.delays_ms(down)),
        "turn_own_time_ms": fig.spread(fig.first_ms(down)),
        "caller_frames_lost": fig.lost(up),
        "model_frames_lost": fig.lost(down),
        "gap_ms": fig.spread(gaps),
        "gap_own_ms": fig.spread(fig.own_gaps_ms(down, still or (), real_time=load.speed == 1)),
        "standstill_ms": None if still is None else fig.spread(1000 * (end - begin) for begin, end in still),
        "pacing_error_ms": fig.spread(abs(gap - fig.FRAME_MS) for gap in gaps),
        "sent_gap_ms": {
            "callers": fig.spread(fig.sent_gaps_ms(up)),
            "model": fig.spread(gap for gap in fig.sent_gaps_ms(down) if gap > 0),
        },
        "bursts": fig.bursts(down),
        # In real time the model falls silent by itself when it is interrupted: that proves nothing of the host.
        "silent_after_ms": fig.spread(fig.after_ms(stopped, every) if load.speed > 1 else ()),
        "silent_after_noticed_ms": fig.spread(fig.after_ms(noticed, every) if load.speed > 1 else ()),
        "silent_after_read_ms": fig.spread(fig.after_ms(read, every) if load.speed > 1 else ()),
        "told": len(told),
        "told_less_heard_ms": fig.spread(fig.told_less_heard_ms(told, every)),
        "load_late_ms": {
            "callers": fig.spread(callers["late_ms"]),
            "provider": fig.spread(provider["late_ms"]),
        },
    }


def broken(found: Mapping[str, Any], *, real_time: bool) -> list[str]:
    """What a caller would notice of this load; empty if nothing. real_time: the model speaks no faster than it is
    heard, so that its frames have nothing to wait for."""
    up, down = found["caller_to_model_ms"], found["model_to_caller_ms"]
    noticed = {
        "nothing is heard": not (up["count"] and down["count"]),
        "1 % of the model's frames comes more than 100 ms late": real_time and down["p99"] > 100,
        "calls do not come up": found["calls_up"] < found["calls"] or not found["host_running"],
        "audio of callers is lost": found["caller_frames_lost"] > 0.001 * up["count"],
        "audio of the model is lost": found["model_frames_lost"] > 0.001 * down["count"],
        "1 % of the gaps is longer than two frames": found["gap_ms"]["p99"] > 40,
        "1 % of the callers' frames comes more than 100 ms late": up["p99"] > 100,
    }
    return [what for what, is_so in noticed.items() if is_so]


def full(found: Mapping[str, Any]) -> list[str]:
    """Which process had no CPU time left, if any."""
    cores = found["cpu_cores"]
    there = len(os.sched_getaffinity(0))
    return [name for name in ("host", "callers", "provider") if cores[name] > 0.9] + (
        ["machine"] if cores["machine"] > 0.95 * there else []
    )


def _between(arrivals: Sequence[Arrival], since: float, until: float) -> list[Arrival]:
    return [one for one in arrivals if since <= one.sent and one.at < until]


@asynccontextmanager
async def _console(port: str, host: Program, log: Path) -> AsyncIterator[None]:
    """Wait until the host takes calls, and watch its console as a browser would."""
    url = f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession() as http:
        deadline = time.monotonic() + START_SECONDS
        while not await _ready(http, url):
            if not host.running or time.monotonic() > deadline:
                raise NotStarted(_said(log))
            await asyncio.sleep(0.1)
        async with http.ws_connect(f"{url}/logs", max_msg_size=0) as feed:
            watching = asyncio.create_task(_read(feed))
            try:
                yield
            finally:
                watching.cancel()
                await asyncio.wait([watching])


def _said(log: Path) -> str:
    return f"offhook run did not start: {log.read_text().strip() or 'it said nothing'}"


async def _ready(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(f"{url}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def _read(feed: aiohttp.ClientWebSocketResponse) -> None:
    async for _ in feed:
        pass


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    await asyncio.sleep(2.0)  # the floor has nobody to tell that it is ready
    yield


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port

"""How much a call costs, and how long its audio is under way: the host under load.

    python bench/load.py --calls 1 20 60 100 [--seconds 20] [--floor] [--out DIR]

Three processes: the simulated Asterisk with callers who talk all the time, a lean Realtime server that answers in real
time, and `offhook run` between them. Every frame carries a stamp, so that each one's way is timed. With `--floor` the
same load goes through `floor.py` too, a bare loop without any feature, right after.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from figures import after_ms, delays_ms, gaps_ms, lost, spread, told_too_much_ms, worst_burst
from machine import machine
from page import page
from processes import Program, program, script
from stamps import Stamp

DIAL_RATE = 10.0
SETTLE_SECONDS = 3.0
INTERRUPTED = 0.3
HOST = (sys.executable, "-m", "offhook.cli", "run")
SETTINGS = {
    "OPENAI_API_KEY": "none",
    "PORT": "0",
    "GREETING_AUDIO_PATH": "none",
    "RECOGNITION_ACTIVATION_MODE": "IMMEDIATE",
    "INITIAL_USER_PROMPT": "Speak.",
    "RTP_PORT_MIN": "10000",
    "RTP_PORT_MAX": "60000",
    "NO_SPEECH_BEGIN_TIMEOUT_SECONDS": "0",
    "CONVERSATION_IDLE_SECONDS": "0",
    "LOG_LEVEL": "error",
}


async def measure(calls: int, seconds: float, subject: Sequence[str], folder: Path) -> dict[str, Any]:
    """One load: so many calls for so long through the subject; its figures."""
    async with (
        program(*script("provider.py")) as provider,
        program(*script("callers.py")) as callers,
    ):
        address = (await provider.read())["base_url"]
        environment = {**SETTINGS, "OPENAI_BASE_URL": address, **(await callers.read())}
        log = folder / f"{Path(subject[-1]).stem}-{calls}.log"
        async with program(*subject, environment=environment, log=log) as host:
            return await _load(calls, seconds, host, callers, provider, folder)


async def _load(
    calls: int, seconds: float, host: Program, callers: Program, provider: Program, folder: Path
) -> dict[str, Any]:
    await asyncio.sleep(2.0)  # it starts
    idle_kib, cpu, began = host.resident_kib, host.cpu_seconds, time.monotonic()
    others_cpu = [callers.cpu_seconds, provider.cpu_seconds]
    await callers.ask(dial=calls, rate=DIAL_RATE)
    await asyncio.sleep(SETTLE_SECONDS)
    settled, settled_cpu = time.monotonic(), host.cpu_seconds
    interrupted = 0
    for _ in range(4):
        await asyncio.sleep(seconds / 4)
        interrupted += (await provider.ask(interrupt=INTERRUPTED))["interrupted"]
    await asyncio.sleep(1.5)
    now = time.monotonic()
    total_cpu, steady_cpu = host.cpu_seconds - cpu, host.cpu_seconds - settled_cpu
    call_seconds = sum(now - began - number / DIAL_RATE for number in range(calls))
    figures = {
        "calls": calls,
        "cpu_ms_per_call_second": round(1000 * total_cpu / call_seconds, 2),
        "cpu_ms_per_call_second_steady": round(1000 * steady_cpu / (calls * (now - settled)), 2),
        "cpu_share": round(steady_cpu / (now - settled), 3),
        "callers_cpu_seconds": round(callers.cpu_seconds - others_cpu[0], 2),
        "provider_cpu_seconds": round(provider.cpu_seconds - others_cpu[1], 2),
        "resident_kib_per_call": round((host.resident_kib - idle_kib) / calls, 1),
        "resident_mib": round(host.resident_kib / 1024, 1),
        "interrupted": interrupted,
        "load_average": os.getloadavg()[0],
    }
    await callers.ask(dump=str(folder / "callers.json"))
    await provider.ask(dump=str(folder / "provider.json"))
    await callers.ask(hangup=True)
    await asyncio.sleep(1.0)
    return figures | timings(
        json.loads((folder / "callers.json").read_text()),
        json.loads((folder / "provider.json").read_text()),
        since=settled,
        until=now - 1.0,
    )


def timings(
    callers: Mapping[str, Any], provider: Mapping[str, Any], *, since: float, until: float
) -> dict[str, Any]:
    """What the noted times say of the span in which all calls stood."""
    sent, heard_by_model = _times(callers["sent"], since, until), _times(provider["heard"])
    said, heard_by_caller = _times(provider["said"], since, until), _times(callers["heard"])
    stopped = {(call, stream): at for call, stream, at in provider["stopped"]}
    told = {(call, stream): ms for call, stream, ms in provider["told"]}
    cut = {key for key, at in stopped.items() if since <= at < until}
    heard_whole = {s: at for s, at in heard_by_caller.items() if since <= at < until}
    gaps = gaps_ms(heard_whole)
    return {
        "caller_to_model_ms": spread(delays_ms(sent, heard_by_model)),
        "model_to_caller_ms": spread(delays_ms(said, heard_by_caller)),
        "caller_frames_lost": lost(sent, heard_by_model, before=until - 0.5),
        "pacing_error_ms": spread(abs(gap - 20) for gap in gaps),
        "gap_ms": spread(gaps),
        "worst_burst": worst_burst(heard_whole),
        "silent_after_interruption_ms": spread(after_ms({key: stopped[key] for key in cut}, heard_by_caller)),
        "told_less_heard_ms": spread(
            told_too_much_ms({key: ms for key, ms in told.items() if key in cut}, heard_by_caller)
        ),
    }


def _times(rows: Sequence[Any], since: float = 0.0, until: float = float("inf")) -> dict[Stamp, float]:
    return {Stamp(*stamp): at for stamp, at in rows if since <= at < until}


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """All loads, one after the other."""
    subjects = {"offhook": HOST} | ({"floor": script("floor.py")} if options.floor else {})
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in subjects}
    with tempfile.TemporaryDirectory() as folder:
        for calls in options.calls:
            for name, subject in subjects.items():
                figures = await measure(calls, options.seconds, subject, Path(folder))
                results[name].append(figures)
                print(line(name, figures), flush=True)
    return {"machine": machine(), "seconds": options.seconds, "results": results}


def line(name: str, figures: Mapping[str, Any]) -> str:
    """One load in a line."""
    up, down = figures["caller_to_model_ms"], figures["model_to_caller_ms"]
    return (
        f"{name:>8} {figures['calls']:4} calls  {figures['cpu_ms_per_call_second']:5.2f} ms CPU/call-s "
        f"(steady {figures['cpu_ms_per_call_second_steady']:5.2f})  up {up['p50']:5.2f}/{up['p99']:6.2f}  "
        f"down {down['p50']:5.2f}/{down['p99']:6.2f}  gap p99 {figures['gap_ms']['p99']:6.2f} "
        f"worst {figures['gap_ms']['worst']:7.2f}  burst {figures['worst_burst']}  "
        f"stop {figures['silent_after_interruption_ms']['p99']:6.2f}  "
        f"told {figures['told_less_heard_ms']['worst']:5.0f}  "
        f"{figures['resident_kib_per_call']:6.1f} KiB/call"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="The host under load: CPU time, memory, delays.")
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 20, 60, 100])
    parser.add_argument("--seconds", type=float, default=20.0, help="of talking (default %(default)s)")
    parser.add_argument("--floor", action="store_true", help="the bare loop of floor.py, in the same run")
    parser.add_argument("--out", type=Path, help="write results.json and report.html into this folder")
    options = parser.parse_args()
    result = asyncio.run(run(options))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "results.json").write_text(json.dumps(result, indent=2))
        (options.out / "report.html").write_text(page(result))
        print(f"written: {options.out / 'report.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a bad plugin on one call costs the packets of nineteen others.

    python bench/containment.py [--calls 19] [--seconds 6] [--kinds PartWaits …] [--json FILE]

Nineteen callers listen to the model all the time. For each bad plugin there are two windows of so many seconds, side
by side, and a twentieth call comes in with each: first one like the others, then one on which the plugin is bad. The
callers, Asterisk and the provider are in another process, which notes when each packet arrives.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import platform
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from bad_plugins import BAD_PLUGINS, calls_by
from offhook import Host
from offhook.plugins.hooks import Hooks
from offhook.plugins.loader import FoundPlugin, find_plugins
from offhook.settings import settings_with

SETTLE_SECONDS = 3.0


class Surroundings:
    """The other process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, **command: Any) -> Any:
        """One command, and its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        return await self.read()

    async def read(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(await self._process.stdout.readline())


@asynccontextmanager
async def surroundings(seconds: float) -> AsyncIterator[Surroundings]:
    """Start the other process; it ends with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("surroundings.py")),
        str(seconds),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**26,
    )
    try:
        yield Surroundings(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


class Window(NamedTuple):
    """A span of time on the machine's monotonic clock, and what happened in it."""

    begin: float
    end: float
    kind: str
    """The bad plugin, or empty."""


def gaps_ms(arrivals: Sequence[Sequence[float]], window: Window) -> list[float]:
    """The time between each two packets of one call in this window, in milliseconds, sorted."""
    return sorted(
        1000 * (later - earlier)
        for times in arrivals
        for earlier, later in pairwise(times)
        if window.begin <= later < window.end
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Of sorted values."""
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def summary(gaps: Sequence[float]) -> dict[str, float]:
    return {
        "packets": len(gaps),
        "p50_ms": round(percentile(gaps, 0.5), 2),
        "p99_ms": round(percentile(gaps, 0.99), 2),
        "p999_ms": round(percentile(gaps, 0.999), 2),
        "worst_ms": round(gaps[-1], 2) if gaps else 0.0,
    }


async def measure(kinds: Sequence[str], calls: int, seconds: float) -> dict[str, Any]:
    """Run all windows; the figures of each."""
    strangers = [FoundPlugin(kind, f"bad-{kind}", "1", plugin=BAD_PLUGINS[kind]()) for kind in kinds]
    total = SETTLE_SECONDS * 2 + len(kinds) * 2 * (seconds + 1) + 10
    windows: list[Window] = []
    async with surroundings(total) as others:
        settings = settings_with(
            **await others.read(),
            port=0,
            greeting_audio_path="none",
            recognition_activation_mode="IMMEDIATE",
            initial_user_prompt="Speak.",
            rtp_port_min=10_000,
            rtp_port_max=60_000,
        )
        hooks = Hooks([*find_plugins(), *strangers])
        async with Host(settings, hooks=hooks):
            good = [(await others.ask(dial={}))["call"] for _ in range(calls)]
            await asyncio.sleep(SETTLE_SECONDS)
            cpu = time.process_time()
            for kind in kinds:
                for bad in ("", kind):
                    begin = time.monotonic()
                    number = (await others.ask(dial=twentieth(bad)))["call"]
                    await asyncio.sleep(seconds)
                    windows.append(Window(begin, time.monotonic(), bad))
                    await others.ask(hangup=number)
                    await asyncio.sleep(1)
            cpu = time.process_time() - cpu
            arrivals = [(await others.ask(arrivals=call))["at"] for call in good]
            failures = {" · ".join(failure): count for failure, count in hooks.failures.counts().items()}
    found = {
        kind: {
            "without": summary(gaps_ms(arrivals, windows[2 * number])),
            "with": summary(gaps_ms(arrivals, windows[2 * number + 1])),
        }
        for number, kind in enumerate(kinds)
    }
    every = {
        name: summary(sorted(gap for w in windows if bool(w.kind) is bad for gap in gaps_ms(arrivals, w)))
        for name, bad in (("without", False), ("with", True))
    }
    return {
        "machine": machine(),
        "calls": calls,
        "window_seconds": seconds,
        "host_cpu_seconds": round(cpu, 2),
        "all": every,
        "kinds": found,
        "failures": failures,
    }


def twentieth(kind: str) -> dict[str, Any]:
    """The call that comes in with a window. Its model says nothing: to make a long answer costs the other process
    enough to be seen."""
    arguments = calls_by(kind) if kind else {"variables": {}}
    return {**arguments, "variables": {**arguments["variables"], "APP_INITIAL_USER_PROMPT": "none"}}


def machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load": os.getloadavg(),
    }


def table(result: dict[str, Any]) -> str:
    lines = [
        f"{'spacing of the others, ms':<24}{'without p99':>12}{'with p99':>10}{'without worst':>15}{'with worst':>12}"
    ]
    for kind, two in [*result["kinds"].items(), ("all", result["all"])]:
        a, b = two["without"], two["with"]
        lines.append(
            f"{kind:<24}{a['p99_ms']:>12.2f}{b['p99_ms']:>10.2f}{a['worst_ms']:>15.2f}{b['worst_ms']:>12.2f}"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=19, help="good calls (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each window (default %(default)s)")
    parser.add_argument("--kinds", nargs="*", default=list(BAD_PLUGINS), choices=list(BAD_PLUGINS))
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    result = asyncio.run(measure(options.kinds, options.calls, options.seconds))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))
    print(table(result))
    print(f"host: {result['host_cpu_seconds']} CPU seconds; failures noted: {result['failures']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

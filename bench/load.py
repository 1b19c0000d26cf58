"""How much a call costs, and how long its audio is under way: the host under load.

    python bench/load.py --calls 1 20 60 100 [--seconds 20] [--asterisk real] [--floor] --out DIR

Three processes around `offhook run`: callers with a simulated or a real Asterisk, a lean Realtime server, and this one,
which watches the console. Every frame carries a stamp, so that each one's way is timed. With `--floor` the same load
goes through `floor.py` too, a bare loop without any feature, right after.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import resource
import sys
import tempfile
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from machine import machine
from measuring import Load, NotStarted, Subject, measure
from offhook.settings.leaves import environment_names
from page import page
from processes import ProgramEnded

LEFT = (
    "model-arrivals",
    "caller-arrivals",
    "provider.json",
    "standstills.json",
    "callers.json",
    "localhost.pem",
    "localhost.cert",
)
"""What a load leaves in its folder that nobody needs afterwards."""


async def run(options: argparse.Namespace, folder: Path) -> None:
    """All loads, one after the other; after each the report has one more."""
    subjects: list[Subject] = ["offhook", "floor"] if options.floor else ["offhook"]
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in subjects}
    description = machine()
    names = (
        "seconds",
        "rate",
        "asterisk",
        "barge_in",
        "interrupted",
        "speed",
        "frames_per_delta",
        "tls",
        "journal",
    )
    how, settings = {name: getattr(options, name) for name in names}, dict(options.set)
    for calls in options.calls:
        load = Load(calls, settings=settings, **how)
        for name in subjects:
            figures = await measure(load, name, folder)
            results[name].append(figures)
            print(line(name, figures), flush=True)
            description["asterisk"] = figures["asterisk"]
            report(folder, {"machine": description, "how": how | settings, "results": results})
        if options.until_broken and results["offhook"][-1]["broken"]:
            break


def report(folder: Path, result: Mapping[str, Any]) -> None:
    """Write what there is so far."""
    (folder / "results.json").write_text(json.dumps(result, indent=2))
    (folder / "report.html").write_text(page(result))


def line(name: str, figures: Mapping[str, Any]) -> str:
    """One load in two lines."""
    up, down, cores = figures["caller_to_model_ms"], figures["model_to_caller_ms"], figures["cpu_cores"]
    turn, told = figures["turn_own_time_ms"], figures["told_less_heard_ms"]
    gap, own = figures["gap_ms"], figures["gap_own_ms"]
    stop, read = figures["silent_after_ms"], figures["silent_after_read_ms"]
    still = figures["standstill_ms"]
    return (
        f"{name:>8} {figures['calls']:4} calls  {figures['cpu_ms_per_call_second']:5.2f} ms CPU a call-second "
        f"(steady {figures['cpu_ms_per_call_second_steady']:5.2f})  up {up['p50']:5.2f}/{up['p99']:6.2f} ms  "
        f"down {down['p50']:5.2f}/{down['p99']:6.2f} ms  gap p99 {gap['p99']:6.2f} "
        f"worst {gap['worst']:6.2f} ({own['worst']:.2f})  bursts {figures['bursts']['frames']}\n"
        f"{'':21}own time of a turn {turn['p50']:.2f}/{turn['p99']:.2f} ms  "
        + (f"stop p99 {stop['p99']:.2f} of {stop['count']}  " if stop["count"] else "")
        + (f"from reading it {read['p99']:.2f} of {read['count']}  " if read["count"] else "")
        + f"told {told['least']:.0f} to {told['worst']:.0f} of {figures['told']}  "
        f"{figures['resident_kib_per_further_call']:.0f} KiB a call  cores {cores}  "
        f"others {figures['cpu_cores_of_others']}  load {figures['load_average']}  "
        + (
            "standstills not seen"
            if still is None
            else f"stood still {still['count']}, {still['worst']:.1f} ms"
        )
        + "".join(f"\n{'':21}BROKEN: {what}" for what in figures["broken"])
        + (f"\n{'':21}no CPU time left: {', '.join(figures['full'])}" if figures["full"] else "")
    )


def assignment(text: str) -> tuple[str, str]:
    """`NAME=VALUE`, split."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    known = environment_names()
    if name not in known:
        near = ", ".join(get_close_matches(name.upper(), known)) or "those of docs/settings.md"
        raise argparse.ArgumentTypeError(f"{name!r} is no environment setting of the host; allowed is {near}")
    return name, value


def count_up_to(most: int) -> Callable[[str], int]:
    """A whole number from 1 to `most`."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not allowed; allowed is a whole number, 1 to {most}"
            )
        return int(text)

    return parse


def number(least: float, most: float) -> Callable[[str], float]:
    """A number between two."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed is {least:g} to {most:g}")
        return value

    return parse


def main() -> int:
    parser = argparse.ArgumentParser(description="The host under load: CPU time, memory, delays.")
    parser.add_argument("--calls", type=count_up_to(5000), nargs="+", default=[1, 20, 60, 100], metavar="N")
    parser.add_argument(
        "--seconds", type=number(1, 86_400), default=20.0, help="of talking (default %(default)s)"
    )
    parser.add_argument(
        "--rate", type=number(0.1, 1000), default=10.0, help="new calls a second (default %(default)s)"
    )
    parser.add_argument("--asterisk", choices=["simulated", "real"], default="simulated")
    parser.add_argument(
        "--barge-in", choices=["provider", "asterisk"], default="provider", help="who notices"
    )
    parser.add_argument(
        "--speed", type=number(0.1, 100), default=1.0, help="of the model's audio; 1 is real time (default)"
    )
    parser.add_argument(
        "--frames-per-delta", type=count_up_to(500), default=1, help="20 ms each (default %(default)s)"
    )
    parser.add_argument(
        "--interrupted",
        type=number(0, 1),
        default=0.3,
        help="share of answers, four times (default %(default)s)",
    )
    parser.add_argument("--tls", action="store_true", help="the model's server is reached over TLS")
    parser.add_argument(
        "--no-journal", dest="journal", action="store_false", help="the host writes no journals of its calls"
    )
    parser.add_argument(
        "--set",
        type=assignment,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an environment setting of the host, such as INPUT_FRAME_MS=40; any number of times",
    )
    parser.add_argument("--floor", action="store_true", help="the bare loop of floor.py, in the same run")
    parser.add_argument("--until-broken", action="store_true", help="stop after a load that callers notice")
    parser.add_argument("--out", type=Path, help="write results.json, report.html and logs into this folder")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(prefix="offhook-load-") as scratch:
        folder = options.out or Path(scratch)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            parser.error(f"--out {folder} cannot be a folder: {error.strerror}")
        try:
            asyncio.run(run(options, folder))
        except (NotStarted, ProgramEnded) as error:
            print(f"load.py: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
        finally:
            for name in LEFT:
                (folder / name).unlink(missing_ok=True)
    if options.out:
        print(f"written: {options.out / 'report.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

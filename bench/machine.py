"""What machine a benchmark runs on, and how busy it is; figures of different machines cannot be compared."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")


def machine() -> dict[str, Any]:
    """A description for people, with the load average before the benchmark."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "uvloop": _version("uvloop"),
        "websockets": _version("websockets"),
        "offhook": _version("offhook-core"),
        "load_average_before": round(os.getloadavg()[0], 2),
    }


class Busy(NamedTuple):
    """CPU seconds of the whole machine so far (proc_stat(5)), of all cores together."""

    used: float
    total: float
    stolen: float
    """What a hypervisor gave to other guests while ours wanted to run; part of `used`."""


def busy() -> Busy:
    """What all programs have used so far, ours and others'."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    total, idle = sum(fields), fields[3] + fields[4]
    return Busy((total - idle) / TICKS, total / TICKS, fields[7] / TICKS)


def _processor() -> str:
    for text in Path("/proc/cpuinfo").read_text().splitlines():
        if text.startswith("model name"):
            return text.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "none"

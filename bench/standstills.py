"""When the machine itself stood still: a witness on each core, more urgent than all other programs.

A hypervisor that takes a core away does not always say so in /proc/stat. A thread with real-time priority (sched(7))
that asks for the core every 2 ms and does not get it has seen it. What else waits there waits for the same reason.

Started by a benchmark, as root: the first line that it prints is `true`, or `false` where such a priority is not
allowed; then each line `{"dump": FOLDER}` has it write down what it saw.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

EVERY_SECONDS: Final = 0.002
STILL_SECONDS: Final = 0.002
"""A core that comes so much too late stood still."""
FILE: Final = "standstills.json"

Span = tuple[float, float]
"""From and until, in seconds on the machine's monotonic clock."""


def read_standstills(folder: Path) -> list[Span] | None:
    """What the witness wrote there; None if it could see nothing."""
    try:
        return [(since, until) for since, until in json.loads((folder / FILE).read_text())]
    except FileNotFoundError:
        return None


class Witness:
    """Watches cores until the program ends."""

    def __init__(self) -> None:
        self._seen: list[Span] = []

    def watch(self, core: int) -> None:
        """In a thread of its own."""
        os.sched_setaffinity(0, {core})
        last = time.monotonic()
        while True:
            time.sleep(EVERY_SECONDS)
            due, last = last + EVERY_SECONDS, time.monotonic()
            if last - due > STILL_SECONDS:
                self._seen.append((due, last))

    def write(self, folder: Path) -> None:
        """All cores' together, in the order of time."""
        (folder / FILE).write_text(json.dumps(sorted(self._seen)))


def within(standstills: Sequence[Span], since: float, until: float) -> list[Span]:
    """Those that have a moment in common with a span of time."""
    return [one for one in standstills if one[0] < until and one[1] > since]


def urgent() -> bool:
    """Become the most urgent of all programs, threads that follow included; False where that is not allowed."""
    most = os.sched_param(os.sched_get_priority_max(os.SCHED_FIFO))
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, most)
    except PermissionError:
        return False
    return True


def main() -> None:
    allowed, witness = urgent(), Witness()
    for core in os.sched_getaffinity(0) if allowed else ():
        threading.Thread(target=witness.watch, args=[core], daemon=True).start()
    print(json.dumps(allowed), flush=True)
    for line in sys.stdin:
        if allowed:
            witness.write(Path(json.loads(line)["dump"]))
        print("{}", flush=True)


if __name__ == "__main__":
    main()

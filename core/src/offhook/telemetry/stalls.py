"""How often the event loop was held up: by too many calls, by other programs, by code that blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

EVERY_SECONDS: Final = 0.1
LATE_SECONDS: Final = 0.020
"""A frame: what is held up for longer is heard."""


class Stalls:
    """Looks ten times a second how late it is called; runs until `close`."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """loop: the running one if not given."""
        self._loop = loop or asyncio.get_running_loop()
        self._count = 0
        self._seconds = 0.0
        self._due = 0.0
        self._wait()

    def counted(self) -> Mapping[str, int]:
        """How often it was later than `LATE_SECONDS`, and by how much in all."""
        return {"loop_stalls": self._count, "loop_stalled_ms": round(self._seconds * 1000)}

    def close(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _wait(self) -> None:
        self._due = self._loop.time() + EVERY_SECONDS
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        late = self._loop.time() - self._due
        if late > LATE_SECONDS:
            self._count += 1
            self._seconds += late
        self._wait()

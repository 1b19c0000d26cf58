"""Work that parts have started with `Run`, as data: who waits for what. Nothing here runs anything.

Like a timer, work is keyed by (owner, name); unlike a timer it ends by itself, and may end late. So each start has
an id of its own, and an end whose id is not known any more is nobody's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .timers import Key


@dataclass(slots=True)
class Works:
    """The work of one call's parts that is under way."""

    _running: dict[int, Key] = field(default_factory=dict)
    _started: int = 0

    def start(self, owner: str, name: str) -> int:
        """Take note of new work; returns its id."""
        self._started += 1
        self._running[self._started] = (owner, name)
        return self._started

    def named(self, owner: str, name: str) -> list[int]:
        """The ids of an owner's work of that name: none or one."""
        return [work_id for work_id, key in self._running.items() if key == (owner, name)]

    def of(self, *owners: str) -> list[int]:
        """The ids of all work of these owners; without any, of everybody."""
        return [work_id for work_id, (owner, _) in self._running.items() if owner in owners or not owners]

    def pop(self, work_id: int) -> Key | None:
        """Work has ended, or nobody waits for it any more: whose it was, or None if that is known already."""
        return self._running.pop(work_id, None)

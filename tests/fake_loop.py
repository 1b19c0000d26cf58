"""The two methods of an event loop that the pacer uses, on a clock that the test turns."""

from __future__ import annotations

from collections.abc import Callable


class Handle:
    """A call that is due at a time."""

    def __init__(self, when: float, call: Callable[[], None]) -> None:
        self._when, self.call, self.cancelled = when, call, False

    def when(self) -> float:
        return self._when

    def cancel(self) -> None:
        self.cancelled = True


class FakeLoop:
    """Time stands still until `run_until`."""

    def __init__(self) -> None:
        self.now = 7.0
        self.wake_ups = 0
        self._handles: list[Handle] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[[], None]) -> Handle:
        handle = Handle(when, call)
        self._handles.append(handle)
        return handle

    @property
    def waiting(self) -> list[Handle]:
        """The calls that are still to come."""
        self._handles = [handle for handle in self._handles if not handle.cancelled]
        return self._handles

    def run_until(self, end: float) -> None:
        """Let time pass, and whatever is due in it happen in order."""
        while due := sorted((h for h in self.waiting if h.when() <= end), key=Handle.when):
            self._handles.remove(due[0])
            self.now = max(self.now, due[0].when())
            self.wake_ups += 1
            due[0].call()
        self.now = end

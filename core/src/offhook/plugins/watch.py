"""Looks whether the threads of plugins still answer, from a thread of its own."""

from __future__ import annotations

import ctypes
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress

from .switching import short_interval

log = logging.getLogger("offhook.plugins")

TICK_SECONDS: float = 0.025
"""How often the threads are looked at while plugins have work."""
IDLE_TICK_SECONDS: float = 0.5
WALL_SECONDS: float = 1.0
"""So long may a plugin's code wait without giving its thread back."""
CPU_SECONDS: float = 0.25
"""So much of the processor's time may it take at a stretch: Python runs one thread at a time, so it takes it from
every call."""

Beat = Callable[[], None]


class Evicted(BaseException):
    """Thrown into a plugin's code that computes without an end.

    Not an Exception: an `except Exception` of the plugin's must not stop it.
    """


class Pulse:
    """The signs of life of one thread.

    busy: it has work of ours. ask_for_beat: has a function called in that thread as soon as it is free; a thread that
    has no such way calls `beat` itself after each piece of work, and is looked at only while it is busy.
    """

    def __init__(
        self, busy: Callable[[], bool], ask_for_beat: Callable[[Beat], object] | None = None
    ) -> None:
        self.busy = busy
        self._ask_for_beat = ask_for_beat
        self._thread = 0
        self._cpu_clock: int | None = None
        self._asked = False
        self._held_seconds = 0.0
        self._cpu_before = 0.0
        self._cpu_asked = 0.0

    def begin(self) -> None:
        """To be called in the thread, first of all."""
        self._thread = threading.get_ident()
        if hasattr(time, "pthread_getcpuclockid"):  # not on every system
            self._cpu_clock = time.pthread_getcpuclockid(self._thread)

    def look(self, passed_seconds: float) -> str:
        """Why the thread is to be given up, in words; empty while it answers."""
        if not self._thread or (self._ask_for_beat is None and not self.busy()):
            return ""
        if not self._asked:
            self._asked, self._held_seconds, self._cpu_before = True, 0.0, self._cpu()
            if self._ask_for_beat is not None:
                with suppress(RuntimeError):  # its loop is closed
                    self._ask_for_beat(self.beat)
            return ""
        self._held_seconds += passed_seconds
        cpu_seconds = self._cpu() - self._cpu_before
        if cpu_seconds > CPU_SECONDS:
            return f"has computed for {cpu_seconds:.2f} s without giving its thread back"
        if self._held_seconds > WALL_SECONDS:
            return f"has kept its thread for {self._held_seconds:.1f} s"
        return ""

    def end(self) -> None:
        """To be called in the thread, last of all."""
        self._thread = 0

    @property
    def ended(self) -> bool:
        return self._thread == 0

    def where(self) -> str:
        """The code that the thread is in, as in a traceback."""
        frame = sys._current_frames().get(self._thread)
        return "".join(traceback.format_stack(frame)[-6:]) if frame is not None else ""

    def evict(self) -> None:
        """End what the thread computes, if it still does. Code that sleeps or waits harms nobody, and stays."""
        cpu = self._cpu()
        if self._thread and cpu - self._cpu_before > CPU_SECONDS:
            self._cpu_before = cpu
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread), ctypes.py_object(Evicted)
            )

    def computes(self) -> bool:
        """It has used the processor since this was asked last."""
        before, self._cpu_asked = self._cpu_asked, self._cpu()
        return not self.ended and self._cpu_asked > before

    def beat(self) -> None:
        """The thread is free, or begins anew."""
        self._asked = False

    def _cpu(self) -> float:
        try:
            return time.clock_gettime(self._cpu_clock) if self._cpu_clock is not None else 0.0
        except OSError:  # the thread has ended
            return self._cpu_before


class Watch:
    """The one thread that looks after all others; it lives from the first thread on until `close`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[Pulse, Callable[[str], None]] = {}
        self._given_up: list[Pulse] = []
        """Threads that are nobody's any more, and still run."""
        self._wake = threading.Event()
        self._running = False

    def add(self, pulse: Pulse, stuck: Callable[[str], None]) -> None:
        """Look after a thread; `stuck` is told once why it is given up, in the watch's own thread."""
        with self._lock:
            self._watched[pulse] = stuck
            if not self._running:
                self._running = True
                short_interval.acquire()
                threading.Thread(target=self._look, name="plugin watch", daemon=True).start()
        self.wake()

    def remove(self, pulse: Pulse) -> None:
        with self._lock:
            self._watched.pop(pulse, None)

    def wake(self) -> None:
        """A thread has got work."""
        if not self._wake.is_set():
            self._wake.set()

    def close(self) -> None:
        with self._lock:
            if self._running:
                short_interval.release()
            self._running = False
            self._watched.clear()
        self.wake()

    def _look(self) -> None:
        last = all_looked_at = time.monotonic()
        while self._running:
            now = time.monotonic()
            # Where the whole process stood still, no plugin is to blame.
            passed, last = min(now - last, 4 * TICK_SECONDS), now
            with self._lock:
                watched = list(self._watched.items())
            everybody = now - all_looked_at >= IDLE_TICK_SECONDS
            if everybody:
                all_looked_at = now
                # One that only waits harms nobody.
                self._given_up = [pulse for pulse in self._given_up if pulse.computes()]
            for pulse in self._given_up:
                pulse.evict()
            for pulse, stuck in watched:
                if (everybody or pulse.busy()) and (why := pulse.look(passed)):
                    self.remove(pulse)
                    self._given_up.append(pulse)
                    log.warning("a plugin's thread is given up; it was here:\n%s", pulse.where())
                    pulse.evict()
                    stuck(why)
            if self._given_up or any(pulse.busy() for pulse, _ in watched):
                time.sleep(TICK_SECONDS)
            else:
                self._wake.wait(IDLE_TICK_SECONDS)
                self._wake.clear()

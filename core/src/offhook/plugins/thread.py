"""The thread in which the code of one plugin from outside runs, with an event loop of its own.

The host's own loop carries every call's audio: code that sleeps, waits or computes there silences all of them. So
a stranger's hooks, parts and async functions run in a thread of their plugin. `Watch` looks whether that thread
still answers. One that does not is given up: whatever waits for it gets `Overran`, and the plugin's next turn is in
a new thread. A plugin that does so again and again is left alone for a while.

What this cannot contain is native code that never lets go of Python's lock (docs/decisions/0009).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from offhook.call.state import CallEnded

from .failures import Failures, Kind
from .watch import Evicted, Pulse, Watch

MUTE_AFTER: int = 3
"""So many times may a plugin keep its thread within `MUTE_SECONDS` before it is left alone for as long."""
MUTE_SECONDS: float = 60.0


CANCEL_SECONDS: float = 1.0
"""How long what a plugin has started may take to be cancelled, when its thread ends."""


class Overran(Exception):
    """A plugin's code did not give its thread back in time; the text says what it did."""


class Muted(Overran):
    """The plugin has kept its thread too often, and is left alone for a while."""


@dataclass(eq=False, slots=True)
class _Job:
    """One piece of a plugin's code to run."""

    what: str
    call_id: str
    function: Callable[[], Any]
    done: concurrent.futures.Future[Any] = field(default_factory=concurrent.futures.Future)
    task: asyncio.Task[None] | None = None
    started: bool = False

    def succeed(self, result: Any) -> None:
        with suppress(concurrent.futures.InvalidStateError):  # nobody waits for it any more
            self.done.set_result(result)

    def fail(self, error: BaseException) -> None:
        if not isinstance(error, Exception):  # a stranger's SystemExit must not end the host
            error = RuntimeError(f"{type(error).__name__}: {error}".removesuffix(": "))
        with suppress(concurrent.futures.InvalidStateError):
            self.done.set_exception(error)


class PluginThread:
    """Runs a plugin's code; the plugin is never in two places at once (its audio listeners apart).

    Its methods may be called from any thread but its own.
    """

    def __init__(self, plugin: str, failures: Failures, watch: Watch) -> None:
        self.plugin = plugin
        self._failures = failures
        self._watch = watch
        self._lock = threading.Lock()
        self._lane: _Lane | None = None
        self._lanes: list[_Lane] = []
        """Those given up and still alive, too."""
        self._strikes: deque[float] = deque(maxlen=MUTE_AFTER)
        self._muted_until = 0.0
        self._closed = False

    @property
    def muted(self) -> bool:
        return time.monotonic() < self._muted_until

    def ask(self, what: str, function: Callable[[], Any], *, call_id: str = "") -> Any:
        """Run a plain function and wait for it; for threads that may wait. Raises Overran, and what it raises."""
        return self._start(what, function, call_id).done.result()

    async def call(self, what: str, function: Callable[[], Any], *, call_id: str = "") -> Any:
        """Run a plain function. Raises Overran, and what the function raises."""
        return await asyncio.wrap_future(self._start(what, function, call_id).done)

    async def run(
        self, what: str, function: Callable[[], Any], *, seconds: float | None = None, call_id: str = ""
    ) -> Any:
        """Run a function, and await what it returns if that can be awaited.

        seconds: the time limit of what is awaited; then it is cancelled there, and TimeoutError raised here.
        Cancelled itself, it cancels that too. Raises Overran, and what the function raises.
        """

        async def awaited() -> Any:
            answer = function()
            if not inspect.isawaitable(answer):
                return answer
            async with asyncio.timeout(seconds):
                return await answer

        job = self._start(what, awaited, call_id)
        try:
            return await asyncio.wrap_future(job.done)
        except asyncio.CancelledError:
            self._cancel(job)
            raise

    def post(self, what: str, function: Callable[[], Any], *, call_id: str = "") -> None:
        """Run a plain function some time; what comes of it is nobody's concern but the log's."""

        def contained() -> None:
            try:
                function()
            except Exception as error:
                self._failures.note(
                    self.plugin, what, "raised", f"failed: {error!r}", call_id=call_id, error=error
                )

        with suppress(Muted):
            self._start(what, contained, call_id)

    @property
    def waiting(self) -> int:
        """How many pieces of code wait or run."""
        lane = self._lane
        return len(lane.jobs) if lane is not None else 0

    def close(self) -> None:
        """Cancel what runs, and end the thread as soon as it answers; nobody waits for one that does not."""
        with self._lock:
            self._closed = True
            lane, self._lane = self._lane, None
        if lane is not None:
            self._watch.remove(lane.pulse)
            for job in chain(*lane.give_up()):
                job.fail(Overran(f"plugin {self.plugin}: the host has stopped"))

    async def closed(self) -> None:
        """Close, and wait until its threads have ended, for a moment: one that does not answer goes on alone."""
        self.close()
        if endings := [asyncio.wrap_future(lane.ended) for lane in self._lanes]:
            await asyncio.wait(endings, timeout=CANCEL_SECONDS)

    # --- Within -----------------------------------------------------------------------------------

    def _start(self, what: str, function: Callable[[], Any], call_id: str) -> _Job:
        job = _Job(what, call_id, function)
        self._submit(job)
        return job

    def _submit(self, job: _Job) -> None:
        with self._lock:
            if self._closed or self.muted:
                state = "the host has stopped" if self._closed else "it has kept its thread too often"
                raise Muted(f"plugin {self.plugin} is left out: {state}")
            if self._lane is None:
                self._lane = _Lane(self.plugin, self._note_error)
                self._lanes = [*(lane for lane in self._lanes if not lane.ended.done()), self._lane]
                self._watch.add(self._lane.pulse, self._stuck)
            self._lane.submit(job)
        self._watch.wake()

    def _cancel(self, job: _Job) -> None:
        lane = self._lane
        if lane is not None and job in lane.jobs:
            lane.loop.call_soon_threadsafe(lambda: job.task.cancel() if job.task else None)

    def _note_error(self, loop: Any, context: dict[str, Any]) -> None:
        """What asyncio found in the plugin's loop and nobody waits for, such as a task that failed."""
        error = context.get("exception")
        if isinstance(error, Exception):
            kind: Kind = "stale" if isinstance(error, CallEnded) else "raised"
            self._failures.note(self.plugin, "work of its own", kind, f"failed: {error!r}", error=error)

    def _stuck(self, why: str) -> None:
        """The watch has found that the thread does not answer; called in the watch's thread."""
        with self._lock:
            lane, self._lane = self._lane, None
            if lane is None:
                return
            now = time.monotonic()
            self._strikes.append(now)
            often = len(self._strikes) == MUTE_AFTER and now - self._strikes[0] < MUTE_SECONDS
            if often:
                self._muted_until = now + MUTE_SECONDS
        given_up, again = lane.give_up()
        doing = ", ".join(sorted({job.what for job in given_up})) or "work of its own"
        call_id = next((job.call_id for job in given_up if job.call_id), "")
        muted = f"; it is left out for {MUTE_SECONDS:g} s" if often else ""
        self._failures.note(self.plugin, doing, "blocked", f"{why}{muted}", call_id=call_id)
        for job in given_up:
            job.fail(Overran(f"plugin {self.plugin} {why}"))
        for job in again:
            try:
                self._submit(job)
            except Muted as error:
                job.fail(error)


class _Lane:
    """One thread and its loop. It is given up as a whole when it does not answer."""

    def __init__(self, plugin: str, note_error: Callable[[Any, dict[str, Any]], None]) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(note_error)
        self.jobs: set[_Job] = set()
        self.ended: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._over = False
        self.pulse = Pulse(lambda: bool(self.jobs), lambda beat: self.loop.call_soon_threadsafe(beat))
        threading.Thread(target=self._live, name=f"plugin {plugin}", daemon=True).start()

    def submit(self, job: _Job) -> None:
        self.jobs.add(job)
        self.loop.call_soon_threadsafe(self._begin, job)

    def give_up(self) -> tuple[list[_Job], list[_Job]]:
        """Let go of the thread; returns what was running there, and what it had not begun yet."""
        self._over = True
        jobs, self.jobs = self.jobs, set()
        with suppress(RuntimeError):  # closed already
            self.loop.call_soon_threadsafe(self._end)
        return [job for job in jobs if job.started], [job for job in jobs if not job.started]

    def _live(self) -> None:
        self.pulse.begin()
        asyncio.set_event_loop(self.loop)
        try:
            while not self._over:
                with suppress(Evicted):  # it may hit anywhere
                    self.loop.run_forever()
        finally:
            with suppress(Evicted):
                self.loop.close()
            self.pulse.end()
            self.ended.set_result(None)

    def _end(self) -> None:
        async def cancelled(tasks: set[asyncio.Task[Any]]) -> None:
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=CANCEL_SECONDS)
            self.loop.stop()

        self._ending = self.loop.create_task(cancelled(asyncio.all_tasks(self.loop)))

    def _begin(self, job: _Job) -> None:
        if job not in self.jobs:
            return
        job.started = True
        if inspect.iscoroutinefunction(job.function):
            job.task = self.loop.create_task(self._await(job, job.function()))
            return
        try:
            job.succeed(job.function())
        except Evicted:
            return  # whoever gave the thread up tells why
        except BaseException as error:  # SystemExit too: it is the plugin's, and would end the thread
            job.fail(error)
        self.jobs.discard(job)

    async def _await(self, job: _Job, work: Awaitable[Any]) -> None:
        try:
            job.succeed(await work)
        except Evicted:
            return
        except BaseException as error:
            job.fail(error)
        self.jobs.discard(job)

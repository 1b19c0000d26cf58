"""The one way to a plugin's code: each implementation of a hook is called by itself, timed, and contained."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pluggy

from offhook.call.info import CallInfo

from .failures import Failures, Kind
from .thread import Overran, PluginThread

SLOW_SECONDS = 0.05
"""A hook that runs in the host's own loop holds up every call's audio; one that takes so long is noted."""


@dataclass(frozen=True, slots=True)
class Implementation:
    """One plugin's function for one hook."""

    plugin: str
    hook: str
    function: Callable[..., Any]
    argnames: Sequence[str]
    thread: PluginThread | None

    @property
    def what(self) -> str:
        return f"the hook {self.hook}"

    def call(self, arguments: Mapping[str, Any], *, listed: bool = False) -> Any:
        answer = self.function(*(arguments[name] for name in self.argnames))
        return list(answer) if listed and answer is not None else answer

    @staticmethod
    def call_id(arguments: Mapping[str, Any]) -> str:
        call = arguments.get("call")
        return str(arguments.get("call_id") or (call.call_id if isinstance(call, CallInfo) else ""))


class Asker:
    """Asks the plugins of one host. threads: those of the plugins from outside, by plugin name."""

    def __init__(
        self, manager: pluggy.PluginManager, threads: Mapping[str, PluginThread], failures: Failures
    ) -> None:
        self._manager = manager
        self._threads = threads
        self._failures = failures

    def implementations(self, hook: str) -> list[Implementation]:
        """Who implements a hook, in pluggy's order."""
        return [
            Implementation(
                implementation.plugin_name,
                hook,
                implementation.function,
                implementation.argnames,
                self._threads.get(implementation.plugin_name),
            )
            for implementation in reversed(getattr(self._manager.hook, hook).get_hookimpls())
        ]

    async def ask(
        self, hook: str, *, listed: bool = False, **arguments: Any
    ) -> list[tuple[Implementation, Any]]:
        """Ask each implementation by itself, in pluggy's order: what is not None.

        listed: the answers are iterables, which yield in the plugin's own thread too.
        """
        answers = []
        for one in self.implementations(hook):
            answers += await self.ask_one(one, listed=listed, **arguments)
        return answers

    async def ask_one(
        self, one: Implementation, *, listed: bool = False, **arguments: Any
    ) -> list[tuple[Implementation, Any]]:
        try:
            if one.thread is None:
                answer = self.timed(one, arguments, listed=listed)
            else:
                call = partial(one.call, arguments, listed=listed)
                answer = await one.thread.call(one.what, call, call_id=one.call_id(arguments))
        except Exception as error:
            self.failed(one, arguments, error)
            return []
        return [] if answer is None else [(one, answer)]

    def ask_now(self, hook: str, **arguments: Any) -> Iterator[tuple[Implementation, Any]]:
        """The same for those who cannot await, but may wait."""
        for one in self.implementations(hook):
            try:
                if one.thread is None:
                    answer = self.timed(one, arguments)
                else:
                    answer = one.thread.ask(one.what, partial(one.call, arguments))
            except Exception as error:
                self.failed(one, arguments, error)
                continue
            if answer is not None:
                yield one, answer

    def timed(self, one: Implementation, arguments: dict[str, Any], *, listed: bool = False) -> Any:
        began = time.perf_counter()
        try:
            return one.call(arguments, listed=listed)
        finally:
            if (seconds := time.perf_counter() - began) > SLOW_SECONDS:
                self.note(one, arguments, "blocked", f"has held up all calls for {seconds:.2f} s")

    def failed(self, one: Implementation, arguments: dict[str, Any], error: Exception) -> None:
        if not isinstance(error, Overran):  # the thread has told that already
            self._failures.note(
                one.plugin,
                one.what,
                "raised",
                f"failed: {error!r}",
                call_id=one.call_id(arguments),
                error=error,
            )

    def note(self, one: Implementation, arguments: dict[str, Any], kind: Kind, text: str) -> None:
        self._failures.note(one.plugin, one.what, kind, text, call_id=one.call_id(arguments))

"""Calling plugins: one typed method for each hook. The only file that calls them.

pluggy's own callers stop at the first implementation that raises; here each is called by itself, and one that
raises, takes too long or returns nonsense is noted under its plugin's name and left out. Plugins that pip has
installed from outside run in a thread of their own (`thread.py`); ours, and objects that an embedding program
registers, run right here.
"""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import inspect
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import pluggy

from offhook.call.actions import Action
from offhook.call.events import Event
from offhook.call.info import CallInfo
from offhook.call.outcome import Outcome
from offhook.call.part import Part
from offhook.realtime.tools import Tool

from . import hookspecs
from .asking import Asker, Implementation
from .failures import Failures
from .guard import GuardedPart
from .implementations import BadPlugin, implemented_hooks
from .loader import FoundPlugin, find_plugins
from .specs import PROJECT
from .tap import Tap
from .thread import PluginThread
from .watch import Watch

if TYPE_CHECKING:
    from aiohttp import web

    from offhook.host import Host
    from offhook.settings import Settings

__all__ = ["BadPlugin", "Hooks", "mode_key"]

T = TypeVar("T")

log = logging.getLogger("offhook.plugins")

OBSERVED_AT_MOST = 1000
"""So many events may wait for a plugin that observes calls; what comes on top it does not see."""


def mode_key(mode: str) -> str:
    """A mode's name as it is compared: without case, `_` and `-`."""
    return mode.lower().replace("_", "").replace("-", "")


class Hooks:
    """The plugins of one host, ready to be asked."""

    def __init__(self, plugins: Iterable[FoundPlugin] = ()) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self.failures = Failures()
        self.plugins: list[FoundPlugin] = []
        self._watch = Watch()
        self._threads: dict[str, PluginThread] = {}
        """The plugins from outside, by name."""
        self._waiters: ThreadPoolExecutor | None = None
        self._asker = Asker(self._manager, self._threads, self.failures)
        for found in plugins:
            self.plugins.append(found)
            if found.plugin is not None:
                self.register(found.plugin, found.name)
                if not found.first_party:
                    self._threads[found.name] = PluginThread(found.name, self.failures, self._watch)

    @classmethod
    def installed(
        cls,
        *,
        disabled: Sequence[str] = (),
        choices: Mapping[str, str] | None = None,
        strict: bool = False,
    ) -> Hooks:
        """All plugins that are installed. Raises PluginConflict and BadPlugin.

        A plugin that cannot be used is logged and left out; strict: it is a BadPlugin.
        """
        found = find_plugins(disabled=disabled, choices=choices)
        broken = [f"{plugin.label} cannot be used: {plugin.error}" for plugin in found if plugin.error]
        if strict and broken:
            raise BadPlugin(f"{'; '.join(broken)} (OFFHOOK_STRICT_PLUGINS)")
        return cls(found)

    def register(self, plugin: object, name: str) -> None:
        """Take in one plugin: a module or any object with hook implementations.

        An argument that is deprecated is told of twice: to the plugin's author as a DeprecationWarning at the line
        of the implementation, and to the operator in the log.

        Raises BadPlugin, and then nothing of it is taken in.
        """
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            try:
                implemented_hooks(plugin)
                self._manager.register(plugin, name=name)
            except (BadPlugin, pluggy.PluginValidationError, ValueError) as error:
                raise BadPlugin(f"plugin {name}: {error}") from error
        for warning in found:  # pluggy's do not name the plugin
            text = f"plugin {name}: {warning.message}"
            log.warning("%s", text)
            warnings.warn_explicit(text, warning.category, warning.filename, warning.lineno)

    # --- Where strangers run ----------------------------------------------------------------------

    async def aside(self, function: Callable[[], T]) -> T:
        """Run what may have to wait for a stranger's code: in another thread, if there is any stranger."""
        if not self._threads:
            return function()
        if self._waiters is None:
            self._waiters = ThreadPoolExecutor(32, thread_name_prefix="offhook waits for plugins")
        return await asyncio.get_running_loop().run_in_executor(self._waiters, function)

    def close(self) -> None:
        """End all threads of plugins; one that does not answer is not waited for."""
        for thread in self._threads.values():
            thread.close()
        self._watch.close()
        if self._waiters is not None:
            self._waiters.shutdown(wait=False)

    async def closed(self) -> None:
        """Close, and wait a moment for what ends cleanly."""
        self.close()
        await asyncio.gather(*(thread.closed() for thread in self._threads.values()))

    # --- Per call ---------------------------------------------------------------------------------

    async def call_settings(
        self, call: CallInfo, variables: Mapping[str, str], *, timeout_seconds: float
    ) -> list[tuple[str, Mapping[str, Any] | str]]:
        """Each plugin's settings for a call: (plugin name, leaf → value), or in words why it has none to give."""
        asked = [
            self._settle(one, {"call": call, "variables": dict(variables)}, timeout_seconds)
            for one in self._asker.implementations("call_settings")
        ]
        return [answer for answer in await asyncio.gather(*asked) if answer is not None]

    async def _settle(
        self, one: Implementation, arguments: dict[str, Any], timeout_seconds: float
    ) -> tuple[str, Mapping[str, Any] | str] | None:
        try:
            if one.thread is not None:
                answer = await one.thread.run(
                    one.what,
                    partial(one.call, arguments),
                    seconds=timeout_seconds,
                    call_id=one.call_id(arguments),
                )
            else:
                answer = self._asker.timed(one, arguments)
                if inspect.isawaitable(answer):
                    async with asyncio.timeout(timeout_seconds):
                        answer = await answer
        except TimeoutError:
            why = f"gave no answer within {timeout_seconds:g} s"
            self._asker.note(one, arguments, "late", why)
        except Exception as error:
            why = f"failed: {error!r}"
            self._asker.failed(one, arguments, error)
        else:
            if answer is None or isinstance(answer, Mapping):
                return None if answer is None else (one.plugin, answer)
            why = f"returned {answer!r}, not a mapping"
            self._asker.note(one, arguments, "nonsense", why)
        return one.plugin, why

    async def activation_mode(self, mode: str, settings: Settings) -> list[Part]:
        """The parts for an activation mode, the one to take first; none if no plugin knows the mode."""
        answers = await self._asker.ask("activation_mode", mode=mode_key(mode), settings=settings)
        return list(self._parts(answers, f"activation mode {mode}"))

    def knows_mode(self, mode: str, settings: Settings) -> bool:
        """True if a plugin has this mode. It may have to wait for a stranger's code: see `aside`."""
        answers = self._asker.ask_now("activation_mode", mode=mode_key(mode), settings=settings)
        return any(True for _ in self._parts(answers, f"activation mode {mode}"))

    async def digit_handler(self, settings: Settings) -> Part | None:
        """The part that handles digits, or None."""
        return next(
            self._parts(await self._asker.ask("digit_handler", settings=settings), "keypad handler"), None
        )

    def parts_now(self, mode: str, settings: Settings) -> tuple[list[Part], Part | None]:
        """The parts for an activation mode (empty: none is wanted) and the keypad handler, for those who may wait."""
        activation: list[Part] = []
        if mode:
            asked = self._asker.ask_now("activation_mode", mode=mode_key(mode), settings=settings)
            activation = list(self._parts(asked, f"activation mode {mode}"))
        keypads = self._parts(self._asker.ask_now("digit_handler", settings=settings), "keypad handler")
        return activation, next(keypads, None)

    def _parts(self, answers: Iterable[tuple[Implementation, Any]], role: str) -> Iterator[Part]:
        for one, part in answers:
            if callable(getattr(part, "on", None)):
                yield GuardedPart(
                    part, plugin=one.plugin, role=role, failures=self.failures, thread=one.thread
                )
            else:
                self._asker.note(one, {}, "nonsense", f"returned {part!r}, which has no method `on`")

    async def tools(self, settings: Settings) -> dict[str, Tool]:
        """All tools for a call by name; of two with one name the plugin that was registered last wins."""
        offered: dict[str, Tool] = {}
        for one, tools in reversed(await self._asker.ask("tools", listed=True, settings=settings)):
            for tool in tools:
                if isinstance(tool, Tool):
                    offered[tool.name] = self._tool_aside(tool, one) if one.thread is not None else tool
                else:
                    self._asker.note(one, {}, "nonsense", f"offered {tool!r}, which is not a Tool")
        return offered

    @staticmethod
    def _tool_aside(tool: Tool, one: Implementation) -> Tool:
        """The same tool; its function runs in the thread of its plugin."""
        thread = one.thread
        assert thread is not None

        async def function(context: Any, parameters: Any) -> Any:
            return await thread.run(
                f"the tool {tool.name}",
                lambda: tool.function(context, parameters),
                call_id=context.call.call_id,
            )

        return dataclasses.replace(tool, function=function)

    async def session_config(self, call: CallInfo, session: dict[str, Any]) -> dict[str, Any]:
        """The session as the plugins want it."""
        # A deep copy: a plugin that changes its argument changes nothing that is sent.
        answers = await self._asker.ask("session_config", call=call, session=copy.deepcopy(session))
        for one, changes in answers:
            if isinstance(changes, Mapping):
                session = {**session, **changes}
            else:
                self._asker.note(one, {"call": call}, "nonsense", f"returned {changes!r}, not a mapping")
        return session

    async def audio_tap(
        self, call: CallInfo, settings: Settings, emit: Callable[[str, str, Any], bool]
    ) -> list[Tap]:
        """The listeners to one caller's audio, ready to be fed. emit: takes plugin, name and data of an event."""
        taps = []
        for one in self._asker.implementations("audio_tap"):
            tap = Tap(one.plugin, call.call_id, self.failures, self._watch)
            told = partial(tap.emit, emit)
            for _, listener in await self._asker.ask_one(one, call=call, settings=settings, emit=told):
                if callable(getattr(listener, "hear", None)):
                    tap.start(listener)
                    taps.append(tap)
                else:
                    self._asker.note(
                        one, {"call": call}, "nonsense", f"returned {listener!r}, which has no method `hear`"
                    )
        return taps

    def call_event(self, call_id: str, event: Event | None, actions: Sequence[Action]) -> None:
        self._observe("call_event", call_id=call_id, event=event, actions=actions)

    def realtime_event(
        self, call_id: str, direction: Literal["in", "out"], message: Mapping[str, Any]
    ) -> None:
        self._observe("realtime_event", call_id=call_id, direction=direction, message=message)

    def _observe(self, hook: str, **arguments: Any) -> None:
        for one in self._asker.implementations(hook):
            if one.thread is None:
                try:
                    self._asker.timed(one, arguments)
                except Exception as error:
                    self._asker.failed(one, arguments, error)
            elif one.thread.waiting < OBSERVED_AT_MOST:
                one.thread.post(one.what, partial(one.call, arguments), call_id=one.call_id(arguments))
            else:
                self._asker.note(one, arguments, "dropped", f"is slow: {OBSERVED_AT_MOST} events wait for it")

    def has(self, hook: str) -> bool:
        """True if any plugin implements the hook; without one nothing is spent on it."""
        return bool(getattr(self._manager.hook, hook).get_hookimpls())

    async def result_variables(self, call: CallInfo, outcome: Outcome) -> dict[str, str]:
        """The plugins' own result variables; Offhook's names are left out."""
        own = outcome.variables()
        more: dict[str, str] = {}
        for one, variables in await self._asker.ask("result_variables", call=call, outcome=outcome):
            if isinstance(variables, Mapping):
                more.update({str(k): str(v) for k, v in variables.items() if k not in own})
            else:
                self._asker.note(one, {"call": call}, "nonsense", f"returned {variables!r}, not a mapping")
        return more

    # --- Per host ---------------------------------------------------------------------------------

    async def http_routes(self) -> list[web.RouteDef]:
        """The routes of all plugins; what is no route, or has no path, is left out."""
        found: list[web.RouteDef] = []
        for one, routes in await self._asker.ask("http_routes", listed=True):
            for route in routes:
                if str(getattr(route, "path", "")).startswith("/") and hasattr(route, "handler"):
                    found.append(route)
                else:
                    self._asker.note(one, {}, "nonsense", f"offered {route!r}, which is not a route")
        return found

    async def host_started(self, host: Host) -> None:
        await self._asker.ask("host_started", host=host)

    async def host_stopping(self, host: Host) -> None:
        await self._asker.ask("host_stopping", host=host)

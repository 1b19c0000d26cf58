"""Calling plugins: one typed method for each hook. The only file that touches pluggy's callers.

pluggy's own callers stop at the first implementation that raises; here each is called by itself, and one that
raises or returns nonsense is logged with its plugin's name and left out.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import pluggy

from offhook.call.actions import Action
from offhook.call.events import Event
from offhook.call.info import CallInfo
from offhook.call.outcome import Outcome
from offhook.call.part import Part
from offhook.realtime.tools import Tool

from . import hookspecs
from .guard import GuardedPart
from .loader import FoundPlugin, find_plugins

if TYPE_CHECKING:
    from aiohttp import web

    from offhook.host import Host
    from offhook.settings import Settings

log = logging.getLogger("offhook.plugins")


class BadPlugin(Exception):
    """A plugin that cannot be registered: an unknown hook, an unknown argument, an async hook, a wrapper."""


def mode_key(mode: str) -> str:
    """A mode's name as it is compared: without case, `_` and `-`."""
    return mode.lower().replace("_", "").replace("-", "")


class Hooks:
    """The plugins of one host, ready to be asked."""

    def __init__(self, plugins: Iterable[FoundPlugin] = ()) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self.plugins: list[FoundPlugin] = []
        for found in plugins:
            self.plugins.append(found)
            if found.plugin is not None:
                self.register(found.plugin, found.name)

    @classmethod
    def installed(
        cls,
        *,
        disabled: Sequence[str] = (),
        choices: Mapping[str, str] | None = None,
        strict: bool = False,
    ) -> Hooks:
        """All plugins that are installed. Raises PluginConflict and BadPlugin.

        strict: a plugin that cannot be imported is a BadPlugin too, and not only logged.
        """
        found = find_plugins(disabled=disabled, choices=choices)
        broken = [
            f"plugin {plugin.name} of {plugin.distribution}: {plugin.error}"
            for plugin in found
            if plugin.error
        ]
        if strict and broken:
            raise BadPlugin("; ".join(broken))
        return cls(found)

    def register(self, plugin: object, name: str) -> None:
        """Take in one plugin: a module or any object with hook implementations. Raises BadPlugin."""
        try:
            self._manager.register(plugin, name=name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise BadPlugin(f"plugin {name}: {error}") from error
        for caller in self._manager.get_hookcallers(plugin) or ():
            for implementation in caller.get_hookimpls():
                if implementation.plugin is not plugin:
                    continue
                if inspect.iscoroutinefunction(implementation.function) or inspect.isasyncgenfunction(
                    implementation.function
                ):
                    raise BadPlugin(
                        f"plugin {name}: the hook {caller.name} must be a plain function, not async"
                    )
                if implementation.hookwrapper or implementation.wrapper:
                    raise BadPlugin(f"plugin {name}: the hook {caller.name} must not be a wrapper")

    # --- Per call ---------------------------------------------------------------------------------

    async def call_settings(
        self, call: CallInfo, variables: Mapping[str, str], *, timeout_seconds: float
    ) -> list[tuple[str, Mapping[str, Any]]]:
        """Each plugin's settings for a call: (plugin name, leaf → value). One that fails or is late is left out."""
        answers = list(self._call("call_settings", call=call, variables=variables))
        settled = await asyncio.gather(*(self._settle(n, answer, timeout_seconds) for n, answer in answers))
        return [
            (name, overrides)
            for (name, _), overrides in zip(answers, settled, strict=True)
            if isinstance(overrides, Mapping)
        ]

    async def _settle(self, plugin: str, answer: Any, timeout_seconds: float) -> Any:
        if not inspect.isawaitable(answer):
            return answer
        try:
            async with asyncio.timeout(timeout_seconds):
                return await answer
        except TimeoutError:
            log.warning("plugin %s: call_settings gave no answer within %g s", plugin, timeout_seconds)
        except Exception:
            log.exception("plugin %s: call_settings failed", plugin)
        return None

    def activation_mode(self, mode: str, settings: Settings) -> Part | None:
        """The part for an activation mode, or None if no plugin knows the mode."""
        return self._part(
            "activation_mode", f"activation mode {mode}", mode=mode_key(mode), settings=settings
        )

    def digit_handler(self, settings: Settings) -> Part | None:
        """The part that handles digits, or None."""
        return self._part("digit_handler", "keypad handler", settings=settings)

    def _part(self, hook: str, role: str, **arguments: Any) -> Part | None:
        for plugin, part in self._call(hook, **arguments):
            if callable(getattr(part, "on", None)):
                return GuardedPart(part, plugin=plugin, role=role)
            log.error("plugin %s: %s returned %r, which has no method `on`", plugin, hook, part)
        return None

    def tools(self, settings: Settings) -> dict[str, Tool]:
        """All tools for a call by name; of two with one name the plugin that was registered last wins."""
        offered: dict[str, Tool] = {}
        for plugin, tools in reversed(list(self._call("tools", settings=settings))):
            for tool in self._listed(plugin, "tools", tools):
                if isinstance(tool, Tool):
                    offered[tool.name] = tool
                else:
                    log.error("plugin %s: %r is not a Tool", plugin, tool)
        return offered

    def session_config(self, call: CallInfo, session: dict[str, Any]) -> dict[str, Any]:
        """The session as the plugins want it."""
        # A deep copy: a plugin that changes its argument changes nothing that is sent.
        for plugin, changes in self._call("session_config", call=call, session=copy.deepcopy(session)):
            if isinstance(changes, Mapping):
                session = {**session, **changes}
            else:
                log.error("plugin %s: session_config returned %r, not a mapping", plugin, changes)
        return session

    def call_event(self, call_id: str, event: Event | None, actions: Sequence[Action]) -> None:
        for _ in self._call("call_event", call_id=call_id, event=event, actions=actions):
            pass

    def realtime_event(
        self, call_id: str, direction: Literal["in", "out"], message: Mapping[str, Any]
    ) -> None:
        for _ in self._call("realtime_event", call_id=call_id, direction=direction, message=message):
            pass

    def watches(self, hook: Literal["call_event", "realtime_event"]) -> bool:
        """True if any plugin has this observer; without one nothing is spent on it."""
        return bool(getattr(self._manager.hook, hook).get_hookimpls())

    def result_variables(self, call: CallInfo, outcome: Outcome) -> dict[str, str]:
        """The plugins' own result variables; Offhook's names are left out."""
        own = outcome.variables()
        more: dict[str, str] = {}
        for plugin, variables in self._call("result_variables", call=call, outcome=outcome):
            if isinstance(variables, Mapping):
                more.update({str(k): str(v) for k, v in variables.items() if k not in own})
            else:
                log.error("plugin %s: result_variables returned %r, not a mapping", plugin, variables)
        return more

    # --- Per host ---------------------------------------------------------------------------------

    def http_routes(self) -> list[web.RouteDef]:
        """The routes of all plugins; what is no route, or has no path, is left out."""
        found: list[web.RouteDef] = []
        for plugin, routes in self._call("http_routes"):
            for route in self._listed(plugin, "http_routes", routes):
                if str(getattr(route, "path", "")).startswith("/") and hasattr(route, "handler"):
                    found.append(route)
                else:
                    log.error("plugin %s: %r is not a route", plugin, route)
        return found

    def host_started(self, host: Host) -> None:
        for _ in self._call("host_started", host=host):
            pass

    def host_stopping(self, host: Host) -> None:
        for _ in self._call("host_stopping", host=host):
            pass

    # --- The one way to a plugin ------------------------------------------------------------------

    def _call(self, hook: str, **arguments: Any) -> Iterator[tuple[str, Any]]:
        """Ask each implementation by itself, in pluggy's order; yield (plugin name, what is not None)."""
        for implementation in reversed(getattr(self._manager.hook, hook).get_hookimpls()):
            try:
                result = implementation.function(*(arguments[name] for name in implementation.argnames))
            except Exception:
                log.exception("plugin %s: the hook %s failed", implementation.plugin_name, hook)
                continue
            if result is not None:
                yield implementation.plugin_name, result

    @staticmethod
    def _listed(plugin: str, hook: str, results: Any) -> list[Any]:
        """What a hook's iterable yields; one that fails on the way is left out as a whole."""
        try:
            return list(results)
        except Exception:
            log.exception("plugin %s: the hook %s failed", plugin, hook)
            return []

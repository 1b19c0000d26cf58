"""What a plugin implements, and whether that can work: looked at before any host takes the plugin in."""

from __future__ import annotations

import difflib
import inspect
from typing import Final

import pluggy

from . import hookspecs
from .specs import PROJECT


class BadPlugin(Exception):
    """A plugin that cannot be used: an unknown hook, an unknown argument, an async hook, a wrapper."""


def _arguments_of_hooks() -> dict[str, tuple[str, ...]]:
    markers = pluggy.PluginManager(PROJECT)
    return {
        name: tuple(inspect.signature(function).parameters)
        for name, function in vars(hookspecs).items()
        if markers.parse_hookspec_opts(hookspecs, name) is not None
    }


HOOKS: Final = _arguments_of_hooks()
"""Every hook of Offhook: name → names of its arguments."""


def implemented_hooks(plugin: object) -> tuple[str, ...]:
    """The names of the hooks that a plugin implements, sorted.

    The plugin is looked at in a plugin manager of its own, so one that is refused leaves nothing behind.
    Raises BadPlugin with everything that is wrong.
    """
    if plugin is None:
        raise BadPlugin("its entry point names None: name a module or an object")
    if inspect.isclass(plugin):
        raise BadPlugin("its entry point names a class: name an instance of it")
    alone = pluggy.PluginManager(PROJECT)
    alone.register(plugin, name="plugin")
    implementations = [
        (caller.name, implementation)
        for caller in alone.get_hookcallers(plugin) or ()
        for implementation in caller.get_hookimpls()
    ]
    problems = [
        problem for hook, implementation in implementations if (problem := _problem(hook, implementation))
    ]
    if problems:
        raise BadPlugin("; ".join(dict.fromkeys(problems)))
    return tuple(sorted({hook for hook, _ in implementations if hook in HOOKS}))


def _problem(hook: str, implementation: pluggy.HookImpl) -> str:
    """What keeps one implementation from being called; empty if nothing does."""
    if hook not in HOOKS:
        if implementation.optionalhook:
            return ""
        near = difflib.get_close_matches(hook, HOOKS, 1)
        return f"there is no hook {hook}" + (f", the nearest is {near[0]}" if near else "")
    function = implementation.function
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return f"the hook {hook} must be a plain function, not async"
    if implementation.hookwrapper or implementation.wrapper:
        return f"the hook {hook} must not be a wrapper"
    if unknown := [name for name in implementation.argnames if name not in HOOKS[hook]]:
        known = ", ".join(HOOKS[hook]) or "none"
        return f"the hook {hook} has no argument {' and no '.join(unknown)}, its arguments are: {known}"
    try:
        inspect.signature(function).bind(*implementation.argnames)
    except TypeError as error:
        return f"the hook {hook} cannot be called with its arguments by position: {error}"
    return ""

"""How a hook is declared: its version, and what of it is going away."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

import pluggy

PROJECT = "offhook"

_MARK = "offhook_hook"
_pluggy_spec = pluggy.HookspecMarker(PROJECT)
_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class HookInfo:
    """What is declared of a hook beside its signature."""

    version: int
    firstresult: bool = False
    deprecated: Mapping[str, str] = field(default_factory=dict)
    """Arguments that will go: name → since when, and what to use instead."""


def hook(
    *, version: int, firstresult: bool = False, deprecated: Mapping[str, str] | None = None
) -> Callable[[_Function], _Function]:
    """Declare a function's signature and docstring as a hook for plugins.

    Args:
        version: 1 for a new hook; raised when implementations of the last release no longer fit.
        firstresult: the first implementation that returns something else than None is the only answer.
        deprecated: arguments that will go: name → "since 0.3: use …". A plugin that still takes one gets a
            DeprecationWarning when it is registered.

    Raises:
        ValueError: the version is below 1, or an argument named in `deprecated` is none of the hook's.
    """

    def declare(function: _Function) -> _Function:
        name, leaving = function.__name__, dict(deprecated or {})
        if version < 1:
            raise ValueError(f"hook {name}: version {version} is not allowed: versions begin at 1")
        if unknown := sorted(leaving.keys() - inspect.signature(function).parameters.keys()):
            raise ValueError(f"hook {name}: deprecated={', '.join(unknown)} is no argument of it")
        setattr(function, _MARK, HookInfo(version, firstresult, leaving))
        warnings = {
            argument: DeprecationWarning(f"the hook {name}: its argument {argument} is deprecated {way_out}")
            for argument, way_out in leaving.items()
        }
        return _pluggy_spec(function, firstresult=firstresult, warn_on_impl_args=warnings)

    return declare


def declared(hooks: ModuleType) -> dict[str, HookInfo]:
    """What a module declares with `hook`: name → info, in the order of the module."""
    return {name: getattr(value, _MARK) for name, value in vars(hooks).items() if hasattr(value, _MARK)}


def versions(hooks: ModuleType) -> dict[str, int]:
    """The versions of a module's hooks: name → version."""
    return {name: info.version for name, info in declared(hooks).items()}

"""Finding plugins: stevedore reads the entry points of the group `offhook.plugins` and imports them.

The rules: an entry point's name is the plugin's name. A distribution from outside that declares the name of a
first-party plugin takes its place. Two outside distributions with one name stop the start, unless the setting
`pluginChoices` names the one to take.
"""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stevedore.extension import Extension, ExtensionManager

log = logging.getLogger("offhook.plugins")

GROUP = "offhook.plugins"
FIRST_PARTY = frozenset(
    {
        "offhook-activation-immediate",
        "offhook-activation-fixed-delay",
        "offhook-activation-vad",
        "offhook-dtmf",
        "offhook-tools",
    }
)


class PluginConflict(Exception):
    """Two distributions from outside declare a plugin of the same name."""


@dataclass(frozen=True, slots=True)
class FoundPlugin:
    """One installed plugin: loaded, disabled, replaced by another, or broken."""

    name: str
    distribution: str
    version: str
    plugin: Any = None
    """The module or object that the entry point names; None unless it takes part."""
    disabled: bool = False
    replaced_by: str = ""
    """The distribution that took its place."""
    error: str = ""
    """Why it could not be imported."""

    @property
    def first_party(self) -> bool:
        return self.distribution in FIRST_PARTY


OnFailure = Callable[[ExtensionManager[Any], importlib.metadata.EntryPoint, BaseException], None]
Resolve = Callable[[str, str, list[Extension[Any]]], Extension[Any]]


class _EntryPoints(ExtensionManager[Any]):
    """stevedore's manager over the entry points as they are installed now, in one order everywhere.

    stevedore's own list comes from a cache on disk that can be minutes old, in an order that differs between
    installers, and without the distribution.
    """

    def __init__(self, disabled: Sequence[str], on_failure: OnFailure, resolve: Resolve) -> None:
        self._disabled = disabled
        super().__init__(GROUP, on_load_failure_callback=on_failure, conflict_resolver=resolve)

    def list_entry_points(self) -> list[importlib.metadata.EntryPoint]:
        return [point for point in _installed() if point.name not in self._disabled]


def _installed() -> list[importlib.metadata.EntryPoint]:
    return sorted(
        importlib.metadata.entry_points(group=GROUP),
        key=lambda point: (point.name, _distribution(point) not in FIRST_PARTY, _distribution(point)),
    )


def find_plugins(
    *, disabled: Sequence[str] = (), choices: Mapping[str, str] | None = None
) -> list[FoundPlugin]:
    """Find and import all plugins; those that take part have `plugin` set, first-party ones come first.

    `disabled` are plugin names to leave out, which are not even imported; `choices` maps a plugin name to the
    distribution to take.
    Raises PluginConflict.
    """
    chosen = choices or {}
    errors: dict[importlib.metadata.EntryPoint, str] = {}

    def note_failure(
        manager: ExtensionManager[Any], point: importlib.metadata.EntryPoint, error: BaseException
    ) -> None:
        errors[point] = f"{type(error).__name__}: {error}"
        log.error(
            "plugin %s of %s could not be imported: %s", point.name, _distribution(point), errors[point]
        )

    def resolve(namespace: str, name: str, rivals: list[Extension[Any]]) -> Extension[Any]:
        return _choose(name, rivals, chosen.get(name))

    manager = _EntryPoints(disabled, note_failure, resolve)
    winners = {name: manager[name] for name in dict.fromkeys(manager.names())}
    loaded = {extension.entry_point: extension for extension in manager.extensions}
    found = [
        _describe(
            point, loaded.get(point), winners.get(point.name), point.name in disabled, errors.get(point, "")
        )
        for point in _installed()
    ]
    for plugin in found:
        if plugin.replaced_by:
            log.info(
                "plugin %s of %s is replaced by %s", plugin.name, plugin.distribution, plugin.replaced_by
            )
    return sorted(found, key=lambda plugin: (not plugin.first_party, plugin.name, plugin.distribution))


def _choose(name: str, rivals: list[Extension[Any]], choice: str | None) -> Extension[Any]:
    """One of several distributions that declare the same plugin name."""
    if choice:
        for extension in rivals:
            if _distribution(extension.entry_point) == choice:
                return extension
    strangers = [e for e in rivals if _distribution(e.entry_point) not in FIRST_PARTY]
    if len(strangers) > 1:
        names = " and ".join(sorted(_distribution(e.entry_point) for e in strangers))
        raise PluginConflict(
            f"{names} both declare a plugin named {name!r}: uninstall one, or choose with a setting, "
            f"for example OFFHOOK_PLUGIN_CHOICES={name}={_distribution(strangers[0].entry_point)}"
        )
    return strangers[0] if strangers else rivals[-1]


def _describe(
    point: importlib.metadata.EntryPoint,
    extension: Extension[Any] | None,
    winner: Extension[Any] | None,
    disabled: bool,
    error: str,
) -> FoundPlugin:
    distribution = _distribution(point)
    version = point.dist.version if point.dist else ""
    wins = extension is not None and winner is extension
    replaced_by = "" if wins or error or winner is None else _distribution(winner.entry_point)
    return FoundPlugin(
        point.name,
        distribution,
        version,
        plugin=extension.plugin if extension and wins else None,
        disabled=disabled,
        replaced_by=replaced_by,
        error=error,
    )


def _distribution(point: importlib.metadata.EntryPoint) -> str:
    """The distribution's name in its normalized form (PEP 503), or "unknown"."""
    name = point.dist.name if point.dist else "unknown"
    return name.lower().replace("_", "-").replace(".", "-")

"""Finding plugins: stevedore reads the entry points of the group `offhook.plugins` and imports them.

The rules: an entry point's name is the plugin's name. A distribution from outside that declares the name of a
first-party plugin takes its place. Two outside distributions with one name stop the start, unless the setting
`plugins.choices` names the one to take. A plugin that cannot be used is left out, and where it should have
replaced a first-party one, that one serves.
"""

from __future__ import annotations

import importlib.metadata
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal

from stevedore.extension import Extension, ExtensionManager

from .implementations import BadPlugin, implemented_hooks

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
    """One installed plugin: it takes part, or it is disabled, replaced, in conflict or broken."""

    name: str
    distribution: str
    version: str
    plugin: Any = None
    """The module or object that the entry point names; None unless it takes part."""
    hooks: tuple[str, ...] = ()
    """The hooks that it implements, as far as it could be imported."""
    disabled: bool = False
    replaced_by: str = ""
    """The distribution that took its place."""
    conflict: str = ""
    """Why nobody can tell which of the distributions with this name to take, and the way out."""
    error: str = ""
    """Why it cannot be used: it could not be imported, or its hooks are wrong."""

    @property
    def first_party(self) -> bool:
        return self.distribution in FIRST_PARTY

    @property
    def label(self) -> str:
        return f"plugin {self.name} of {self.distribution}"


class _EntryPoints(ExtensionManager[Any]):
    """stevedore's manager over the entry points as they are installed now, in one order everywhere.

    stevedore's own list comes from a cache on disk that can be minutes old, in an order that differs between
    installers, and without the distribution. Its resolver of conflicts is asked only about plugins that could
    be imported; a choice has to know of the others too, so `_decide` makes it.
    """

    def __init__(self, points: Sequence[importlib.metadata.EntryPoint]) -> None:
        self._points = points
        self._seen: list[tuple[object, str]] = []
        """Each plugin object with the name under which it was found first."""
        self.hooks: dict[int, tuple[str, ...]] = {}
        """The hooks of the plugins that can be used, by the `id` of their entry points."""
        self.errors: dict[int, str] = {}
        super().__init__(GROUP, on_load_failure_callback=_EntryPoints._note_failure)

    def list_entry_points(self) -> list[importlib.metadata.EntryPoint]:
        return list(self._points)

    def _load_one_plugin(self, ep: importlib.metadata.EntryPoint, *args: Any) -> Extension[Any] | None:
        # stevedore lets AssertionError pass, and whatever is no Exception: an `assert` or a `sys.exit()` at a
        # plugin's import would end the host without a word about whose it was. Only Ctrl-C may.
        try:
            extension = super()._load_one_plugin(ep, *args)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise BadPlugin(f"its import failed with {_said(error)}") from error
        if extension is not None:
            self._look_at(ep, extension.plugin)
        return extension

    def _look_at(self, point: importlib.metadata.EntryPoint, plugin: Any) -> None:
        if others := [name for seen, name in self._seen if seen is plugin and name != point.name]:
            raise BadPlugin(f"it is the same object as the plugin {others[0]}, and an object can only be one")
        self._seen.append((plugin, point.name))
        self.hooks[id(point)] = implemented_hooks(plugin)

    @staticmethod
    def _note_failure(
        manager: ExtensionManager[Any], point: importlib.metadata.EntryPoint, error: BaseException
    ) -> None:
        assert isinstance(manager, _EntryPoints)
        manager.errors[id(point)] = str(error) if isinstance(error, BadPlugin) else _said(error)
        log.debug("plugin %s of %s failed", point.name, _distribution(point), exc_info=error)


def _said(error: BaseException) -> str:
    """An error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")


def _installed() -> list[importlib.metadata.EntryPoint]:
    return sorted(
        importlib.metadata.entry_points(group=GROUP),
        key=lambda point: (point.name, _distribution(point) not in FIRST_PARTY, _distribution(point)),
    )


def find_plugins(
    *, disabled: Sequence[str] = (), choices: Mapping[str, str] | None = None
) -> list[FoundPlugin]:
    """Find and import all plugins; those that take part have `plugin` set, first-party ones come first.

    What is replaced or broken is logged. Takes what `survey` takes. Raises PluginConflict.
    """
    found = survey(disabled=disabled, choices=choices)
    for plugin in found:
        if plugin.conflict:
            raise PluginConflict(plugin.conflict)
    for warning in unmatched(found, disabled, choices or {}):
        log.warning("%s", warning)
    for plugin in found:
        if plugin.error:
            log.error("%s cannot be used: %s%s", plugin.label, plugin.error, instead_of(plugin, found))
        elif plugin.replaced_by:
            log.info("%s is replaced by %s", plugin.label, plugin.replaced_by)
    return found


def instead_of(broken: FoundPlugin, found: Sequence[FoundPlugin]) -> str:
    """The end of the sentence about a broken plugin: who serves in its place; empty if nobody does."""
    for other in found:
        if other.name == broken.name and other.plugin is not None:
            return f"; {other.distribution} serves in its place"
    return ""


def unmatched(found: Sequence[FoundPlugin], disabled: Sequence[str], choices: Mapping[str, str]) -> list[str]:
    """A sentence for each plugin that the settings name and that is not installed."""
    names = {plugin.name for plugin in found}
    provided = {(plugin.name, plugin.distribution) for plugin in found}
    return [
        *(
            f"plugins.disabled names {name!r}, and no such plugin is installed"
            for name in disabled
            if name not in names
        ),
        *(
            f"plugins.choices names {distribution!r} for {name!r}, and no such plugin of it is installed"
            for name, distribution in choices.items()
            if (name, _normalized(distribution)) not in provided
        ),
    ]


def survey(*, disabled: Sequence[str] = (), choices: Mapping[str, str] | None = None) -> list[FoundPlugin]:
    """Find and import all plugins and say of each what becomes of it; never raises for what is installed.

    `disabled` are plugin names to leave out, which are not even imported; `choices` maps a plugin name to the
    distribution to take.
    """
    points = _installed()
    manager = _EntryPoints([point for point in points if point.name not in disabled])
    loaded = {id(extension.entry_point): extension.plugin for extension in manager.extensions}
    found: list[FoundPlugin] = []
    for name, rivals in groupby(points, key=lambda point: point.name):
        described = [
            FoundPlugin(
                name,
                _distribution(point),
                _metadata(point, "version"),
                plugin=loaded.get(id(point)),
                hooks=manager.hooks.get(id(point), ()),
                disabled=name in disabled,
                error=manager.errors.get(id(point), ""),
            )
            for point in rivals
        ]
        found += _decide(described, (choices or {}).get(name, ""))
    return sorted(found, key=lambda plugin: (not plugin.first_party, plugin.name, plugin.distribution))


def _decide(rivals: list[FoundPlugin], choice: str) -> list[FoundPlugin]:
    """The plugins of one name: at most one keeps its `plugin`, and the others learn why they do not."""
    usable = [rival for rival in rivals if rival.plugin is not None]
    first_party = [rival for rival in usable if rival.first_party]
    chosen = [rival for rival in rivals if choice and rival.distribution == _normalized(choice)]
    if chosen:
        # One that cannot be used leaves its place to the first-party plugin, never to one that was not chosen.
        takers = [rival for rival in chosen if rival.plugin is not None] or first_party
    else:
        takers = [rival for rival in usable if not rival.first_party] or first_party
        if len(takers) > 1:
            conflict = _conflict([rival.distribution for rival in takers], rivals[0].name)
            return [replace(rival, plugin=None, conflict="" if rival.error else conflict) for rival in rivals]
    winner = (takers or chosen or rivals)[0]
    return [
        rival
        if rival.plugin is None or rival is winner
        else replace(rival, plugin=None, replaced_by=winner.distribution)
        for rival in rivals
    ]


def _conflict(distributions: Sequence[str], name: str) -> str:
    return (
        f"{' and '.join(distributions)} each declare a plugin named {name!r}: uninstall one, or choose with "
        f"a setting, for example OFFHOOK_PLUGIN_CHOICES={name}={distributions[0]}"
    )


def _distribution(point: importlib.metadata.EntryPoint) -> str:
    return _normalized(_metadata(point, "name")) or "unknown"


def _metadata(point: importlib.metadata.EntryPoint, what: Literal["name", "version"]) -> str:
    """The distribution's name or version; empty where an unfinished installation has left it without."""
    try:
        return str(getattr(point.dist, what) or "")
    except Exception:
        return ""


def _normalized(name: str) -> str:
    """A distribution's name in its normalized form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()

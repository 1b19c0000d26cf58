"""Settings in layers: defaults, file, `.env`, environment, console, plugins, channel variables. Later wins.

Layers before the start are strict: one bad value stops it, with a message that names them all. Layers of
a running host are not: a bad value is left out, what was below it stands, and the problem is kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

from .leaves import Leaf, find_leaf, leaves
from .legacy import advice
from .model import Settings
from .openai_realtime import SAMPLE_RATES
from .rules import broken_rules
from .section import Section
from .sources import (
    Entry,
    Problem,
    environment_entries,
    file_entries,
    ignored_names,
    misspelt_names,
    named_entries,
    read_dotenv,
    tree_entries,
)

DEFAULT = "default"

SectionT = TypeVar("SectionT", bound=Section)

Check = Callable[[Any], str]
"""Looks at a setting's value: empty if it is good, else what is allowed."""


class SettingsError(ValueError):
    """Settings that a host cannot start with. Its text lists every problem."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        super().__init__(f"These settings cannot be used:{lines}")


@dataclass(frozen=True, slots=True)
class LayeredSettings:
    """Settings, and where each value came from."""

    settings: Settings
    origins: Mapping[str, str] = field(default_factory=dict)
    """Origin of every setting that is not at its default, by its name."""
    warnings: tuple[str, ...] = ()
    """What works and should be changed."""
    problems: tuple[str, ...] = ()
    """What was left out, and why."""
    checks: Mapping[str, Check] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings, origin: str = "settings") -> Self:
        """Settings that were made in Python, as the lowest layer.

        Raises:
            SettingsError: they contradict each other.
        """
        defaults = Settings()
        origins = {leaf.name: origin for leaf in leaves() if leaf.of(settings) != leaf.of(defaults)}
        layered = cls(settings, origins)
        if problems := [layered._together(broken.leaves, broken.rule) for broken in broken_rules(settings)]:
            raise SettingsError(problems)
        return layered

    def origin(self, leaf: str) -> str:
        """Where a setting's value came from: `default`, `file config.json`, `environment OPENAI_VOICE`, …

        Raises:
            KeyError: there is no such setting.
        """
        if (found := find_leaf(leaf)) is None:
            raise KeyError(leaf)
        return self.origins.get(found.name, DEFAULT)

    def with_layer(
        self, origin: str, values: Mapping[str, Any], *, strict: bool = False, per_call_only: bool = False
    ) -> Self:
        """These settings with `values` (setting name → value) over them; see `with_entries`."""
        return self.with_entries(named_entries(origin, values), strict=strict, per_call_only=per_call_only)

    def with_tree(self, origin: str, tree: Mapping[str, Any]) -> Self:
        """These settings with the tree of a settings file over them, such as `shown_tree` gives; see `with_entries`."""
        return self.with_entries(tree_entries(tree, origin))

    def with_entries(
        self, entries: Iterable[Entry | Problem], *, strict: bool = False, per_call_only: bool = False
    ) -> Self:
        """These settings with `entries` over them; of two for one setting the later wins.

        A bad entry is left out and added to `problems`. `per_call_only` also refuses what is not
        for a single call to set.

        Raises:
            SettingsError: `strict`, and something was bad.
        """
        problems: list[str] = []
        taken: dict[str, tuple[Entry, Any]] = {}
        for entry in entries:
            if isinstance(entry, Problem):
                problems.append(entry.text)
            elif per_call_only and not entry.leaf.per_call:
                problems.append(f"{entry.leaf.name} from {entry.origin} cannot be set for one call")
            else:
                try:
                    taken[entry.leaf.name] = (entry, self._checked(entry))
                except ValueError as error:
                    problems.append(str(error))
        result = self._with(taken)
        # What is left out for one rule may have held another together, so look again.
        while at_fault := [b for b in broken_rules(result.settings) if taken.keys() & set(b.leaves)]:
            for broken in at_fault:
                problems.append(result._together(broken.leaves, broken.rule))
                for name in broken.leaves:
                    taken.pop(name, None)
            result = self._with(taken)
        if strict and problems:
            raise SettingsError(problems)
        warnings = (
            f"{entry.leaf.name} from {entry.origin}: {words}"
            for entry, value in taken.values()
            if (words := advice(entry.leaf.name, entry.raw, value))
        )
        return replace(
            result,
            warnings=tuple(dict.fromkeys((*self.warnings, *warnings))),
            problems=(*self.problems, *problems),
        )

    def with_check(self, leaf: str, check: Check) -> Self:
        """These settings, with a further check of one setting that holds for all later layers too.

        For what only an installed plugin knows, such as the names of activation modes.

        Raises:
            SettingsError: the value that stands is not allowed.
        """
        found = find_leaf(leaf)
        if found is None:
            raise KeyError(leaf)
        value = found.of(self.settings)
        if allowed := check(value):
            raise SettingsError([_refusal(found, value, self.origin(leaf), allowed)])
        return replace(self, checks={**self.checks, found.name: check})

    def _checked(self, entry: Entry) -> Any:
        leaf = entry.leaf
        try:
            value = leaf.parse(entry.raw)
        except ValueError:
            raise ValueError(_refusal(leaf, entry.raw, entry.origin, leaf.allowed)) from None
        check = self.checks.get(leaf.name)
        if check and (allowed := check(value)):
            raise ValueError(_refusal(leaf, entry.raw, entry.origin, allowed))
        return value

    def _with(self, taken: Mapping[str, tuple[Entry, Any]]) -> Self:
        """These settings with good values over them. A sample rate follows a format set without one."""
        origins = {**self.origins, **{name: entry.origin for name, (entry, _) in taken.items()}}
        tree: dict[str, Any] = {}
        for entry, value in taken.values():
            _put(tree, entry.leaf.attributes, value)
        for way in ("input", "output"):
            audio_format, rate = f"{way}AudioFormat", f"{way}AudioSampleRate"
            if audio_format in taken and rate not in taken:
                entry, value = taken[audio_format]
                _put(tree, (*entry.leaf.attributes[:-1], f"{way}_audio_sample_rate"), SAMPLE_RATES[value])
                origins[rate] = entry.origin
        return replace(self, settings=_changed(self.settings, tree), origins=origins)

    def _together(self, names: tuple[str, ...], rule: str) -> str:
        values = []
        for name in names:
            leaf = find_leaf(name)
            assert leaf is not None
            values.append(f"{name} {leaf.shown(self.settings)} ({self.origin(name)})")
        return f"{', '.join(values)}: {rule}"


def _refusal(leaf: Leaf, raw: Any, origin: str, allowed: str) -> str:
    return f"{leaf.name} is {leaf.shown_raw(raw)} ({origin}); allowed is {allowed}"


def _put(tree: dict[str, Any], attributes: tuple[str, ...], value: Any) -> None:
    *way, last = attributes
    for attribute in way:
        tree = tree.setdefault(attribute, {})
    tree[last] = value


def _changed(section: SectionT, tree: Mapping[str, Any]) -> SectionT:
    """A copy of `section` with the values of `tree`, which are known to be good."""
    update = {
        attribute: _changed(getattr(section, attribute), value)
        if isinstance(getattr(section, attribute), Section)
        else value
        for attribute, value in tree.items()
    }
    return section.model_copy(update=update)


def load_settings(
    *,
    config_file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    dotenv: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> LayeredSettings:
    """The settings that a host starts with.

    Args:
        config_file: a JSON file; without it, the one that CONFIG_FILE_PATH names, if any.
        environ: the environment; None takes that of the process.
        dotenv: a file of environment variables, below the environment itself; it need not exist.
        overrides: values by setting name, over everything else.

    Raises:
        SettingsError: something is wrong; its one message lists all of it.
    """
    environ = os.environ if environ is None else environ
    below, unreadable = read_dotenv(dotenv)
    named = environ.get("CONFIG_FILE_PATH") or below.get("CONFIG_FILE_PATH")
    if config_file is None and named:
        config_file = Path(named)
    entries: list[Entry | Problem] = [*unreadable]
    if config_file is not None:
        entries += file_entries(config_file)
    if dotenv is not None:
        entries += environment_entries(below, dotenv.name)
    entries += environment_entries(environ)
    entries += named_entries("override", overrides or {})
    layered = LayeredSettings(Settings()).with_entries(entries, strict=True)
    written = {**below, **environ}
    return replace(layered, warnings=(*layered.warnings, *ignored_names(written), *misspelt_names(written)))


def settings_with(**values: Any) -> Settings:
    """The default settings with some changed, each by its name: `settings_with(dtmf_max_digits=4)`.

    Raises:
        SettingsError: a name is unknown or a value is not allowed.
    """
    return LayeredSettings(Settings()).with_layer("argument", values, strict=True).settings


class Row(NamedTuple):
    """A line of `offhook config`."""

    env: str
    path: str
    value: str
    """The effective value, with secrets masked."""
    origin: str


def describe(layered: LayeredSettings) -> list[Row]:
    """Every setting with its effective value and the layer that it came from; no secret is in it."""
    return [
        Row(leaf.env, leaf.path, leaf.shown(layered.settings), layered.origin(leaf.name)) for leaf in leaves()
    ]

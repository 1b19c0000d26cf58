"""An environment in which one can say what is installed: distributions and the plugins that they declare."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pytest

from offhook.plugins.loader import GROUP


class Distribution(importlib.metadata.Distribution):
    """An installed distribution, as far as plugins go."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def metadata(self) -> Any:
        return {"Name": self._name, "Version": "1.2.3"}

    def read_text(self, filename: str) -> str | None:
        return None

    def locate_file(self, path: Any) -> Any:
        raise FileNotFoundError(path)


class Installed:
    """Stands for the environment: which distribution declares which plugin."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._points: list[importlib.metadata.EntryPoint] = []
        monkeypatch.setattr(importlib.metadata, "entry_points", self._entry_points)

    def _entry_points(self, *, group: str) -> Sequence[importlib.metadata.EntryPoint]:
        assert group == GROUP
        return tuple(self._points)

    def add(
        self, distribution: str, name: str, module: str = "", hook: Callable[..., Any] | None = None
    ) -> ModuleType:
        """Declare a plugin; without `module` there is one to import, with this hook if any."""
        plugin = ModuleType(module or f"plugin_of_{distribution.replace('-', '_')}_{name}")
        if hook:
            setattr(plugin, hook.__name__, hook)
        if not module:
            self._monkeypatch.setitem(sys.modules, plugin.__name__, plugin)
        self.declare(distribution, name, plugin.__name__)
        return plugin

    def declare(self, distribution: str, name: str, module: str) -> None:
        point = importlib.metadata.EntryPoint(name, module, GROUP)
        vars(point)["dist"] = Distribution(distribution)
        self._points.append(point)

    def reverse(self) -> None:
        self._points.reverse()

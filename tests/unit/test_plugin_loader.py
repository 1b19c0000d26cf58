"""Finding plugins: by name, with first-party ones replaced by installing, and broken ones contained."""

from __future__ import annotations

import importlib.metadata
import logging
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pytest

from offhook.plugins.hooks import BadPlugin, Hooks
from offhook.plugins.loader import FIRST_PARTY, GROUP, FoundPlugin, PluginConflict, find_plugins


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

    def add(self, distribution: str, name: str, module: str = "") -> ModuleType:
        """Declare a plugin; without `module` there is one to import."""
        plugin = ModuleType(module or f"plugin_of_{distribution.replace('-', '_')}_{name}")
        if not module:
            self._monkeypatch.setitem(sys.modules, plugin.__name__, plugin)
        point = importlib.metadata.EntryPoint(name, plugin.__name__, GROUP)
        vars(point)["dist"] = Distribution(distribution)
        self._points.append(point)
        return plugin

    def reverse(self) -> None:
        self._points.reverse()


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Installed:
    return Installed(monkeypatch)


def taking_part(found: Sequence[FoundPlugin]) -> dict[str, str]:
    return {plugin.name: plugin.distribution for plugin in found if plugin.plugin is not None}


def test_the_five_first_party_plugins_are_found_by_their_names() -> None:
    found = find_plugins()
    first_party = {plugin.name for plugin in found if plugin.first_party}
    assert first_party == {
        "activation_immediate",
        "activation_fixed_delay",
        "activation_vad",
        "dtmf",
        "tools",
    }
    assert {plugin.distribution for plugin in found} >= FIRST_PARTY


def test_an_entry_points_name_is_the_plugins_name(installed: Installed) -> None:
    plugin = installed.add("acme-crm", "crm")
    (found,) = find_plugins()
    assert (found.name, found.distribution, found.version) == ("crm", "acme-crm", "1.2.3")
    assert found.plugin is plugin
    assert not found.first_party


@pytest.mark.parametrize("reverse", [False, True])
def test_replacing_is_installing_in_either_order(
    installed: Installed, reverse: bool, caplog: pytest.LogCaptureFixture
) -> None:
    installed.add("offhook-dtmf", "dtmf")
    installed.add("acme-keys", "dtmf")
    if reverse:
        installed.reverse()
    with caplog.at_level(logging.INFO):
        found = find_plugins()
    assert taking_part(found) == {"dtmf": "acme-keys"}
    assert [(plugin.distribution, plugin.replaced_by) for plugin in found] == [
        ("offhook-dtmf", "acme-keys"),
        ("acme-keys", ""),
    ]
    assert "plugin dtmf of offhook-dtmf is replaced by acme-keys" in caplog.text


def test_a_name_that_is_not_adjacent_is_still_one_name(installed: Installed) -> None:
    installed.add("offhook-dtmf", "dtmf")
    installed.add("acme-crm", "crm")
    installed.add("acme-keys", "dtmf")
    assert taking_part(find_plugins()) == {"dtmf": "acme-keys", "crm": "acme-crm"}


def test_first_party_plugins_come_first(installed: Installed) -> None:
    for distribution, name in (("acme-a", "a"), ("offhook-tools", "tools"), ("offhook-dtmf", "dtmf")):
        installed.add(distribution, name)
    assert [plugin.name for plugin in find_plugins()] == ["dtmf", "tools", "a"]


def test_two_strangers_of_one_name_stop_the_start_with_both_names_and_the_setting(
    installed: Installed,
) -> None:
    installed.add("acme-keys", "dtmf")
    installed.add("bell-keys", "dtmf")
    installed.add("offhook-dtmf", "dtmf")
    with pytest.raises(PluginConflict) as error:
        find_plugins()
    for word in ("acme-keys", "bell-keys", "'dtmf'", "OFFHOOK_PLUGIN_CHOICES=dtmf=acme-keys"):
        assert word in str(error.value)


@pytest.mark.parametrize("choice", ["acme-keys", "bell-keys", "offhook-dtmf"])
def test_the_setting_chooses_one_of_several(installed: Installed, choice: str) -> None:
    for distribution in ("acme-keys", "bell-keys", "offhook-dtmf"):
        installed.add(distribution, "dtmf")
    assert taking_part(find_plugins(choices={"dtmf": choice})) == {"dtmf": choice}


def test_a_disabled_plugin_is_left_out_and_not_even_imported(installed: Installed) -> None:
    installed.add("acme-keys", "dtmf", module="a_module_that_does_not_exist")
    installed.add("bell-keys", "dtmf")
    installed.add("offhook-tools", "tools")
    found = find_plugins(disabled=["dtmf"])
    assert taking_part(found) == {"tools": "offhook-tools"}
    assert [(p.distribution, p.disabled, p.error) for p in found if p.name == "dtmf"] == [
        ("acme-keys", True, ""),
        ("bell-keys", True, ""),
    ]


def test_a_plugin_that_cannot_be_imported_is_contained(
    installed: Installed, caplog: pytest.LogCaptureFixture
) -> None:
    installed.add("acme-crm", "crm", module="a_module_that_does_not_exist")
    installed.add("offhook-tools", "tools")
    with caplog.at_level(logging.ERROR):
        found = find_plugins()
    assert taking_part(found) == {"tools": "offhook-tools"}
    assert "ModuleNotFoundError" in found[1].error
    assert "plugin crm of acme-crm could not be imported" in caplog.text


def test_a_replacement_that_cannot_be_imported_leaves_the_first_party_plugin_in_place(
    installed: Installed,
) -> None:
    installed.add("offhook-dtmf", "dtmf")
    installed.add("acme-keys", "dtmf", module="a_module_that_does_not_exist")
    found = find_plugins()
    assert taking_part(found) == {"dtmf": "offhook-dtmf"}
    assert [plugin.replaced_by for plugin in found] == ["", ""]


def test_distribution_names_compare_in_their_normalized_form(installed: Installed) -> None:
    installed.add("Offhook_DTMF", "dtmf")
    assert find_plugins()[0].first_party


def test_strict_plugins_turns_a_broken_one_into_a_refusal_to_start(installed: Installed) -> None:
    installed.add("offhook-menu", "menu", module="there_is_no_such_module")
    assert Hooks.installed().plugins[-1].error
    with pytest.raises(BadPlugin, match=r"plugin menu of offhook-menu: ModuleNotFoundError"):
        Hooks.installed(strict=True)

"""Finding plugins: by name, with first-party ones replaced by installing, and broken ones contained."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from installed_plugins import Distribution, Installed
from offhook import Part, Settings, hookimpl
from offhook.plugins.hooks import BadPlugin, Hooks
from offhook.plugins.loader import FIRST_PARTY, FoundPlugin, PluginConflict, find_plugins, survey


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
    assert "plugin crm of acme-crm cannot be used: its import failed with ModuleNotFoundError" in caplog.text


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
    with pytest.raises(BadPlugin, match=r"plugin menu of offhook-menu .* ModuleNotFoundError"):
        Hooks.installed(strict=True)


def test_strict_plugins_refuses_a_plugin_with_wrong_hooks_too(installed: Installed) -> None:
    installed.add("acme-menu", "menu", hook=digits_handler)
    with pytest.raises(BadPlugin, match=r"plugin menu of acme-menu .*digits_handler.*OFFHOOK_STRICT_PLUGINS"):
        Hooks.installed(strict=True)


# --- Broken at import -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import sys; sys.exit(1)", "SystemExit: 1"),
        ("assert False, 'no licence'", "AssertionError: no licence"),
        ("assert False", "AssertionError"),
        ("raise BaseException('whatever')", "BaseException: whatever"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines"),
        ("1 +", "SyntaxError: invalid syntax"),
    ],
)
def test_whatever_a_plugin_does_at_its_import_it_is_left_out_by_name(
    installed: Installed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    source: str,
    reason: str,
) -> None:
    (tmp_path / "breaks_at_import.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    installed.add("acme-crm", "crm", module="breaks_at_import")
    installed.add("offhook-tools", "tools")
    with caplog.at_level(logging.ERROR):
        found = find_plugins()
    assert taking_part(found) == {"tools": "offhook-tools"}
    assert f"plugin crm of acme-crm cannot be used: its import failed with {reason}" in caplog.text


def test_ctrl_c_during_an_import_still_ends_the_program(
    installed: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "is_interrupted.py").write_text("raise KeyboardInterrupt")
    monkeypatch.syspath_prepend(tmp_path)
    installed.add("acme-crm", "crm", module="is_interrupted")
    with pytest.raises(KeyboardInterrupt):
        find_plugins()


# --- Wrong hooks ------------------------------------------------------------------------------------------


@hookimpl
def digits_handler(settings: Settings) -> Part | None:
    return None


@hookimpl
async def tools(settings: Settings) -> list[Any]:
    return []


@hookimpl(wrapper=True)
def digit_handler(settings: Settings) -> Any:
    return (yield)


@hookimpl
def session_config(*, session: dict[str, Any]) -> dict[str, Any]:
    return session


@hookimpl
def activation_mode(mode: str, seconds: float, room: str) -> Part | None:
    return None


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        (digits_handler, "there is no hook digits_handler, the nearest is digit_handler"),
        (tools, "the hook tools must be a plain function, not async"),
        (digit_handler, "the hook digit_handler must not be a wrapper"),
        (
            session_config,
            "the hook session_config cannot be called with its arguments by position: missing",
        ),
        (
            activation_mode,
            "the hook activation_mode has no argument seconds and no room, its arguments are: mode, settings",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_plugin_with_a_wrong_hook_is_left_out_by_name_and_the_others_serve(
    installed: Installed, caplog: pytest.LogCaptureFixture, hook: Callable[..., Any], reason: str
) -> None:
    installed.add("acme-crm", "crm", hook=hook)
    installed.add("bell-keys", "keys", hook=good_digit_handler())
    with caplog.at_level(logging.ERROR):
        hooks = Hooks.installed()
    assert f"plugin crm of acme-crm cannot be used: {reason}" in caplog.text
    assert taking_part(hooks.plugins) == {"keys": "bell-keys"}
    assert asyncio.run(hooks.digit_handler(Settings())) is not None
    assert asyncio.run(hooks.tools(Settings())) == {}, "nothing of the wrong one is left behind"


def test_one_object_under_two_names_is_the_first_ones_only(installed: Installed) -> None:
    plugin = installed.add("acme-crm", "crm", hook=good_digit_handler())
    installed.declare("acme-crm", "keys", plugin.__name__)
    hooks = Hooks.installed()
    assert taking_part(hooks.plugins) == {"crm": "acme-crm"}
    assert hooks.plugins[1].error == "it is the same object as the plugin crm, and an object can only be one"


def test_a_class_in_place_of_an_object_is_explained(installed: Installed) -> None:
    class Keys:
        @hookimpl
        def digit_handler(self) -> Part | None:
            return None

    installed.add("acme-keys", "keys").Keys = Keys  # type: ignore[attr-defined]
    installed.declare("bell-keys", "more", "plugin_of_acme_keys_keys:Keys")
    assert find_plugins()[1].error == "its entry point names a class: name an instance of it"


def good_digit_handler() -> Callable[..., Any]:
    class Keypad:
        def on(self, event: object, call: object) -> tuple[()]:
            return ()

    @hookimpl
    def digit_handler(settings: Settings) -> Any:
        return Keypad()

    return digit_handler


# --- A replacement that is broken -------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [digits_handler, None], ids=["hooks", "import"])
def test_a_broken_replacement_does_not_cost_the_host_its_keypad(
    installed: Installed, caplog: pytest.LogCaptureFixture, wrong: Callable[..., Any] | None
) -> None:
    installed.add("offhook-dtmf", "dtmf", hook=good_digit_handler())
    installed.add("acme-keys", "dtmf", hook=wrong, module="" if wrong else "a_module_that_does_not_exist")
    with caplog.at_level(logging.ERROR):
        hooks = Hooks.installed()
    assert asyncio.run(hooks.digit_handler(Settings())) is not None
    (record,) = caplog.records
    assert "plugin dtmf of acme-keys cannot be used: " in record.getMessage()
    assert record.getMessage().endswith("; offhook-dtmf serves in its place")


def test_a_chosen_one_that_is_broken_leaves_its_place_to_ours_and_not_to_the_other_stranger(
    installed: Installed,
) -> None:
    installed.add("offhook-dtmf", "dtmf")
    installed.add("acme-keys", "dtmf", hook=digits_handler)
    installed.add("bell-keys", "dtmf")
    found = find_plugins(choices={"dtmf": "acme-keys"})
    assert taking_part(found) == {"dtmf": "offhook-dtmf"}
    assert [plugin.replaced_by for plugin in found] == ["", "", "offhook-dtmf"]


def test_two_distributions_with_equal_entry_points_are_told_apart(installed: Installed) -> None:
    installed.add("offhook-dtmf", "dtmf")
    module = installed.add("acme-keys", "dtmf")
    installed.declare("bell-keys", "dtmf", module.__name__)
    found = find_plugins(choices={"dtmf": "Bell_Keys"})
    assert taking_part(found) == {"dtmf": "bell-keys"}
    assert [plugin.replaced_by for plugin in found] == ["bell-keys", "bell-keys", ""]


# --- Looking without starting -------------------------------------------------------------------------------


def test_a_survey_of_a_conflict_lists_all_of_that_name_and_lets_the_others_serve(
    installed: Installed,
) -> None:
    for distribution in ("acme-keys", "bell-keys", "offhook-dtmf"):
        installed.add(distribution, "dtmf")
    installed.add("offhook-tools", "tools")
    found = survey()
    assert taking_part(found) == {"tools": "offhook-tools"}
    assert [bool(plugin.conflict) for plugin in found] == [True, False, True, True]
    assert "OFFHOOK_PLUGIN_CHOICES=dtmf=acme-keys" in found[0].conflict


def test_settings_that_name_a_plugin_which_is_not_installed_are_told(
    installed: Installed, caplog: pytest.LogCaptureFixture
) -> None:
    installed.add("offhook-dtmf", "dtmf")
    with caplog.at_level(logging.WARNING):
        find_plugins(disabled=["dmtf"], choices={"dtmf": "acme-keys"})
    assert "plugins.disabled names 'dmtf', and no such plugin is installed" in caplog.text
    assert (
        "plugins.choices names 'acme-keys' for 'dtmf', and no such plugin of it is installed" in caplog.text
    )


def test_a_distribution_whose_installation_was_not_finished_stops_nobody(
    installed: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed.add("acme-crm", "crm")

    def no_metadata(self: Distribution) -> Any:
        raise TypeError("initial_value must be str")

    monkeypatch.setattr(Distribution, "metadata", property(no_metadata))
    (found,) = find_plugins()
    assert (found.name, found.distribution, found.version) == ("crm", "unknown", "")

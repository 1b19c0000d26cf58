"""The page of hooks says what the code does, and every hook has a version, a text and a test."""

from __future__ import annotations

import ast
import logging
import re
import runpy
import types
from pathlib import Path
from typing import Any, Final

import pytest

import api_source
from offhook import CallInfo, Settings, hookimpl
from offhook.plugins import hooks as facade
from offhook.plugins import hookspecs
from offhook.plugins.hooks import Hooks
from offhook.plugins.specs import PROJECT, hook, versions
from offhook.realtime.tools import run_tool

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
HOOKS: Final = api_source.hooks()


# --- The page -------------------------------------------------------------------------------------------


def test_the_page_of_hooks_is_up_to_date() -> None:
    script = runpy.run_path(str(ROOT / "scripts/hook-reference"))
    assert script["with_reference"](PAGE) == PAGE, "run: python scripts/hook-reference"


def test_a_page_without_its_marker_is_not_overwritten() -> None:
    script = runpy.run_path(str(ROOT / "scripts/hook-reference"))
    with pytest.raises(ValueError, match="the page needs the marker"):
        script["with_reference"]("# By hand\n")


def test_everything_public_has_its_place_on_the_page() -> None:
    headings = set(re.findall(r"^### (\w+)$", PAGE, re.M))
    assert headings == {name.name for name in api_source.public_names()} | {one.name for one in HOOKS}


@pytest.mark.parametrize("one", HOOKS, ids=lambda one: one.name)
def test_a_hook_says_what_it_is_for_and_when_it_is_called(one: api_source.Hook) -> None:
    first, *others = one.doc.split("\n\n")
    assert first
    assert not first.startswith("Called ")
    assert [text for text in others if text.startswith("Called ")], "a paragraph that begins with `Called `"


@pytest.mark.parametrize("one", HOOKS, ids=lambda one: one.name)
def test_the_page_has_the_signature_as_it_stands_in_the_source(one: api_source.Hook) -> None:
    source = Path(hookspecs.__file__).read_text(encoding="utf-8")
    section = PAGE.split(f"### {one.name}\n")[1].split("\n### ")[0]
    shown = re.findall(r"```python\n(.*?)\n```", section, re.S)
    assert len(shown) == 1
    assert f"{shown[0]}:\n" in source


def test_the_page_has_the_text_below_a_field() -> None:
    assert "- `duration_ms: int`" in PAGE
    assert "- `text: str`: All that is known of this item so far." in PAGE


@pytest.mark.asyncio
async def test_the_plugin_on_the_page_works() -> None:
    code = next(block for block in re.findall(r"```python\n(.*?)```", PAGE, re.S) if "@hookimpl" in block)
    plugin = types.ModuleType("opening_hours")
    exec(compile(code, "docs/hooks.md", "exec", dont_inherit=True), vars(plugin))
    hooks = Hooks()
    hooks.register(plugin, "opening_hours")
    offered = await hooks.tools(Settings())
    assert list(offered) == ["opening_hours"]
    context: Any = object()
    for day, expected in (("Sunday", "closed"), ("Monday", "from 9 to 18")):
        told = await run_tool(offered, "opening_hours", f'{{"day": "{day}"}}', context, timeout_seconds=5)
        assert told.output == expected
    assert '[project.entry-points."offhook.plugins"]\nopening_hours = "opening_hours"' in PAGE


# --- Tests of hooks -------------------------------------------------------------------------------------


def implemented_in_tests() -> set[str]:
    """The names of all functions of other tests that are marked with `hookimpl`."""
    return {
        node.name
        for file in (ROOT / "tests").rglob("*.py")
        if file != Path(__file__)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(mark).startswith("hookimpl") for mark in node.decorator_list)
    }


def test_a_test_implements_every_hook() -> None:
    assert {one.name for one in HOOKS} - implemented_in_tests() == set()


# --- Versions and deprecation ---------------------------------------------------------------------------


def test_every_hook_has_a_version_and_pluggy_knows_no_other_hook() -> None:
    known = {name for name, value in vars(hookspecs).items() if hasattr(value, f"{PROJECT}_spec")}
    assert versions(hookspecs).keys() == known
    assert known
    assert min(versions(hookspecs).values()) >= 1


@pytest.fixture
def made_up_specs(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Hooks of which one argument is on its way out, in place of Offhook's own."""

    @hook(version=3, deprecated={"variables": "since 0.3: use `call.variables`"})
    def call_settings(call: CallInfo, variables: dict[str, str]) -> dict[str, Any] | None:
        """Settings of one call."""

    specs = types.ModuleType("made_up_specs")
    vars(specs)["call_settings"] = call_settings
    monkeypatch.setattr(facade, "hookspecs", specs)
    return specs


class OldPlugin:
    @hookimpl
    def call_settings(self, call: CallInfo, variables: dict[str, str]) -> dict[str, Any]:
        return {"voice": variables["APP_VOICE"]}


class NewPlugin:
    @hookimpl
    def call_settings(self, call: CallInfo) -> dict[str, Any]:
        return {"voice": "marin"}


@pytest.mark.asyncio
async def test_a_plugin_that_takes_a_deprecated_argument_is_warned_of_and_works(
    made_up_specs: types.ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    hooks = Hooks()
    expected = (
        "plugin old: the hook call_settings: its argument variables is deprecated since 0.3: "
        "use `call.variables`"
    )
    with caplog.at_level(logging.WARNING), pytest.warns(DeprecationWarning) as warned:
        hooks.register(OldPlugin(), "old")
    assert [str(one.message) for one in warned] == [expected]
    assert warned[0].filename == __file__, "it points at the plugin"
    assert caplog.messages == [expected]
    answers = await hooks.call_settings(
        CallInfo("call-1", "channel-1"), {"APP_VOICE": "ash"}, timeout_seconds=1
    )
    assert answers == [("old", {"voice": "ash"})]


@pytest.mark.filterwarnings("error")
def test_a_plugin_that_does_without_it_is_not_warned_of(
    made_up_specs: types.ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    Hooks().register(NewPlugin(), "new")
    assert caplog.messages == []
    assert versions(made_up_specs) == {"call_settings": 3}


def test_a_spec_that_deprecates_what_it_does_not_take_is_refused() -> None:
    with pytest.raises(ValueError, match="hook tools: deprecated=colour is no argument of it"):

        @hook(version=1, deprecated={"colour": "since 0.3"})
        def tools(settings: Settings) -> None:
            """Tools."""


def test_a_spec_below_version_1_is_refused() -> None:
    with pytest.raises(ValueError, match="hook tools: version 0 is not allowed"):

        @hook(version=0)
        def tools(settings: Settings) -> None:
            """Tools."""

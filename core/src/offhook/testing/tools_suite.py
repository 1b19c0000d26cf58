"""The suite for function-call tools.

from offhook.testing import ToolsSuite

class TestMyTools(ToolsSuite):
    plugin = my_plugin
    examples = {"look_up_order": [{"number": 7}]}
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from offhook.call.info import CallInfo
from offhook.plugins.hooks import Hooks
from offhook.realtime.tools import OUTPUT_LIMIT, Tool, ToolResult, run_tool
from offhook.settings import Settings, settings_with

from .part_checks import registers

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""What the Realtime API takes as the name of a function."""
NONSENSE = ("", "no JSON", "[]", "7", "null", '{"no such parameter at all": 1}', '{"": {}}')


class ToolRecorder:
    """An `offhook.ToolContext` that notes what a tool does with its call."""

    def __init__(self, settings: Settings | None = None, call: CallInfo | None = None) -> None:
        self.settings = settings or Settings()
        self.call = call or CallInfo("call-1", "channel-1", caller_number="100", dialed="200")
        self.ended = False
        self.transferred: tuple[str, str] | None = None
        """(context, extension)"""
        self.variables: dict[str, str] = {}
        self.digits = ""

    def end_call(self) -> None:
        """As in a call."""
        self.ended = True

    def transfer(self, context: str, extension: str) -> None:
        """As in a call."""
        self.transferred = (context, extension)

    async def set_variable(self, name: str, value: str) -> None:
        """As in a call."""
        self.variables[name] = value

    async def send_digits(self, digits: str) -> None:
        """As in a call."""
        self.digits += digits


class ToolsSuite:
    """Set `plugin`, and `examples` of good arguments; pytest runs the rest."""

    plugin: Any = None
    """The plugin: a module, or an object with hooks."""
    settings: Mapping[str, Any] = MappingProxyType({})
    """Settings with which it offers its tools, by the last part of their Python name."""
    examples: Mapping[str, Sequence[Mapping[str, Any]]] = MappingProxyType({})
    """Tool → arguments with which it must not fail."""
    timeout_seconds: float = 5.0
    """The time limit of a tool that has none of its own."""

    def tools(self) -> dict[str, Tool]:
        """What the plugin offers, by name."""
        assert self.plugin is not None, "set `plugin` in the class"
        hooks = Hooks()
        hooks.register(self.plugin, "plugin")
        return asyncio.run(hooks.tools(settings_with(**self.settings)))

    def run(self, name: str, arguments: str) -> ToolResult:
        """Run a tool as a call does, with arguments as the model writes them."""
        context = ToolRecorder(settings_with(**self.settings))
        return asyncio.run(
            run_tool(self.tools(), name, arguments, context, timeout_seconds=self.timeout_seconds)
        )

    def test_the_plugin_registers(self) -> None:
        registers(self.plugin)

    def test_it_offers_tools(self) -> None:
        assert self.tools(), "the plugin offers no tool with these settings"

    def test_the_model_can_read_what_each_tool_does(self) -> None:
        for name, tool in self.tools().items():
            assert NAME.fullmatch(name), f"{name!r} must be {NAME.pattern}"
            assert tool.description.strip(), (
                f"{name} has no description: the model cannot know when to call it"
            )
            definition = json.loads(json.dumps(tool.definition()))
            assert definition["parameters"]["type"] == "object", f"the parameters of {name} are no object"

    def test_bad_arguments_are_answered_with_an_error(self) -> None:
        for name, tool in self.tools().items():
            for arguments in NONSENSE:
                result = self.run(name, arguments)
                assert result.output, f"{name} answered {arguments!r} with nothing"
            if tool.parameters.model_json_schema().get("required"):
                assert self.run(name, "{}").failed, f"{name} did not refuse to run without its parameters"

    def test_the_examples_are_of_tools_that_there_are(self) -> None:
        assert self.examples.keys() <= self.tools().keys()

    def test_good_arguments_get_an_answer_in_time(self) -> None:
        for name, every in self.examples.items():
            for arguments in every:
                result = self.run(name, json.dumps(arguments))
                assert not result.failed, f"{name}({arguments}) failed: {result.output}"
                assert len(result.output) <= OUTPUT_LIMIT, f"{name}({arguments}) answered too much"

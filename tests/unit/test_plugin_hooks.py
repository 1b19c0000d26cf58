"""Calling plugins: each is asked by itself, and a bad one costs nobody else anything."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, cast

import pytest
from pydantic import BaseModel

import offhook_activation_fixed_delay
import offhook_activation_immediate
import offhook_activation_vad
import offhook_dtmf
import offhook_tools
from offhook import CallInfo, Part, Settings, Tool, ToolContext, hookimpl
from offhook.call.outcome import EndCause, decide
from offhook.call.state import CallState, CallView
from offhook.plugins.hooks import BadPlugin, Hooks
from offhook.plugins.loader import FoundPlugin
from offhook.settings import settings_with

CALL = CallInfo("call-1", "channel-1", caller_number="4711", dialed="200", context="ivr")
FIRST_PARTY = {
    "activation_immediate": offhook_activation_immediate,
    "activation_fixed_delay": offhook_activation_fixed_delay,
    "activation_vad": offhook_activation_vad,
    "dtmf": offhook_dtmf,
    "tools": offhook_tools,
}


def hooks_with(*plugins: object, first_party: bool = False) -> Hooks:
    hooks = Hooks()
    if first_party:
        for name, module in FIRST_PARTY.items():
            hooks.register(module, name)
    for number, plugin in enumerate(plugins):
        hooks.register(plugin, f"plugin{number}")
    return hooks


class Nothing(BaseModel):
    """No parameters."""


async def do_nothing(context: ToolContext, parameters: Nothing) -> str:
    return ""


def tool(name: str, description: str = "") -> Tool:
    return Tool(name, description, Nothing, do_nothing)


class MyPart:
    def on(self, event: object, call: object) -> tuple[()]:
        return ()


# --- Registering ----------------------------------------------------------------------------------------


class AsyncHook:
    @hookimpl
    async def digit_handler(self, settings: Settings) -> Part | None:
        return None


class AsyncGeneratorHook:
    @hookimpl
    async def tools(self, settings: Settings) -> AsyncIterator[Tool]:
        yield tool("one")


class Wrapper:
    @hookimpl(wrapper=True)
    def digit_handler(self) -> Iterator[None]:
        yield


class OldWrapper:
    @hookimpl(hookwrapper=True)
    def tools(self) -> Iterator[None]:
        yield


class Misspelt:
    @hookimpl
    def digits_handler(self) -> None:
        return None


class UnknownArgument:
    @hookimpl
    def digit_handler(self, setting: Settings) -> None:
        return None


@pytest.mark.parametrize(
    ("plugin", "word"),
    [
        (AsyncHook, "not async"),
        (AsyncGeneratorHook, "not async"),
        (Wrapper, "wrapper"),
        (OldWrapper, "wrapper"),
        (Misspelt, "digits_handler"),
        (UnknownArgument, "setting"),
    ],
)
def test_a_plugin_that_cannot_work_is_refused_with_its_name(plugin: type, word: str) -> None:
    with pytest.raises(BadPlugin, match=word) as error:
        Hooks().register(plugin(), "mine")
    assert "mine" in str(error.value)


def test_two_plugins_of_one_name_are_refused() -> None:
    hooks = Hooks()
    hooks.register(MyPart(), "mine")
    with pytest.raises(BadPlugin, match="mine"):
        hooks.register(MyPart(), "mine")


def test_of_the_plugins_that_were_found_those_take_part_that_could_be_imported() -> None:
    works = FoundPlugin("keys", "acme-keys", "1.0", plugin=Stranger())
    broken = FoundPlugin("crm", "acme-crm", "1.0", error="ImportError: no module")
    hooks = Hooks([works, broken])
    assert hooks.plugins == [works, broken]
    assert asyncio.run(hooks.digit_handler(settings_with())) is not None
    hooks.close()


def test_the_installed_plugins_have_every_mode_of_the_spec() -> None:
    hooks = Hooks.installed()
    assert all(hooks.knows_mode(mode, settings_with()) for mode in ("IMMEDIATE", "FIXED_DELAY", "VAD"))
    assert not Hooks.installed(disabled=["activation_vad"]).knows_mode("VAD", settings_with())


# --- Modes and digits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["FIXED_DELAY", "fixedDelay", "Fixed-Delay", "FIXEDDELAY"])
def test_mode_names_compare_without_case_underscore_and_hyphen(name: str) -> None:
    assert hooks_with(first_party=True).knows_mode(name, settings_with())


@pytest.mark.parametrize("name", ["IMMEDIATE", "FIXED_DELAY", "VAD"])
def test_the_host_runs_without_any_of_the_five(name: str) -> None:
    assert asyncio.run(hooks_with().activation_mode(name, settings_with())) == []
    assert asyncio.run(hooks_with().digit_handler(settings_with())) is None
    assert asyncio.run(hooks_with().tools(settings_with())) == {}


def test_each_call_gets_a_part_of_its_own() -> None:
    hooks = hooks_with(first_party=True)
    chosen = settings_with()
    assert offhook_activation_vad.activation_mode(
        "vad", chosen
    ) is not offhook_activation_vad.activation_mode("vad", chosen)
    (one,), (other,) = (asyncio.run(hooks.activation_mode("VAD", chosen)) for _ in range(2))
    assert one is not other


class Stranger:
    """Takes the mode VAD and the keypad from the first-party plugins."""

    def __init__(self) -> None:
        self.part = MyPart()
        self.asked: list[str] = []

    @hookimpl
    def activation_mode(self, mode: str) -> Part | None:
        self.asked.append(mode)
        return cast("Part", self.part) if mode == "vad" else None

    @hookimpl
    def digit_handler(self) -> Part | None:
        self.asked.append("digits")
        return cast("Part", self.part)


@pytest.mark.parametrize("stranger_first", [True, False])
def test_a_stranger_wins_in_either_order_of_registration(stranger_first: bool) -> None:
    stranger, hooks = Stranger(), Hooks()
    plugins = list(FIRST_PARTY.items())
    for name, plugin in [("own", stranger), *plugins] if stranger_first else [*plugins, ("own", stranger)]:
        hooks.register(plugin, name)
    seen: list[object] = []
    stranger.part.on = lambda event, call: seen.append(event) or ()  # type: ignore[method-assign, func-returns-value]
    keypad = asyncio.run(hooks.digit_handler(settings_with()))
    for part in (asyncio.run(hooks.activation_mode("VAD", settings_with()))[0], keypad):
        assert part is not None
        list(part.on(cast("Any", "event"), CallView(CallState(CALL, settings_with()))))
    assert seen == ["event", "event"]


def test_a_mode_that_the_stranger_does_not_know_stays_with_its_plugin() -> None:
    assert hooks_with(Stranger(), first_party=True).knows_mode("IMMEDIATE", settings_with())


def test_a_provider_that_raises_is_logged_and_the_next_one_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        @hookimpl(tryfirst=True)
        def activation_mode(self, mode: str) -> Part | None:
            raise RuntimeError("no such file")

    with caplog.at_level(logging.ERROR):
        assert hooks_with(Broken(), first_party=True).knows_mode("VAD", settings_with())
    assert "plugin0" in caplog.text
    assert "no such file" in caplog.text


# --- Tools ----------------------------------------------------------------------------------------------


class Offers:
    def __init__(self, *offered: object) -> None:
        self.offered = offered

    @hookimpl
    def tools(self) -> Iterable[Tool]:
        return cast("tuple[Tool, ...]", self.offered)


class BreaksOnTheWay:
    @hookimpl
    def tools(self) -> Iterable[Tool]:
        yield tool("half")
        raise ConnectionError("no catalogue")


def test_the_tools_of_all_plugins_are_offered() -> None:
    hooks = hooks_with(Offers(tool("one")), Offers(tool("two"), tool("three")))
    assert set(asyncio.run(hooks.tools(settings_with()))) == {"one", "two", "three"}


def test_of_two_tools_of_one_name_the_one_registered_last_is_offered() -> None:
    hooks = hooks_with(Offers(tool("one", "old")), Offers(tool("one", "new")))
    assert asyncio.run(hooks.tools(settings_with()))["one"].description == "new"


@pytest.mark.parametrize("bad", [Offers("not a tool"), BreaksOnTheWay()])
def test_a_plugin_whose_tools_break_costs_no_other_its_tools(
    bad: object, caplog: pytest.LogCaptureFixture
) -> None:
    hooks = hooks_with(bad, Offers(tool("good")))
    with caplog.at_level(logging.ERROR):
        assert set(asyncio.run(hooks.tools(settings_with()))) == {"good"}
    assert "plugin0" in caplog.text


# --- Settings of a call ---------------------------------------------------------------------------------


class Crm:
    """Looks the caller up: at once, after a while, never, or in vain."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    @hookimpl
    def call_settings(self, call: CallInfo, variables: Mapping[str, str]) -> Any:
        return self.answer() if callable(self.answer) else self.answer


async def later() -> Mapping[str, Any]:
    await asyncio.sleep(0)
    return {"voice": "cedar"}


async def never() -> Mapping[str, Any]:
    await asyncio.Event().wait()
    return {}


async def in_vain() -> Mapping[str, Any]:
    raise ConnectionError("no route to the CRM")


def asked_crm(*answers: Any, timeout_seconds: float = 5.0) -> list[tuple[str, Any]]:
    hooks = hooks_with(*(Crm(answer) for answer in answers))
    return asyncio.run(hooks.call_settings(CALL, {}, timeout_seconds=timeout_seconds))


def test_settings_of_a_call_may_come_at_once_or_be_awaited() -> None:
    assert asked_crm({"language": "de"}, later) == [
        ("plugin1", {"voice": "cedar"}),
        ("plugin0", {"language": "de"}),
    ]


@pytest.mark.parametrize(
    ("bad", "limit", "why"),
    [
        (never, 0.01, "gave no answer within 0.01 s"),
        (in_vain, 5.0, "failed: ConnectionError('no route to the CRM')"),
        ("nonsense", 5.0, "returned 'nonsense', not a mapping"),
    ],
)
def test_a_look_up_that_is_late_fails_or_returns_nonsense_says_so_and_costs_no_other(
    bad: Any, limit: float, why: str
) -> None:
    answers = asked_crm({"language": "de"}, bad, timeout_seconds=limit)
    assert answers == [("plugin1", why), ("plugin0", {"language": "de"})]


# --- The other hooks ------------------------------------------------------------------------------------


class LastWord:
    def __init__(self, changes: Any) -> None:
        self.changes = changes

    @hookimpl
    def session_config(self, call: CallInfo, session: dict[str, Any]) -> Any:
        session["audio"]["output"]["voice"] = "spoilt"
        return self.changes


def test_a_plugin_has_the_last_word_on_the_session() -> None:
    session = {"instructions": "old", "audio": {"output": {"voice": "marin"}}}
    hooks = hooks_with(LastWord({"instructions": "new"}), LastWord("nonsense"))
    changed = asyncio.run(hooks.session_config(CALL, session))
    assert changed["instructions"] == "new"


def test_a_plugin_that_changes_its_argument_changes_nothing_that_is_sent() -> None:
    session = {"audio": {"output": {"voice": "marin"}}}
    sent = asyncio.run(hooks_with(LastWord(None)).session_config(CALL, session))
    assert sent == {"audio": {"output": {"voice": "marin"}}}


def test_a_plugin_may_add_result_variables_but_replace_none_of_offhooks() -> None:
    class Results:
        @hookimpl
        def result_variables(self, call: CallInfo) -> Mapping[str, Any]:
            return {"CRM_ID": 7, "RECOG_STATUS": "WRONG"}

    outcome = decide("call-1", EndCause.HANGUP, recognition=False, transcripts=[])
    assert asyncio.run(hooks_with(Results()).result_variables(CALL, outcome)) == {"CRM_ID": "7"}


def test_an_observer_that_raises_costs_no_other_its_event() -> None:
    seen: list[str] = []

    class Watches:
        @hookimpl
        def call_event(self, call_id: str) -> None:
            seen.append(call_id)

    class Broken:
        @hookimpl(tryfirst=True)
        def call_event(self) -> None:
            raise ValueError

    hooks = hooks_with(Watches(), Broken())
    hooks.call_event("call-1", None, [])
    assert seen == ["call-1"]
    assert hooks.has("call_event")
    assert not hooks.has("realtime_event")


def test_a_plugin_that_breaks_as_the_host_starts_or_stops_stops_nobody() -> None:
    seen: list[str] = []

    class Watches:
        @hookimpl
        def host_started(self) -> None:
            seen.append("started")

        @hookimpl
        def host_stopping(self) -> None:
            seen.append("stopping")

    class Broken:
        @hookimpl(tryfirst=True)
        def host_started(self) -> None:
            raise ValueError

        @hookimpl(tryfirst=True)
        def host_stopping(self) -> None:
            raise ValueError

    hooks = hooks_with(Watches(), Broken())
    asyncio.run(hooks.host_started(cast("Any", None)))
    asyncio.run(hooks.host_stopping(cast("Any", None)))
    assert seen == ["started", "stopping"]

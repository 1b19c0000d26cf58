"""The host inside somebody's program: what it does to that program, and what it does not."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from call_bench import Bench, bench, bench_settings, nothing_left_in_host, open_sockets
from offhook import (
    AriError,
    BadPlugin,
    CallInfo,
    Host,
    HostError,
    LayeredSettings,
    Settings,
    SettingsError,
    hookimpl,
)
from offhook.console import ConsoleError
from offhook.simulators.asterisk import SimulatedAsterisk
from offhook.simulators.realtime import SimulatedRealtime


def settings_for(calls: Bench, **changes: Any) -> Settings:
    return bench_settings(calls.asterisk, **{"base_url": calls.provider.url, **changes})


async def no_secrets(name: str) -> str:
    raise ConnectionError("the vault says: hunter2 is not for you")


class BadHook:
    @hookimpl
    async def tools(self) -> None: ...


# --- Several hosts --------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("arguments", "changes", "error"),
    [
        ({}, {"ari_password": "wrong"}, AriError),
        ({}, {"port": -1}, ConsoleError),  # the port of the one that runs
        ({"plugins": {"bad": BadHook()}}, {}, BadPlugin),
        ({"secrets": no_secrets}, {}, SettingsError),
        ({}, {"rtp_bind_ip": "203.0.113.1"}, SettingsError),
    ],
)
async def test_one_host_that_cannot_start_costs_another_nothing(
    arguments: dict[str, Any], changes: dict[str, Any], error: type[Exception]
) -> None:
    async with bench() as calls:
        caller = await calls.dial()
        await calls.listening()
        tasks, sockets = asyncio.all_tasks(), open_sockets()
        if changes.get("port") == -1:
            changes = {"port": int(calls.host.console_url.rstrip("/").rpartition(":")[2])}
        with pytest.raises(error):
            async with Host(settings_for(calls, ari_app_name="other", **changes), **arguments):
                pass
        # The simulated Asterisk's own end of the connection takes a moment.
        await calls.until(lambda: asyncio.all_tasks() <= tasks, "no task left")
        await calls.until(lambda: open_sockets() == sockets, "no socket left")
        assert calls.host.ready
        await caller.press("1#")
        assert (await caller.left_stasis()).variables["DTMF_RESULT"] == "1"


# --- What it leaves alone -------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_signals_and_logging_are_the_programs_own() -> None:
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    threads = set(threading.enumerate())
    root = logging.getLogger()
    before = (list(root.handlers), root.level, logging.getLogger("offhook").handlers)
    async with bench() as calls:
        caller = await calls.dial()
        await calls.listening()
        assert {number: signal.getsignal(number) for number in signals} == signals
        assert (list(root.handlers), root.level, logging.getLogger("offhook").handlers) == before
        await caller.hangup()
        await calls.over()
    assert not [thread for thread in set(threading.enumerate()) - threads if "plugin" in thread.name]


@pytest.mark.asyncio
async def test_a_session_that_was_given_is_used_and_not_closed() -> None:
    asked: list[str] = []

    async def note(session: Any, context: Any, params: aiohttp.TraceRequestStartParams) -> None:
        asked.append(params.url.path)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(note)
    async with bench() as calls, aiohttp.ClientSession(trace_configs=[trace]) as session:
        async with Host(settings_for(calls, ari_app_name="other"), http_session=session) as host:
            caller = await calls.asterisk.dial(app="other")
            await caller.answered()
            assert host.ready
        assert any(path.endswith("/answer") for path in asked)
        assert not session.closed


@pytest.mark.asyncio
async def test_without_a_console_nothing_listens() -> None:
    async with bench() as calls, Host(settings_for(calls, ari_app_name="other"), console=False) as host:
        assert host.console_url == ""
        assert host.ready


# --- What is given to it --------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_an_object_that_is_passed_in_is_a_plugin_in_the_programs_own_thread() -> None:
    threads: list[int] = []

    class Mine:
        @hookimpl
        def call_settings(self, call: CallInfo) -> dict[str, Any]:
            threads.append(threading.get_ident())
            return {"dtmfMaxDigits": 2}

    async with (
        bench() as calls,
        Host(settings_for(calls, ari_app_name="other"), plugins={"mine": Mine()}) as host,
    ):
        caller = await calls.asterisk.dial(app="other")
        await caller.answered()
        await caller.press("123")
        assert (await caller.left_stasis()).variables["DTMF_RESULT"] == "12"
        nothing_left_in_host(host)
    assert threads == [threading.get_ident()]


@pytest.mark.asyncio
async def test_the_time_of_day_is_the_programs() -> None:
    then = datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)
    async with bench() as calls, Host(settings_for(calls, ari_app_name="other"), clock=lambda: then) as host:
        caller = await calls.asterisk.dial(app="other")
        await caller.answered()
        (record,) = host.records.values()
        assert record.started_at == then
        await caller.hangup()
        await caller.left_stasis()


class Vault:
    """Gives a new key each time, and may be broken."""

    def __init__(self, asterisk: SimulatedAsterisk) -> None:
        self.asked: list[str] = []
        self.broken = False
        self._asterisk = asterisk

    async def __call__(self, name: str) -> str:
        self.asked.append(name)
        if self.broken:
            raise ConnectionError("the vault says: hunter2 is not for you")
        keys = self.asked.count("OPENAI_API_KEY")
        return {"ASTERISK_ARI_PASSWORD": self._asterisk.password, "OPENAI_API_KEY": f"key-{keys}"}.get(
            name, ""
        )


@pytest.mark.asyncio
async def test_secrets_are_fetched_at_the_start_and_the_key_again_at_each_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench() as calls, SimulatedRealtime(api_key="key-2", speech=False) as provider:
        vault = Vault(calls.asterisk)
        settings = settings_for(calls, ari_app_name="other", ari_password="", base_url=provider.url)
        async with Host(settings, secrets=vault) as host:
            assert set(vault.asked) == {"OPENAI_API_KEY", "ASTERISK_ARI_PASSWORD", "OFFHOOK_TOKEN"}
            caller = await calls.asterisk.dial(app="other")
            await caller.answered()
            await calls.until(lambda: provider.sessions, "a session with the second key")
            vault.broken = True
            other = await calls.asterisk.dial(app="other")
            await calls.until(lambda: len(provider.sessions) == 2, "one more with the newest that is known")
            for phone in (caller, other):
                await phone.hangup()
                await phone.left_stasis()
            assert "OPENAI_API_KEY could not be fetched" in caplog.text
            assert "hunter2" not in caplog.text
            assert "key-2" not in str(host.call_settings())


@pytest.mark.asyncio
async def test_a_secret_that_cannot_be_had_stops_the_start_with_its_name_and_without_its_value() -> None:
    async with bench() as calls:
        with pytest.raises(SettingsError, match="OPENAI_API_KEY could not be fetched") as error:
            async with Host(settings_for(calls), secrets=no_secrets):
                pass
        assert "hunter2" not in str(error.value)


# --- Its life -------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_program_that_is_cancelled_leaves_nothing_behind() -> None:
    async with bench() as calls:
        ready = asyncio.Event()

        async def program() -> None:
            async with Host(settings_for(calls, ari_app_name="other")) as host:
                ready.set()
                await host.serve()

        running = asyncio.create_task(program())
        await asyncio.wait_for(ready.wait(), 10)
        caller = await calls.asterisk.dial(app="other")
        await caller.answered()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await caller.left_stasis()).variables["OFFHOOK_END_CAUSE"] == "shutdown"


@pytest.mark.asyncio
async def test_a_host_is_entered_once() -> None:
    async with bench() as calls:
        with pytest.raises(RuntimeError, match="a host is entered once"):
            await calls.host.__aenter__()


@pytest.mark.asyncio
async def test_a_host_that_was_not_started_cannot_serve() -> None:
    async with bench() as calls:
        host = Host(settings_for(calls))
        with pytest.raises(HostError, match="has not been started"):
            await host.serve()


@pytest.mark.asyncio
async def test_settings_know_where_they_came_from_whatever_they_are() -> None:
    async with bench() as calls:
        layered = LayeredSettings.of(settings_for(calls, ari_app_name="other"), "my program")
        async with Host(layered) as host:
            assert host.settings.asterisk.ari_app_name == "other"
        assert layered.origin("ariAppName") == "my program"

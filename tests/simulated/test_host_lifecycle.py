"""The host's own life: its start and its stop, what it leaves, its neighbours, and the plugins that watch it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from call_bench import (
    RESULT_VARIABLES,
    SPEECH,
    Bench,
    Mouth,
    bench,
    bench_settings,
    nothing_left_in_host,
    open_sockets,
    sweep,
    with_plugin,
)
from offhook import Action, CallInfo, Event, Host, Outcome, hookimpl
from offhook.ari import AriUnreachable, Unauthorized
from offhook.call.actions import End
from offhook.call.events import Arrived, Digit
from offhook.console import ConsoleError
from offhook.settings import SettingsError
from offhook.simulators.asterisk import SimulatedAsterisk


@asynccontextmanager
async def nothing_is_left() -> AsyncIterator[None]:
    """Proof that the block leaves no task and no socket of this process behind."""
    tasks, sockets = asyncio.all_tasks(), open_sockets()
    yield
    async with asyncio.timeout(10):
        while asyncio.all_tasks() - tasks or open_sockets() > sockets:  # noqa: ASYNC110 - the peer's may linger
            await asyncio.sleep(0.01)


def neighbour(calls: Bench, app: str, **options: Any) -> Host:
    """Another host at the same Asterisk, with an application of its own."""
    settings = bench_settings(calls.asterisk, base_url=calls.provider.url, ari_app_name=app)
    return Host(settings, **options)


# --- The start ------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"ari_password": "wrong"}, Unauthorized, "401"),
        ({"ari_url": "http://127.0.0.1:1"}, AriUnreachable, "refused"),
        ({"ari_username": ""}, SettingsError, "ASTERISK_ARI_USERNAME"),
        ({"base_url": "wss://provider.example/v1"}, SettingsError, "OPENAI_API_KEY"),
    ],
    ids=["wrong login", "no Asterisk", "no user", "no key"],
)
async def test_a_host_that_cannot_start_leaves_nothing(
    changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    async with SimulatedAsterisk() as asterisk, nothing_is_left():
        settings = bench_settings(asterisk, **{"base_url": "ws://127.0.0.1:1/v1", **changes})
        with pytest.raises(error, match=words):
            async with Host(settings):
                pass


@pytest.mark.asyncio
async def test_a_console_port_that_is_taken_stops_the_start() -> None:
    async with SimulatedAsterisk() as asterisk, nothing_is_left():
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            settings = bench_settings(asterisk, base_url="ws://127.0.0.1:1/v1", port=port)
            with pytest.raises(ConsoleError, match=f"PORT is {port}"):
                async with Host(settings):
                    pass
            async with Host(settings, console=False) as host:
                assert host.ready
                assert host.console_url == ""


# --- The stop -------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_leaving_the_host_gives_every_caller_back_with_the_result() -> None:
    sounds = {"long": sweep(5.0)}
    async with bench(asterisk_options={"sounds": sounds}, settings_timeout_ms=500) as calls:
        listening = await calls.dial()
        await calls.listening()
        hears_greeting = await calls.dial(greeting_audio_path="sound:long", recognition_activation_mode="VAD")
        await hears_greeting.wait_heard()
        recognised = await calls.dial(session_kind="recognition")
        await calls.listening()
        reading = calls.hold("read_variables")
        arriving = await calls.dial()
        await asyncio.wait_for(reading.reached.wait(), 10)
    for caller in (listening, hears_greeting, recognised, arriving):
        left = await caller.left_stasis()
        assert left.how == "continued"
        assert set(RESULT_VARIABLES) <= left.variables.keys()
        assert left.variables["OFFHOOK_END_CAUSE"] == "shutdown"
        assert left.variables["RECOG_STATUS"] == "INTERRUPTED"
        assert left.variables["RECOG_COMPLETION_CAUSE"] == "011"
    assert arriving.answered_at is None
    assert not calls.host.ready


@pytest.mark.asyncio
async def test_a_call_that_comes_while_the_host_stops_is_given_back_too() -> None:
    class Dials:
        """Places a call when the host stops."""

        @hookimpl
        def host_stopping(self, host: Host) -> None:
            self.late = asyncio.create_task(calls.asterisk.dial())

    dials = Dials()
    async with bench(hooks=with_plugin(dials)) as calls:
        caller = await calls.dial()
        await calls.listening()
    assert (await caller.left_stasis()).variables["OFFHOOK_END_CAUSE"] == "shutdown"
    late = await dials.late
    assert (await late.left_stasis()).variables["OFFHOOK_END_CAUSE"] == "shutdown"
    assert late.answered_at is None


@pytest.mark.asyncio
async def test_an_operator_ends_a_call() -> None:
    async with bench() as calls:
        caller = await calls.dial()
        await calls.listening()
        call_id = calls.record.call_id
        assert calls.host.hangup(call_id)
        left = await caller.left_stasis()
        assert not calls.host.hangup(call_id), "it has ended"
        assert not calls.host.hangup("nobody")
    assert left.variables["OFFHOOK_END_CAUSE"] == "operator"
    assert left.variables["OFFHOOK_CALL_ID"] == call_id


@pytest.mark.asyncio
async def test_a_caller_whom_the_dialplan_sends_back_at_once_is_served_again() -> None:
    async with bench(media_topology="split") as calls:
        caller = await calls.dial()
        for digits in ("1", "22", "333"):
            await calls.listening()
            await caller.press(f"{digits}#")
            assert (await caller.left_stasis()).variables["DTMF_RESULT"] == digits
            # The host is still clearing up after the call before.
            await calls.dial_again(caller)
        await calls.listening()
        await caller.hangup()
        await calls.over()
        assert len(calls.host.records) == 4
        assert calls.record.outcome is not None
        assert calls.record.outcome.cause == "hangup"


# --- Hosts among others ---------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_two_hosts_in_one_loop_serve_each_its_own_calls() -> None:
    async with bench() as calls:
        async with neighbour(calls, "second-app") as second:
            ours = await calls.dial()
            theirs = await calls.asterisk.dial(app="second-app", caller_number="200")
            await calls.listening()
            await calls.until(
                lambda: [call.activity for call in second.records.values()] == ["listening"],
                "the second's call",
            )
            assert second.console_url != calls.host.console_url
        assert (await theirs.left_stasis()).variables["OFFHOOK_END_CAUSE"] == "shutdown"
        assert [call.caller_id for call in second.records.values()] == ["200"]
        nothing_left_in_host(second)
        assert calls.host.ready
        ours.play(SPEECH)  # the first goes on
        await ours.wait_heard()
        await ours.press("1#")
        assert (await ours.left_stasis()).variables["DTMF_RESULT"] == "1"
        assert len(calls.host.records) == 1


@pytest.mark.asyncio
async def test_an_http_session_that_is_passed_in_is_used_and_stays_open() -> None:
    used: list[str] = []

    async def note(
        session: aiohttp.ClientSession, context: Any, started: aiohttp.TraceRequestStartParams
    ) -> None:
        used.append(started.url.path)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(note)
    async with bench() as calls, aiohttp.ClientSession(trace_configs=[trace]) as http:
        async with neighbour(calls, "second-app", http_session=http):
            caller = await calls.asterisk.dial(app="second-app")
            await caller.answered()
        assert not http.closed
        assert any(path.endswith("/answer") for path in used)
        async with http.get(f"{calls.host.console_url}readyz") as answer:
            assert (await answer.json()) == {"ready": True}


# --- Plugins --------------------------------------------------------------------------------------------


class Watcher:
    """Uses every hook that watches the host or adds to a call."""

    def __init__(self) -> None:
        self.life: list[tuple[str, Host]] = []
        self.events: list[tuple[str, Event | None, Sequence[Action]]] = []
        self.messages: list[tuple[str, str, Mapping[str, Any]]] = []

    @hookimpl
    def host_started(self, host: Host) -> None:
        assert host.ready
        self.life.append(("started", host))

    @hookimpl
    def host_stopping(self, host: Host) -> None:
        assert not host.ready
        self.life.append(("stopping", host))

    @hookimpl
    def call_event(self, call_id: str, event: Event | None, actions: Sequence[Action]) -> None:
        self.events.append((call_id, event, actions))

    @hookimpl
    def realtime_event(self, call_id: str, direction: str, message: Mapping[str, Any]) -> None:
        self.messages.append((call_id, direction, message))

    @hookimpl
    def session_config(self, call: CallInfo, session: dict[str, Any]) -> Mapping[str, Any]:
        session["instructions"] = "changed in the copy"
        return {"tracing": {"workflow_name": f"call from {call.caller_number}"}}

    @hookimpl
    def result_variables(self, call: CallInfo, outcome: Outcome) -> Mapping[str, str]:
        return {
            "CRM_ID": f"{call.dialed}-{outcome.digits}",
            "": "no name",
            "RECOG_STATUS": "mine",
            "LAST": "1",
        }

    @hookimpl
    def http_routes(self) -> list[web.RouteDef]:
        async def count(request: web.Request) -> web.Response:
            return web.json_response({"events": len(self.events)})

        return [web.get("/mine", count)]


class Broken:
    """Fails in every hook."""

    def fail(self) -> Any:
        raise RuntimeError("this plugin is broken")

    @hookimpl
    def host_started(self, host: Host) -> None:
        self.fail()

    @hookimpl
    def host_stopping(self, host: Host) -> None:
        self.fail()

    @hookimpl
    def call_settings(self) -> Any:
        return self.fail()

    @hookimpl
    def activation_mode(self, mode: str) -> Any:
        return self.fail()

    @hookimpl
    def digit_handler(self) -> Any:
        return self.fail()

    @hookimpl
    def tools(self) -> Any:
        return self.fail()

    @hookimpl
    def session_config(self) -> Any:
        return self.fail()

    @hookimpl
    def call_event(self) -> None:
        self.fail()

    @hookimpl
    def realtime_event(self) -> None:
        self.fail()

    @hookimpl
    def result_variables(self) -> Any:
        return self.fail()

    @hookimpl
    def http_routes(self) -> Any:
        return self.fail()


class Talks(Broken):
    """Answers every hook that wants an answer with nonsense."""

    def fail(self) -> Any:
        return 42

    @hookimpl
    def activation_mode(self, mode: str) -> Any:
        return 42 if mode == "nonsense" else None

    @hookimpl
    def digit_handler(self) -> Any:
        return None


def audio_in(message: Any) -> bool:
    """Whether a message carries audio, which is much longer than anything else in it."""
    if isinstance(message, Mapping):
        return any(audio_in(value) for key, value in message.items() if key not in ("instructions", "tools"))
    if isinstance(message, list):
        return any(map(audio_in, message))
    return isinstance(message, str) and len(message) > 200


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "others",
    [[], [Broken()], [Talks()]],
    ids=["alone", "beside a broken one", "beside one that talks nonsense"],
)
async def test_plugins_are_called_whatever_others_do(others: list[object]) -> None:
    watcher = Watcher()
    async with bench(hooks=with_plugin(watcher, *others), mouth=Mouth(0.3)) as calls:
        assert watcher.life == [("started", calls.host)]
        caller = await calls.dial("7005")
        await calls.listening()
        call_id = calls.record.call_id
        caller.play(SPEECH)
        await caller.wait_heard()
        async with aiohttp.ClientSession() as http, http.get(f"{calls.host.console_url}mine") as answer:
            assert (await answer.json())["events"] > 0
        await caller.press("12#")
        left = await caller.left_stasis()
        await calls.until(
            lambda: any(isinstance(act, End) for _, _, acts in watcher.events for act in acts), "the end"
        )
        session = calls.provider.sessions[0].configuration
    assert watcher.life == [("started", calls.host), ("stopping", calls.host)]

    assert left.variables["DTMF_RESULT"] == "12"
    assert left.variables["CRM_ID"] == "7005-12"
    assert left.variables["LAST"] == "1", "a name that Asterisk refuses costs no other"
    assert left.variables["RECOG_STATUS"] == "OK", "the result is not a plugin's to change"

    assert session["tracing"] == {"workflow_name": "call from 100"}
    assert session["instructions"] != "changed in the copy"

    assert {call for call, _, _ in watcher.events} == {call_id}
    seen = [event for _, event, _ in watcher.events if event is not None]
    assert isinstance(seen[0], Arrived)
    assert [event.digit for event in seen if isinstance(event, Digit)] == ["1", "2", "#"]
    assert {call for call, _, _ in watcher.messages} == {call_id}
    kinds = {(direction, message["type"]) for _, direction, message in watcher.messages}
    assert {("out", "session.update"), ("in", "session.updated"), ("in", "response.done")} <= kinds
    assert ("in", "response.output_audio.delta") in kinds
    assert ("out", "input_audio_buffer.append") in kinds
    assert not [message for _, _, message in watcher.messages if audio_in(message)]
    json.dumps([message for _, _, message in watcher.messages])  # plain data


@pytest.mark.asyncio
async def test_a_mode_that_is_no_part_is_passed_over_and_the_call_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench(hooks=with_plugin(Talks())) as calls:
        caller = await calls.dial(recognition_activation_mode="NONSENSE")
        await caller.answered()
        await caller.press("1#")
        left = await caller.left_stasis()
    assert left.variables["DTMF_RESULT"] == "1"
    assert "plugin mine-1: the hook activation_mode returned" in caplog.text

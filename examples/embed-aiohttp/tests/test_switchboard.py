"""The application between a simulated Asterisk and a simulated Realtime server."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp.test_utils import TestClient, TestServer

import switchboard
from offhook import load_settings
from offhook.simulators.asterisk import SimulatedAsterisk, SimulatedCaller
from offhook.simulators.realtime import SimulatedRealtime


class Bench:
    """The application and what is around it."""

    def __init__(self, asterisk: SimulatedAsterisk, provider: SimulatedRealtime) -> None:
        self.asterisk = asterisk
        self.provider = provider
        self.application = switchboard.application(
            load_settings(
                environ={
                    "ASTERISK_ARI_URL": asterisk.url,
                    "ASTERISK_ARI_USERNAME": asterisk.username,
                    "ASTERISK_ARI_PASSWORD": asterisk.password,
                    "OPENAI_BASE_URL": provider.url,
                    "OPENAI_API_KEY": "sk-none",
                    "GREETING_AUDIO_PATH": "none",
                    "RECOGNITION_ACTIVATION_MODE": "IMMEDIATE",
                    "NO_SPEECH_BEGIN_TIMEOUT_SECONDS": "0",
                    "INITIAL_OPENAI_STREAM_IDLE_TIMEOUT_SECONDS": "0",
                }
            )
        )
        self.client = TestClient(TestServer(self.application))

    async def call(self) -> tuple[str, SimulatedCaller]:
        """Place a call; returns its id when the model hears it."""
        caller = await self.asterisk.dial(caller_number="0800 55")
        async with asyncio.timeout(10):
            while True:
                calls = await (await self.client.get("/calls")).json()
                if calls and calls[0]["now"] == "listening":
                    return calls[0]["id"], caller
                await asyncio.sleep(0.02)


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    async with SimulatedAsterisk() as asterisk, SimulatedRealtime(speech=False) as provider:
        made = Bench(asterisk, provider)
        async with made.client:
            await asterisk.connected()
            yield made


def run(test: Callable[[Bench], Awaitable[None]]) -> None:
    async def with_bench() -> None:
        async with bench() as made:
            await test(made)

    asyncio.run(with_bench())


def test_calls_are_listed_and_the_model_is_told_who_calls() -> None:
    async def test(made: Bench) -> None:
        call_id, _ = await made.call()
        (call,) = await (await made.client.get("/calls")).json()
        assert (call["id"], call["caller"]) == (call_id, "0800 55")
        assert "Mrs Weber of room 12 is calling" in made.provider.sessions[0].configuration["instructions"]

    run(test)


def test_a_text_is_spoken_to_the_caller() -> None:
    async def test(made: Bench) -> None:
        call_id, caller = await made.call()
        said = await made.client.post(f"/calls/{call_id}/say", data="Your taxi is here.")
        assert said.status == 204
        await caller.wait_heard(since=0.0)
        asked = [message.body for message in made.provider.sessions[0].messages if not message.from_server]
        assert any("Your taxi is here." in str(message) for message in asked)
        assert (await made.client.post(f"/calls/{call_id}/say", data=" ")).status == 409

    run(test)


def test_a_call_is_hung_up_and_then_gone() -> None:
    async def test(made: Bench) -> None:
        call_id, caller = await made.call()
        ended = await made.client.delete(f"/calls/{call_id}")
        assert (await ended.json())["cause"] == "operator"
        assert (await caller.left_stasis()).variables["OFFHOOK_END_CAUSE"] == "operator"
        assert (await made.client.delete(f"/calls/{call_id}")).status == 404
        assert await (await made.client.get("/calls")).json() == []

    run(test)


def test_when_the_application_stops_callers_get_their_result() -> None:
    async def test() -> None:
        async with bench() as made:
            _, caller = await made.call()
            await made.client.close()
            assert (await caller.left_stasis()).variables["OFFHOOK_END_CAUSE"] == "shutdown"

    asyncio.run(test())


def test_when_another_program_takes_the_calls_over_the_application_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raised: asyncio.Queue[int] = asyncio.Queue()
    monkeypatch.setattr(signal, "raise_signal", raised.put_nowait)

    async def test(made: Bench) -> None:
        async with TestClient(TestServer(Bench(made.asterisk, made.provider).application)):
            assert await asyncio.wait_for(raised.get(), 10) == signal.SIGTERM

    run(test)

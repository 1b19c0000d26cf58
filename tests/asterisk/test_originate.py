"""`Host.originate` on a real Asterisk: a program calls a SIP telephone, and the two talk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from asterisk.held_call import ANSWER, times_complete
from asterisk.lab import Lab
from asterisk.sip_callee import SipCallee
from call_bench import Ears, Mouth, sweep
from offhook import EndCause, Host, LiveCall, NotAnswered, load_settings
from offhook.simulators.realtime import SimulatedRealtime
from openai_types import validate_client

ANSWER_SECONDS = 2.0


@asynccontextmanager
async def host_on(asterisk: Lab) -> AsyncIterator[tuple[Host, SimulatedRealtime]]:
    """A host in this very program, on the real Asterisk."""
    async with SimulatedRealtime(recognizer=Ears(["good morning"]), voice=Mouth(ANSWER_SECONDS)) as provider:
        environment = {**asterisk.environment, "OPENAI_BASE_URL": provider.url, "PORT": "0"}
        overrides = {"greetingAudioPath": "none", "recognitionActivationMode": "IMMEDIATE"}
        settings = load_settings(environ=environment, overrides=overrides)
        async with Host(settings) as host:
            yield host, provider
        assert host.ports_in_use == 0
        for session in provider.sessions:
            for message in session.messages:
                if not message.from_server:
                    validate_client(message.body)


@pytest.mark.asyncio
async def test_a_telephone_is_called_and_the_two_talk(asterisk: Lab) -> None:
    async with host_on(asterisk) as (host, provider), SipCallee() as phone:
        call = await host.originate(
            phone.endpoint,
            caller_id='"The shop" <4711>',
            settings={"greetingText": "Your order has arrived."},
        )
        assert isinstance(call, LiveCall)
        assert "4711" in phone.caller
        await phone.wait_heard()
        async with asyncio.timeout(10):
            while not times_complete(ANSWER, phone.pcm_heard()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        phone.start_playing(sweep(1.0))
        async with asyncio.timeout(10):
            while not call.record.entries or "good morning" not in str(call.record.entries):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        outcome = await call.end()
        assert (outcome.cause, outcome.transcription) == (EndCause.OPERATOR, "good morning")
        (asked,) = [
            message.body
            for message in provider.sessions[0].messages
            if not message.from_server
            and message.body["type"] == "response.create"
            and "response" in message.body
        ]
        assert "Your order has arrived." in asked["response"]["instructions"]


@pytest.mark.asyncio
async def test_whoever_does_not_answer_is_told_by_the_cause(asterisk: Lab) -> None:
    async with host_on(asterisk) as (host, _):
        for answer, cause in (("486 Busy Here", 17), ("603 Decline", 21)):
            async with SipCallee(answer) as phone:
                with pytest.raises(NotAnswered) as error:
                    await host.originate(phone.endpoint)
                assert error.value.cause == cause
                assert error.value.busy is (cause == 17)
        with pytest.raises(NotAnswered) as silent:
            await host.originate("Local/605@lab")
        assert silent.value.busy, "behind a Local channel too"


@pytest.mark.asyncio
async def test_a_call_that_nobody_wants_any_more_stops_ringing(asterisk: Lab) -> None:
    async with host_on(asterisk) as (host, _), SipCallee("", rings=True) as phone:
        calling = asyncio.create_task(host.originate(phone.endpoint))
        await asyncio.wait_for(phone.ringing.wait(), 10)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        async with asyncio.timeout(10):
            while phone.ended_by != "cancelled":  # noqa: ASYNC110
                await asyncio.sleep(0.02)

"""The event stream of Asterisk is lost, comes back, or goes to another program, while calls are held."""

from __future__ import annotations

import asyncio

import pytest

from call_bench import SPEECH, bench
from offhook import HostError
from plain_ari import PlainAri


@pytest.mark.asyncio
async def test_a_call_outlives_the_loss_of_the_event_stream() -> None:
    async with bench() as calls:
        caller = await calls.dial()
        await calls.listening()
        await calls.asterisk.disconnect_applications()
        await calls.until(lambda: not calls.host.ready, "the loss")
        caller.play(SPEECH)
        await caller.wait_heard()
        await calls.until(lambda: calls.host.ready, "the stream back")
        await caller.press("1#")
        assert (await caller.left_stasis()).variables["DTMF_RESULT"] == "1"


@pytest.mark.asyncio
@pytest.mark.parametrize("refusals", [0, 1])
async def test_a_call_that_ended_while_the_event_stream_was_lost_is_noticed(refusals: int) -> None:
    async with bench() as calls:
        first = await calls.dial()
        await calls.listening()
        second = await calls.dial()
        await second.answered()
        calls.refuse("channels", times=refusals)
        await calls.asterisk.disconnect_applications()
        await second.hangup()
        await calls.until(lambda: not calls.record.live, "the second call's end")
        assert calls.record.outcome is not None
        assert calls.record.outcome.cause == "hangup"
        await calls.until(lambda: calls.host.ready, "the stream back")
        await first.press("1#")
        assert (await first.left_stasis()).variables["DTMF_RESULT"] == "1"


@pytest.mark.asyncio
async def test_a_call_that_ends_while_its_settings_are_read_and_the_stream_is_lost_is_noticed() -> None:
    async with bench(settings_timeout_ms=60_000) as calls:
        reading = calls.hold("read_variables")
        caller = await calls.dial()
        await reading.reached.wait()
        await calls.asterisk.disconnect_applications()
        await caller.hangup()
        await calls.until(lambda: not calls.host.ready, "the loss")
        asked = calls.hold("channels", asked=True)
        await asyncio.wait_for(asked.reached.wait(), 10)
        asked.released.set()
        reading.released.set()
        await calls.over()
        assert calls.record.outcome is not None
        assert calls.record.outcome.cause == "hangup"
        assert not calls.media_requests


@pytest.mark.asyncio
async def test_a_host_whose_application_another_program_takes_says_so_and_lets_it_go() -> None:
    async with bench() as calls:
        caller = await calls.dial()
        await calls.listening()
        async with PlainAri(calls.asterisk) as other:
            with pytest.raises(HostError, match="ASTERISK_ARI_APP_NAME"):
                await asyncio.wait_for(calls.host.serve(), 10)
            assert not calls.host.ready
            await calls.until(lambda: len(calls.asterisk._sockets) == 1, "the host's stream is closed")
            newcomer = await calls.asterisk.dial()
            await other.event("StasisStart", channel=newcomer.channel_id)
    assert (await caller.left_stasis()).variables["OFFHOOK_END_CAUSE"] == "shutdown"

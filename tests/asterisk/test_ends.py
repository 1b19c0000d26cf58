"""How calls end on the real Asterisk, and where they go on: every kind of end that can be made from outside."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from asterisk.held_call import ANSWER, held_call
from asterisk.lab import Lab
from asterisk.offhook_process import offhook_run
from asterisk.sip_caller import SipCaller
from call_bench import Ears, Mouth, sweep
from offhook.simulators.realtime import SimulatedRealtime

SPEECH = sweep(1.0, low=300, high=900)
IMMEDIATE: dict[str, Any] = {"recognition_activation_mode": "IMMEDIATE"}


@pytest.mark.asyncio
async def test_end_action_hangup_hangs_up(asterisk: Lab) -> None:
    async with held_call(asterisk, "7004", end_action="hangup", **IMMEDIATE) as call:
        await asyncio.sleep(0.3)
        await call.caller.press("1#")
        await call.caller.wait_ended()
        result = await call.result("hangup")
        assert asterisk.results(call.caller.number) == [result], "no step after Stasis() was run"
    assert (result["DTMF_RESULT"], result["OFFHOOK_END_CAUSE"]) == ("1", "dtmf")


@pytest.mark.asyncio
async def test_a_result_extension_is_where_the_dialplan_goes_on(asterisk: Lab) -> None:
    async with held_call(asterisk, result_context="lab", result_extension="610", **IMMEDIATE) as call:
        await asyncio.sleep(0.3)
        await call.caller.press("1#")
        await call.caller.wait_ended()
        result = await call.result("transferred")
    assert result["DTMF_RESULT"] == "1"


@pytest.mark.asyncio
async def test_the_model_transfers_to_an_allowed_extension(asterisk: Lab) -> None:
    async with held_call(
        asterisk,
        ears=Ears(["transfer me to 610 please"]),
        environment={"transfer_targets": "610"},
        **IMMEDIATE,
    ) as call:
        await asyncio.sleep(0.3)
        await call.caller.play(SPEECH)
        await call.caller.wait_ended()
        result = await call.result("transferred")
    assert result["OFFHOOK_END_CAUSE"] == "transfer"
    assert ANSWER in call.caller.pcm_heard(), "what the model said about it was heard to its end"


@pytest.mark.asyncio
async def test_the_model_ends_the_call_after_its_goodbye_was_heard(asterisk: Lab) -> None:
    async with held_call(asterisk, ears=Ears(["good bye"]), **IMMEDIATE) as call:
        await asyncio.sleep(0.3)
        await call.caller.play(SPEECH)
        await call.caller.wait_ended()
        result = await call.result()
    assert result["OFFHOOK_END_CAUSE"] == "tool"
    assert ANSWER in call.caller.pcm_heard()


@pytest.mark.asyncio
async def test_the_operator_ends_the_call(asterisk: Lab) -> None:
    async with held_call(asterisk, **IMMEDIATE) as call:
        await asyncio.sleep(0.3)
        await call.host.post(f"calls/{(await call.host.calls())[-1]['callId']}/hangup")
        await call.caller.wait_ended()
        result = await call.result()
    assert (result["RECOG_STATUS"], result["OFFHOOK_END_CAUSE"]) == ("INTERRUPTED", "operator")


@pytest.mark.asyncio
async def test_the_hosts_stop_gives_the_call_back(asterisk: Lab) -> None:
    async with (
        SimulatedRealtime(recognizer=Ears(), voice=Mouth()) as provider,
        SipCaller(asterisk.sip_address, "7001") as caller,
    ):
        async with offhook_run(asterisk.environment, provider.url) as host:
            assert await caller.call() == 200
            await caller.wait_heard()
            await host.stop()
            await caller.wait_ended()
        result = await asterisk.result(caller.number)
    assert (result["RECOG_STATUS"], result["OFFHOOK_END_CAUSE"]) == ("INTERRUPTED", "shutdown")


@pytest.mark.asyncio
async def test_a_provider_that_refuses_ends_the_call_with_a_reason(asterisk: Lab) -> None:
    async with (
        SimulatedRealtime(recognizer=Ears(), voice=Mouth(), api_key="sk-right") as provider,
        offhook_run(asterisk.environment, provider.url, openai_api_key="sk-wrong") as _,
        SipCaller(asterisk.sip_address, "7000") as caller,
    ):
        assert await caller.call() == 200
        await caller.wait_ended()
        result = await asterisk.result(caller.number)
    assert (result["RECOG_STATUS"], result["OFFHOOK_END_CAUSE"]) == ("ERROR", "provider_error")
    assert "API key" in (result["RECOGNITION_ERROR"] or "")


@pytest.mark.asyncio
async def test_a_provider_that_vanishes_in_mid_call_ends_it_with_a_reason(asterisk: Lab) -> None:
    async with held_call(asterisk, **IMMEDIATE) as call:
        await asyncio.sleep(0.5)
        await call.session.drop()
        await call.caller.wait_ended()
        result = await call.result()
    assert (result["OFFHOOK_END_CAUSE"], result["RECOG_COMPLETION_CAUSE"]) == ("provider_error", "006")
    assert result["RECOGNITION_ERROR"]


@pytest.mark.asyncio
async def test_without_a_free_port_the_call_is_not_answered_and_the_dialplan_knows(asterisk: Lab) -> None:
    async with (
        SimulatedRealtime(recognizer=Ears(), voice=Mouth()) as provider,
        offhook_run(asterisk.environment, provider.url, rtp_port_min="30900", rtp_port_max="30901"),
        SipCaller(asterisk.sip_address, "7000", variables={"APP_MEDIA_TOPOLOGY": "split"}) as caller,
    ):
        status = await caller.call()
        result = await asterisk.result(caller.number)
    assert status >= 400, "a call without an audio path is not answered"
    assert (result["RECOG_STATUS"], result["OFFHOOK_END_CAUSE"]) == ("ERROR", "rejected")
    assert "RTP_PORT_MIN" in (result["RECOGNITION_ERROR"] or "")


@pytest.mark.asyncio
async def test_asterisk_losing_our_audio_channel_ends_the_call_with_media_error(asterisk: Lab) -> None:
    async with held_call(asterisk, media_topology="bridge", **IMMEDIATE) as call:
        await asyncio.sleep(0.3)
        ours = [channel["id"] for channel in asterisk.channels() if channel["id"].startswith("offhook-")]
        await asyncio.to_thread(asterisk.ari, "DELETE", f"/channels/{ours[0]}")
        await call.caller.wait_ended()
        result = await call.result()
    assert (result["RECOG_STATUS"], result["OFFHOOK_END_CAUSE"]) == ("ERROR", "media_error")


@pytest.mark.asyncio
async def test_a_bad_channel_variable_costs_no_call_and_is_told_if_it_fails(asterisk: Lab) -> None:
    async with held_call(asterisk, dtmf_max_digits="many", recognition_activation_mode="psychic") as call:
        await asyncio.sleep(0.3)
        await call.caller.play(SPEECH)
        await call.caller.wait_heard(since=call.caller.speech_ended)
        await call.session.drop()
        await call.caller.wait_ended()
        result = await call.result()
    assert call.times_heard(SPEECH) == 1
    error = result["RECOGNITION_ERROR"] or ""
    assert "APP_DTMF_MAX_DIGITS" in error and "'many'" in error
    assert "APP_RECOGNITION_ACTIVATION_MODE" in error and "'psychic'" in error

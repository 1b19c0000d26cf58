"""Recognition and the ends of turns on the real Asterisk: by the provider's turn detection and by TALK_DETECT."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from asterisk.held_call import ANSWER, held_call, wire
from asterisk.lab import Lab
from asterisk.offhook_process import offhook_run
from asterisk.sip_caller import SipCaller
from call_bench import Ears, Mouth, sweep
from offhook.simulators.realtime import ScriptedDialogue, SimulatedRealtime

SPEECH = sweep(1.0, low=300, high=900)
ENDPOINTINGS = {
    "provider": {"openai_transcription_model": "gpt-transcribe", "endpointing": "auto"},
    "asterisk": {"openai_transcription_model": "gpt-transcribe", "endpointing": "asterisk"},
    "a model without turn detection": {
        "openai_transcription_model": "gpt-realtime-whisper",
        "endpointing": "auto",
    },
}


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", ["IMMEDIATE", "VAD"])
@pytest.mark.parametrize("endpointing", ENDPOINTINGS)
async def test_one_utterance_is_recognised_and_the_call_goes_on(
    asterisk: Lab, endpointing: str, mode: str
) -> None:
    settings: dict[str, Any] = ENDPOINTINGS[endpointing]
    async with held_call(
        asterisk, session_kind="recognition", recognition_activation_mode=mode, **settings
    ) as call:
        await asyncio.sleep(0.4)
        await call.caller.play(SPEECH)
        await call.caller.wait_ended(10)
        result = await call.result()
    assert (result["FINAL_TRANSCRIPTION"], result["OFFHOOK_END_CAUSE"]) == ("good morning", "recognized")
    assert (result["RECOG_STATUS"], result["RECOG_COMPLETION_CAUSE"]) == ("OK", "000")
    assert call.times_heard(SPEECH) == 1
    assert not any(packet.is_loud for packet in call.caller.heard), "the model says nothing"


@pytest.mark.asyncio
@pytest.mark.parametrize("endpointing", ["provider", "asterisk"])
async def test_speech_without_words_is_no_match(asterisk: Lab, endpointing: str) -> None:
    settings: dict[str, Any] = ENDPOINTINGS[endpointing]
    async with held_call(
        asterisk, session_kind="recognition", recognition_activation_mode="VAD", ears=Ears([""]), **settings
    ) as call:
        await asyncio.sleep(0.3)
        await call.caller.play(SPEECH)
        await call.caller.wait_ended(10)
        result = await call.result()
    assert (result["OFFHOOK_END_CAUSE"], result["RECOG_COMPLETION_CAUSE"]) == ("no_match", "001")
    assert result["FINAL_TRANSCRIPTION"] == ""


@pytest.mark.asyncio
async def test_a_conversation_whose_turns_asterisk_ends(asterisk: Lab) -> None:
    async with held_call(
        asterisk, openai_turn_detection="none", recognition_activation_mode="IMMEDIATE"
    ) as call:
        await asyncio.sleep(0.4)
        for _ in range(2):
            await call.caller.play(SPEECH)
            await call.caller.wait_heard(since=call.caller.speech_ended)
            await call.caller.wait_quiet(0.5)
        await call.caller.press("#")
        await call.caller.wait_ended()
        result = await call.result()
    assert result["FINAL_TRANSCRIPTION"] == "good morning | good morning"
    assert call.caller.pcm_heard().count(ANSWER) == 2


@pytest.mark.asyncio
async def test_a_response_of_two_spoken_items_is_heard_whole_and_counts_as_one_turn(asterisk: Lab) -> None:
    dialogue = ScriptedDialogue([{"say": ["Let me see.", "Here it is."]}])
    async with (
        SimulatedRealtime(recognizer=Ears(["what is it"]), voice=Mouth(1.0), dialogue=dialogue) as provider,
        offhook_run(asterisk.environment, provider.url, conversation_idle_seconds="1"),
        SipCaller(asterisk.sip_address, "7000") as caller,
    ):
        assert await caller.call() == 200
        await asyncio.sleep(0.4)
        await caller.play(SPEECH)
        await caller.wait_heard(since=caller.speech_ended)
        over = await caller.wait_quiet(0.4)
        await caller.wait_ended()
        result = await asterisk.result(caller.number)
    one = wire(sweep(1.0)).strip(b"\0")
    assert caller.pcm_heard().count(one) == 2, "both items, each whole"
    assert result["OFFHOOK_END_CAUSE"] == "idle"
    assert (caller.ended_at or 0) - over >= 0.9, "the silence counts from the end of the second"


@pytest.mark.asyncio
async def test_two_items_are_cut_where_the_caller_interrupts(asterisk: Lab) -> None:
    dialogue = ScriptedDialogue([{"say": ["Let me see.", "Here it is."]}, {"say": "Yes?"}])
    async with (
        SimulatedRealtime(recognizer=Ears(["well"]), voice=Mouth(2.0), dialogue=dialogue) as provider,
        offhook_run(asterisk.environment, provider.url),
        SipCaller(asterisk.sip_address, "7000") as caller,
    ):
        assert await caller.call() == 200
        await asyncio.sleep(0.4)
        await caller.play(SPEECH)
        began = await caller.wait_heard(since=caller.speech_ended)
        await asyncio.sleep(1.0)
        caller.start_playing(SPEECH)
        silent = await caller.wait_quiet(0.2)
        await caller.wait_heard(since=silent)
        await caller.hang_up()
    session = provider.sessions[0]
    (_, told_ms), *others = session.heard_truncations
    heard_ms = sum(20 for packet in caller.heard if packet.is_loud and began <= packet.at < silent)
    assert abs(told_ms - heard_ms) <= 20
    assert not others, "the second item was never heard: it is deleted, not cut"
    assert any(message.body["type"] == "conversation.item.delete" for message in session.messages)

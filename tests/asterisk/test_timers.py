"""Every timer on the real Asterisk, at a scaled-down length: what its expiry does, and that it does it in time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from asterisk.held_call import HeldCall, held_call
from asterisk.lab import Lab
from call_bench import sweep

SPEECH = sweep(1.0, low=300, high=900)
SLACK_SECONDS = 0.5
IMMEDIATE: dict[str, Any] = {"recognition_activation_mode": "IMMEDIATE"}


async def ended_after(call: HeldCall, start: float | None) -> float:
    """Wait for the call's end; the seconds from `start` to it."""
    await call.caller.wait_ended()
    assert call.caller.ended_at is not None and start is not None
    return call.caller.ended_at - start


def on_time(seconds: float, due: float) -> bool:
    return due - 0.1 <= seconds <= due + SLACK_SECONDS


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["conversation", "recognition"])
async def test_no_speech_begin(asterisk: Lab, kind: str) -> None:
    async with held_call(
        asterisk, session_kind=kind, no_speech_begin_timeout_seconds="1", **IMMEDIATE
    ) as call:
        seconds = await ended_after(call, call.caller.answered_at)
        result = await call.result()
    assert on_time(seconds, 1.0)
    assert (result["OFFHOOK_END_CAUSE"], result["RECOG_STATUS"]) == ("no_speech", "OK")
    assert result["RECOG_COMPLETION_CAUSE"] == "002"


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["conversation", "recognition"])
async def test_initial_openai_stream_idle(asterisk: Lab, kind: str) -> None:
    async with held_call(
        asterisk,
        session_kind=kind,
        no_speech_begin_timeout_seconds="0",
        initial_openai_stream_idle_timeout_seconds="1",
        **IMMEDIATE,
    ) as call:
        seconds = await ended_after(call, call.caller.answered_at)
        result = await call.result()
    assert on_time(seconds, 1.0)
    assert (result["OFFHOOK_END_CAUSE"], result["RECOG_COMPLETION_CAUSE"]) == ("stream_idle", "006")
    assert "initialOpenAIStreamIdleTimeoutSeconds" in (result["RECOGNITION_ERROR"] or "")


@pytest.mark.asyncio
async def test_max_recognition_duration_bounds_a_recognition(asterisk: Lab) -> None:
    async with held_call(
        asterisk, session_kind="recognition", max_recognition_duration_seconds="1", **IMMEDIATE
    ) as call:
        call.caller.start_playing(sweep(4.0, low=300, high=900))
        seconds = await ended_after(call, call.caller.answered_at)
        result = await call.result()
    assert on_time(seconds, 1.0)
    assert result["OFFHOOK_END_CAUSE"] == "max_duration"


@pytest.mark.asyncio
async def test_max_recognition_duration_ends_a_turn_of_a_conversation(asterisk: Lab) -> None:
    async with held_call(asterisk, max_recognition_duration_seconds="1.5", **IMMEDIATE) as call:
        await asyncio.sleep(0.3)
        call.caller.start_playing(sweep(6.0, low=300, high=900))
        began = await call.caller.wait_heard()
        speech_began = next(packet.at for packet in call.caller.sent if packet.is_loud)
    assert began - speech_began < 4.0, "a caller who does not stop is answered all the same"


@pytest.mark.asyncio
async def test_max_call_duration(asterisk: Lab) -> None:
    async with held_call(asterisk, max_call_duration_seconds="1.5", **IMMEDIATE) as call:
        seconds = await ended_after(call, call.caller.answered_at)
        result = await call.result()
    assert on_time(seconds, 1.5)
    assert (result["OFFHOOK_END_CAUSE"], result["RECOG_COMPLETION_CAUSE"]) == ("max_duration", "008")


@pytest.mark.asyncio
async def test_conversation_idle_counts_from_the_end_of_the_answer(asterisk: Lab) -> None:
    async with held_call(asterisk, conversation_idle_seconds="1", **IMMEDIATE) as call:
        await asyncio.sleep(0.3)
        await call.caller.play(SPEECH)
        await call.caller.wait_heard(since=call.caller.speech_ended)
        over = await call.caller.wait_quiet(0.3)
        seconds = await ended_after(call, over)
        result = await call.result()
    assert on_time(seconds, 1.0)
    assert (result["OFFHOOK_END_CAUSE"], result["RECOG_COMPLETION_CAUSE"]) == ("idle", "002")


@pytest.mark.asyncio
async def test_zero_disables_a_timer(asterisk: Lab) -> None:
    async with held_call(
        asterisk,
        no_speech_begin_timeout_seconds="0",
        initial_openai_stream_idle_timeout_seconds="0",
        conversation_idle_seconds="0",
        max_call_duration_seconds="0",
        **IMMEDIATE,
    ) as call:
        await asyncio.sleep(4)
        assert call.caller.ended_at is None
        assert (await call.host.calls())[-1]["timers"] == []


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["conversation", "recognition"])
async def test_speech_end_silence_leaves_no_dead_air(asterisk: Lab, kind: str) -> None:
    """The provider's turn detection never ends the turn here, as its silence is set too long."""
    async with held_call(
        asterisk,
        session_kind=kind,
        speech_complete_timeout_seconds="1",
        openai_silence_duration_ms="20000",
        conversation_idle_seconds="0",
        **IMMEDIATE,
    ) as call:
        await asyncio.sleep(0.3)
        await call.caller.play(sweep(2.5, low=300, high=900))
        if kind == "conversation":
            answered = await call.caller.wait_heard(since=call.caller.speech_ended, timeout_seconds=8)
            assert answered
        else:
            await call.caller.wait_ended(8)
            result = await call.result()
            assert result["OFFHOOK_END_CAUSE"] == "speech_complete"
            interim = result["FINAL_TRANSCRIPTION"]
            assert interim and "good morning".startswith(interim), "what was known so far is the result"

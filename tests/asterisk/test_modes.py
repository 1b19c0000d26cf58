"""Every branch of the activation modes, on the real Asterisk: what is heard from when on, and what is not lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from asterisk.held_call import ANSWER, held_call, listening, wire
from asterisk.lab import Lab
from call_bench import sweep

GREETING_SECONDS = 3.2
SPEECH = sweep(1.0, low=300, high=900)
LONG_SPEECH = sweep(6.0, low=300, high=900)
"""Every part of it is different, so that a test sees when the provider began to hear."""
SLACK_SECONDS = 0.35
"""A test's machine is shared: so much later may things happen, never sooner."""


# --- IMMEDIATE ------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_immediate_hears_the_caller_from_the_answer_on_also_over_the_greeting(asterisk: Lab) -> None:
    async with held_call(
        asterisk, "7001", recognition_activation_mode="IMMEDIATE", barge_in_mode_enabled="false"
    ) as call:
        await call.caller.play(LONG_SPEECH)
        await call.caller.wait_heard(since=call.caller.speech_ended)
        await call.caller.wait_quiet(0.5)
    assert call.times_heard(LONG_SPEECH) == 1, "complete, from its first sample"
    assert ANSWER in call.caller.pcm_heard()


@pytest.mark.asyncio
async def test_immediate_with_barge_in_speech_stops_the_greeting(asterisk: Lab) -> None:
    async with held_call(asterisk, "7001", recognition_activation_mode="IMMEDIATE") as call:
        began = await call.caller.wait_heard()
        await asyncio.sleep(0.3)
        await call.caller.play(SPEECH)
        silent = await call.caller.wait_quiet(0.2)
        await call.caller.wait_heard(since=silent)
        await call.caller.wait_quiet(0.5)
    assert silent - began < GREETING_SECONDS - 0.7
    assert call.times_heard(SPEECH) == 1
    assert ANSWER in call.caller.pcm_heard(), "the answer came after the greeting, complete"


# --- FIXED_DELAY ----------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("delay", "seconds"), [("0.8", 0.8), ("0", 0.0), ("", 0.5)], ids=["0.8", "0", "unset"]
)
async def test_fixed_delay_without_a_greeting_counts_from_the_start(
    asterisk: Lab, delay: str, seconds: float
) -> None:
    async with held_call(
        asterisk, recognition_activation_mode="FIXED_DELAY", barge_in_delay_seconds=delay
    ) as call:
        call.caller.start_playing(LONG_SPEECH)
        await asyncio.sleep(seconds + 1.0)
    heard_from = call.first_heard_seconds()
    assert seconds - 0.1 <= heard_from <= seconds + SLACK_SECONDS, "what is said before is not heard"


@pytest.mark.asyncio
@pytest.mark.parametrize(("delay", "seconds"), [("0.8", 0.8), ("0", 0.0)])
async def test_fixed_delay_counts_from_the_end_of_the_greeting(
    asterisk: Lab, delay: str, seconds: float
) -> None:
    async with held_call(
        asterisk, "7001", recognition_activation_mode="FIXED_DELAY", barge_in_delay_seconds=delay
    ) as call:
        call.caller.start_playing(LONG_SPEECH)
        await call.caller.wait_heard()
        over = await call.caller.wait_quiet(0.3)
        await asyncio.sleep(seconds + 0.7)
    speech_began = next(packet.at for packet in call.caller.sent if packet.is_loud)
    due = over - speech_began + seconds
    assert due - 0.15 <= call.first_heard_seconds() <= due + SLACK_SECONDS


@pytest.mark.asyncio
async def test_fixed_delay_goes_on_when_the_greeting_fails(asterisk: Lab) -> None:
    async with held_call(
        asterisk,
        recognition_activation_mode="FIXED_DELAY",
        barge_in_delay_seconds="0.2",
        greeting_audio_path="sound:there-is-no-such-sound",
    ) as call:
        await listening(call.provider)
        await call.caller.play(SPEECH)
        await call.caller.wait_heard(since=call.caller.speech_ended)
        await call.caller.wait_quiet(0.5)
    assert call.times_heard(SPEECH) == 1
    assert ANSWER in call.caller.pcm_heard()


# --- VAD afterPrompt ------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_vad_speech_over_the_greeting_waits_for_its_end_without_barge_in(asterisk: Lab) -> None:
    async with held_call(
        asterisk, "7001", recognition_activation_mode="VAD", barge_in_mode_enabled="false"
    ) as call:
        began = await call.caller.wait_heard()
        await call.caller.play(SPEECH)
        over = await call.caller.wait_quiet(0.15)
        await call.caller.wait_heard(since=over)
        await call.caller.wait_quiet(0.5)
    assert over - began > GREETING_SECONDS - 0.7, (
        "the greeting played to its end (it has silence at its ends)"
    )
    assert call.times_heard(SPEECH) == 1, "kept and flushed: nothing lost, nothing doubled"
    assert ANSWER in call.caller.pcm_heard()


@pytest.mark.asyncio
async def test_vad_speech_after_the_greeting_loses_no_sample_of_its_beginning(asterisk: Lab) -> None:
    async with held_call(asterisk, "7001", recognition_activation_mode="VAD") as call:
        await call.caller.wait_heard()
        await call.caller.wait_quiet(0.4)
        await call.caller.play(SPEECH)
        await call.caller.wait_heard(since=call.caller.speech_ended)
    heard = call.provider_heard
    start = heard.index(wire(SPEECH))
    assert heard.count(wire(SPEECH)) == 1
    assert start >= 300 * 16, "the 300 ms before the talking was noticed are there too"


@pytest.mark.asyncio
async def test_vad_a_caller_who_never_speaks_after_the_greeting_ends_with_no_speech(asterisk: Lab) -> None:
    async with held_call(
        asterisk, "7001", recognition_activation_mode="VAD", vad_max_wait_after_prompt_seconds="0.8"
    ) as call:
        await call.caller.wait_heard()
        over = await call.caller.wait_quiet(0.3)
        await call.caller.wait_ended()
        ended = call.caller.ended_at or 0.0
        result = await call.result()
    assert 0.7 <= ended - over <= 0.8 + SLACK_SECONDS
    assert (result["OFFHOOK_END_CAUSE"], result["RECOG_COMPLETION_CAUSE"]) == ("no_speech", "002")
    assert not call.provider_heard, "nothing was sent to the provider"


@pytest.mark.asyncio
async def test_vad_talking_shorter_than_the_activation_time_does_not_count(asterisk: Lab) -> None:
    async with held_call(
        asterisk,
        recognition_activation_mode="VAD",
        vad_recognition_activation_ms="300",
        vad_max_wait_after_prompt_seconds="2",
    ) as call:
        await asyncio.sleep(0.3)
        await call.caller.play(sweep(0.2))
        await call.caller.wait_ended()
        result = await call.result()
    assert result["OFFHOOK_END_CAUSE"] == "no_speech"


@pytest.mark.asyncio
async def test_vad_keeps_no_more_than_its_buffer_and_says_nothing_twice(asterisk: Lab) -> None:
    async with held_call(
        asterisk,
        "7001",
        recognition_activation_mode="VAD",
        barge_in_mode_enabled="false",
        vad_buffer_seconds="1",
    ) as call:
        await call.caller.wait_heard()
        await call.caller.play(LONG_SPEECH)
        await call.caller.wait_heard(since=call.caller.speech_ended)
    heard, said = call.provider_heard, wire(LONG_SPEECH)
    tail = next(said[cut:] for cut in range(0, len(said), 320) if said[cut:] in heard)
    lost_seconds = (len(said) - len(tail)) / 16_000
    assert GREETING_SECONDS - 1.7 <= lost_seconds <= GREETING_SECONDS - 0.7, "the oldest of it went"
    assert heard.count(tail[:3200]) == 1


# --- VAD vadMode ----------------------------------------------------------------------------------------

DELAYS: dict[str, Any] = {"recognition_activation_mode": "VAD", "vad_recog_activation": "vadMode"}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("initial", "activation", "longer"), [("0.4", "1.2", 1.2), ("1.2", "0.4", 1.2), ("0", "0", 0.0)]
)
async def test_vad_mode_speech_during_a_delay_counts_when_both_are_over(
    asterisk: Lab, initial: str, activation: str, longer: float
) -> None:
    async with held_call(
        asterisk,
        vad_initial_silence_delay_seconds=initial,
        vad_activation_delay_seconds=activation,
        **DELAYS,
    ) as call:
        answered = call.caller.answered_at or 0.0
        await call.caller.play(SPEECH)
        await call.caller.wait_heard(since=call.caller.speech_ended)
    assert call.times_heard(SPEECH) == 1, "complete, from its first sample"
    first_answer = next(packet.at for packet in call.caller.heard if packet.is_loud)
    assert first_answer - answered >= longer, "not before both delays were over"


@pytest.mark.asyncio
async def test_vad_mode_speech_after_the_delays_counts_at_once(asterisk: Lab) -> None:
    async with held_call(asterisk, vad_initial_silence_delay_seconds="0.3", **DELAYS) as call:
        await asyncio.sleep(1.0)
        await call.caller.play(SPEECH)
        await call.caller.wait_heard(since=call.caller.speech_ended)
    assert call.times_heard(SPEECH) == 1


@pytest.mark.asyncio
async def test_vad_mode_hears_speech_during_the_greeting(asterisk: Lab) -> None:
    async with held_call(asterisk, "7001", **DELAYS) as call:
        began = await call.caller.wait_heard()
        await asyncio.sleep(0.3)
        await call.caller.play(SPEECH)
        silent = await call.caller.wait_quiet(0.2)
        await call.caller.wait_heard(since=silent)
        await call.caller.wait_quiet(0.5)
    assert silent - began < GREETING_SECONDS - 0.7, "barge-in stopped the greeting"
    assert call.times_heard(SPEECH) == 1
    assert ANSWER in call.caller.pcm_heard()


@pytest.mark.asyncio
async def test_vad_mode_a_caller_who_never_speaks_ends_by_the_limit_of_the_recognition(asterisk: Lab) -> None:
    async with held_call(
        asterisk, session_kind="recognition", max_recognition_duration_seconds="1.5", **DELAYS
    ) as call:
        await call.caller.wait_ended()
        result = await call.result()
    assert (result["OFFHOOK_END_CAUSE"], result["RECOG_COMPLETION_CAUSE"]) == ("max_duration", "015")

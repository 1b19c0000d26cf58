"""Whole calls: a caller dials, speaks, hears, presses keys, hangs up; what the dialplan and the provider get."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import pytest

from call_bench import ANSWER_SECONDS, SPEECH, Ears, Mouth, bench, sweep
from offhook.simulators.asterisk import SimulatedCaller
from offhook.simulators.g711 import ULAW_SILENCE, encode_ulaw

SAID = encode_ulaw(SPEECH)
ANSWER = encode_ulaw(sweep(ANSWER_SECONDS))
SILENCE = bytes([ULAW_SILENCE])


def heard(caller: SimulatedCaller) -> bytes:
    """All packets that reached the caller, whatever the pauses between them."""
    return b"".join(packet.ulaw for packet in caller.packets)


def sound(ulaw: bytes) -> bytes:
    """Without the silence before and after."""
    return ulaw.strip(SILENCE)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "mode",
    [
        {"recognition_activation_mode": "IMMEDIATE"},
        {"recognition_activation_mode": "fixedDelay", "barge_in_delay_seconds": "0.1"},
        {"recognition_activation_mode": "VAD"},
        {"recognition_activation_mode": "vad", "vad_recog_activation": "vadMode"},
    ],
    ids=["IMMEDIATE", "FIXED_DELAY", "VAD afterPrompt", "VAD vadMode"],
)
@pytest.mark.parametrize("topology", ["bridge", "split"])
async def test_the_caller_is_heard_answered_and_given_back_with_the_result(
    mode: dict[str, str], topology: str
) -> None:
    async with bench(ears=Ears(["good morning"])) as calls:
        caller = await calls.dial(media_topology=topology, **mode)
        await caller.answered()
        if "VAD" not in mode["recognition_activation_mode"].upper():
            await calls.listening()
        caller.play(SPEECH)
        await caller.wait_heard()
        await caller.wait_quiet(0.3)
        await caller.hangup()
        left = await caller.left_stasis()
        await calls.over()
        received = calls.provider.sessions[0].received

    assert SAID in received, "the provider got all that was said, without a gap"
    assert sound(heard(caller)) == sound(ANSWER), "the caller heard the whole answer, in order"
    assert left.how == "hung_up_by_caller"
    result = {
        "RECOG_STATUS": "OK",
        "RECOG_COMPLETION_CAUSE": "000",
        "FINAL_TRANSCRIPTION": "good morning",
        "DTMF_RESULT": "",
        "RECOGNITION_ERROR": "",
        "OFFHOOK_END_CAUSE": "hangup",
        "OFFHOOK_CALL_ID": calls.record.call_id,
    }
    assert {name: left.variables.get(name) for name in result} == result, "set before the caller hung up"
    assert calls.record.outcome is not None
    assert calls.record.outcome.variables() == result


@pytest.mark.asyncio
async def test_speech_during_the_greeting_arrives_complete_in_vad_mode() -> None:
    sounds = {"long": sweep(2.0)}
    async with bench(asterisk_options={"sounds": sounds}) as calls:
        caller = await calls.dial(recognition_activation_mode="VAD", greeting_audio_path="sound:long")
        await caller.wait_heard()
        caller.play(SPEECH)  # over the greeting, which barge-in stops
        await caller.played()
        await calls.until(lambda: calls.provider.sessions[0].received.count(SAID) == 1, "the speech, once")
        assert len(caller.loud_times()) < 2.0 * 50 - 10, "the greeting was cut short"
        await caller.hangup()


@pytest.mark.asyncio
async def test_with_barge_in_off_speech_stops_neither_the_greeting_nor_the_answer() -> None:
    greeting = sweep(1.0)
    async with bench(asterisk_options={"sounds": {"long": greeting}}, barge_in_mode_enabled=False) as calls:
        caller = await calls.dial(recognition_activation_mode="VAD", greeting_audio_path="sound:long")
        await caller.wait_heard()
        caller.play(SPEECH)
        await caller.played()
        await calls.until(lambda: calls.record.first_audio_ms, "the answer begins")
        caller.play(SPEECH)
        await caller.wait_quiet(0.5)
        assert encode_ulaw(greeting).strip(SILENCE) in heard(caller)
        assert ANSWER.strip(SILENCE) in heard(caller), "the answer was heard to its end"
        await caller.hangup()


@pytest.mark.asyncio
async def test_speech_over_the_answer_stops_it_and_the_model_is_told_what_was_heard() -> None:
    async with bench(ears=Ears(["first", "second"]), mouth=Mouth(6.0)) as calls:
        caller = await calls.dial()
        await caller.answered()
        await calls.listening()
        caller.play(SPEECH)
        await caller.played()
        began = await caller.wait_heard()
        await asyncio.sleep(0.8)
        caller.play(SPEECH)
        session = calls.provider.sessions[0]
        await calls.until(lambda: session.heard_truncations, "a truncation")
        silent = await caller.wait_quiet(0.1)
        await calls.until(lambda: len(calls.record.first_audio_ms) == 2, "a second answer")
        _, told_ms = session.heard_truncations[0]
        await caller.hangup()
        await caller.left_stasis()

    # One packet of the sound is on its way at most.
    heard_ms = 20 * len(caller.loud_times(since=began - 0.001, until=silent + 0.001))
    assert heard_ms - 60 <= told_ms <= heard_ms + 20
    assert told_ms < 3000, "the answer of six seconds was cut"


@pytest.mark.asyncio
async def test_digits_end_the_call_and_are_returned() -> None:
    async with bench() as calls:
        caller = await calls.dial()
        await caller.answered()
        await caller.press("12#")
        left = await caller.left_stasis()
    assert left.how == "continued"
    assert left.variables["DTMF_RESULT"] == "12"
    assert left.variables["OFFHOOK_END_CAUSE"] == "dtmf"
    assert left.variables["RECOG_COMPLETION_CAUSE"] == "000"


@pytest.mark.asyncio
async def test_digits_in_converse_mode_reach_the_model_as_one_message() -> None:
    async with bench(dtmf_mode="converse", dtmf_sensitive=True) as calls:
        caller = await calls.dial()
        await caller.answered()
        await calls.listening()
        await caller.press("47#")
        await caller.wait_heard()
        items = calls.provider.sessions[0].items
        assert [item["content"][0]["text"] for item in items if item.get("role") == "user"] == [
            "The caller pressed these keys: 4 7"
        ]
        shown = [getattr(entry, "text", "") for entry in calls.record.entries]
        assert not any("4 7" in text for text in shown), "sensitive digits are not shown"
        await caller.hangup()


@pytest.mark.asyncio
async def test_one_utterance_is_recognised_and_the_dialplan_goes_on() -> None:
    async with bench(ears=Ears(["forty two"]), result_context="ivr", result_extension="next") as calls:
        caller = await calls.dial(session_kind="recognition", recognition_activation_mode="VAD")
        await caller.answered()
        caller.play(SPEECH)
        left = await caller.left_stasis()
        assert not caller.loud_times(), "the model says nothing"
    assert left.how == "continued"
    assert (left.context, left.extension) == ("ivr", "next")
    assert left.variables["FINAL_TRANSCRIPTION"] == "forty two"
    assert left.variables["OFFHOOK_END_CAUSE"] == "recognized"


@pytest.mark.asyncio
async def test_a_transcription_model_without_turn_detection_is_ended_by_asterisk() -> None:
    async with bench(ears=Ears(["forty two"]), transcription_model="gpt-realtime-whisper") as calls:
        caller = await calls.dial(session_kind="recognition")
        await caller.answered()
        await calls.listening()
        caller.play(SPEECH)
        left = await caller.left_stasis()
    assert left.variables["FINAL_TRANSCRIPTION"] == "forty two"
    assert left.variables["OFFHOOK_END_CAUSE"] == "recognized"


@pytest.mark.asyncio
async def test_the_model_ends_the_call_with_a_tool_after_its_goodbye_was_heard() -> None:
    async with bench(ears=Ears(["good bye"])) as calls:
        caller = await calls.dial()
        await caller.answered()
        await calls.listening()
        caller.play(SPEECH)
        left = await caller.left_stasis()
    assert left.variables["OFFHOOK_END_CAUSE"] == "tool"
    assert sound(heard(caller)) == sound(ANSWER), "the goodbye was heard to its end"


@pytest.mark.asyncio
async def test_the_model_transfers_the_caller_to_an_allowed_extension() -> None:
    async with bench(ears=Ears(["transfer me to 100"]), transfer_targets="sales/100") as calls:
        caller = await calls.dial()
        await caller.answered()
        await calls.listening()
        caller.play(SPEECH)
        left = await caller.left_stasis()
    assert (left.how, left.context, left.extension) == ("continued", "sales", "100")
    assert left.variables["OFFHOOK_END_CAUSE"] == "transfer"


@pytest.mark.asyncio
async def test_the_model_speaks_first_when_it_is_given_a_first_message() -> None:
    async with bench(initial_user_prompt="Greet the caller.") as calls:
        caller = await calls.dial()
        await caller.wait_heard()
        await caller.wait_quiet(0.2)
        await caller.hangup()
    assert sound(heard(caller)) == sound(ANSWER)


@pytest.mark.asyncio
async def test_a_law_passes_through_untouched() -> None:
    async with bench(input_audio_format="g711_alaw", output_audio_format="g711_alaw") as calls:
        caller = await calls.dial()
        await caller.answered()
        await calls.listening()
        caller.play(SPEECH)
        await caller.wait_heard()
        await caller.wait_quiet(0.3)
        spoken_ms = len(caller.loud_times()) * 20
        await caller.hangup()
    assert abs(spoken_ms - ANSWER_SECONDS * 1000) <= 60


@pytest.mark.asyncio
async def test_ten_calls_at_once_do_not_hear_each_other() -> None:
    voices = [sweep(0.8, low=300 + 150 * n, high=420 + 150 * n) for n in range(10)]
    async with bench() as calls:

        async def hold(number: int) -> bytes:
            caller = await calls.dial(f"70{number:02}")
            await caller.answered()
            await asyncio.sleep(0.3)
            caller.play(voices[number])
            await caller.wait_heard()
            await caller.wait_quiet(0.4)
            await caller.hangup()
            await caller.left_stasis()
            return sound(heard(caller))

        answers = await asyncio.gather(*(hold(number) for number in range(10)))
        received = [session.received for session in calls.provider.sessions]
    assert len(received) == 10
    for voice in map(encode_ulaw, voices):
        assert sum(voice in audio for audio in received) == 1, "each voice is in one session, complete"
    for audio in received:
        assert sum(encode_ulaw(voice) in audio for voice in voices) == 1, "each session has one voice"
    assert all(one == sound(ANSWER) for one in answers), "each caller heard its own answer, complete"


@pytest.mark.asyncio
async def test_a_model_that_speaks_first_waits_for_the_end_of_the_greeting() -> None:
    greeting = sweep(1.0)
    async with bench(
        asterisk_options={"sounds": {"long": greeting}}, initial_user_prompt="Greet the caller."
    ) as calls:
        caller = await calls.dial(greeting_audio_path="sound:long")
        await caller.wait_heard()
        await caller.wait_quiet(0.5)
        await caller.hangup()
    assert sound(encode_ulaw(greeting)) in heard(caller)
    assert sound(ANSWER) in heard(caller), "no part of the answer was lost behind the greeting"


@pytest.mark.asyncio
async def test_the_result_that_was_set_ahead_never_comes_after_the_last_one() -> None:
    """Asterisk serves each connection in a thread of its own: a request that is on its way may be overtaken."""
    async with bench() as calls:
        set_variables = calls.host._ari.set_variables
        ahead, overtaken = asyncio.Event(), asyncio.Event()
        requests: list[asyncio.Future[None]] = []

        async def slowly(channel_id: str, variables: Mapping[str, str]) -> None:
            ahead.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(overtaken.wait(), 0.3)
            await set_variables(channel_id, variables)

        async def first_is_slow(channel_id: str, variables: Mapping[str, str]) -> None:
            requests.append(
                asyncio.ensure_future((set_variables if requests else slowly)(channel_id, variables))
            )
            await asyncio.shield(requests[-1])
            overtaken.set()
            await asyncio.wait(requests)

        calls.host._ari.set_variables = first_is_slow  # type: ignore[method-assign, assignment]
        caller = await calls.dial()
        await ahead.wait()
        assert calls.host.hangup(calls.record.call_id)
        left = await caller.left_stasis()
        assert left.variables["OFFHOOK_END_CAUSE"] == "operator"
        assert left.variables["RECOG_STATUS"] == "INTERRUPTED"

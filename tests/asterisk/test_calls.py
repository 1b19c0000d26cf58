"""`offhook run` on the real Asterisk, with a SIP caller and the simulated Realtime server."""

from __future__ import annotations

import asyncio
import re
from itertools import pairwise
from pathlib import Path

import pytest

from asterisk.held_call import PACKET_BYTES, late_packets, listening, times_complete, wire
from asterisk.lab import Lab
from asterisk.offhook_process import offhook_run
from asterisk.rtp_packet import ULAW
from asterisk.sip_caller import SipCaller
from call_bench import Ears, Mouth, sweep
from offhook.demo.verdict import words
from offhook.simulators.realtime import SimulatedRealtime, audio_file, speech_available, transcribe
from offhook.simulators.realtime.session import Session
from openai_types import validate_client

SPEECH = sweep(1.0, low=300, high=900)
ANSWER_SECONDS = 2.0
ANSWER = sweep(ANSWER_SECONDS)
ANSWER_HEARD = wire(ANSWER).strip(b"\0")

MODES = {
    "IMMEDIATE": {"APP_RECOGNITION_ACTIVATION_MODE": "IMMEDIATE"},
    "FIXED_DELAY": {"APP_RECOGNITION_ACTIVATION_MODE": "FIXED_DELAY", "APP_BARGE_IN_DELAY_SECONDS": "0.2"},
    "VAD": {"APP_RECOGNITION_ACTIVATION_MODE": "VAD"},
    "VAD vadMode": {"APP_RECOGNITION_ACTIVATION_MODE": "VAD", "APP_VAD_RECOG_ACTIVATION": "vadMode"},
}


def pcm_received(session: Session) -> bytes:
    """The caller's audio as it reached the Realtime server."""
    return ULAW.decode(session.received)


def validated(provider: SimulatedRealtime) -> None:
    """Every message of the host is one that the `openai` package knows."""
    for session in provider.sessions:
        for message in session.messages:
            if not message.from_server:
                validate_client(message.body)


@pytest.mark.asyncio
@pytest.mark.parametrize("topology", ["bridge", "split"])
@pytest.mark.parametrize("mode", MODES)
async def test_a_call_is_answered_heard_and_spoken_to(asterisk: Lab, mode: str, topology: str) -> None:
    """The samples of the caller's speech arrive at the provider, those of the answer at the caller."""
    variables = {**MODES[mode], "APP_MEDIA_TOPOLOGY": topology}
    async with (
        SimulatedRealtime(recognizer=Ears(["good morning"]), voice=Mouth(ANSWER_SECONDS)) as provider,
        offhook_run(asterisk.environment, provider.url),
    ):
        async with SipCaller(asterisk.sip_address, "7000", variables=variables) as caller:
            assert await caller.call() == 200
            if "VAD" not in mode:
                await listening(provider)
            await caller.play(SPEECH)
            await caller.wait_heard(since=caller.speech_ended)
            await caller.wait_quiet(0.5)
            await caller.press("#")
            await caller.wait_ended()
        result = await asterisk.result(caller.number)

    session = provider.sessions[0]
    extra = late_packets(caller) if topology == "split" else 0
    heard = times_complete(wire(SPEECH), pcm_received(session), extra)
    assert heard == 1, "what was said arrived complete and in order"
    assert ANSWER_HEARD in caller.pcm_heard(), "the answer arrived complete and in order"
    assert result["FINAL_TRANSCRIPTION"] == "good morning"
    assert result["OFFHOOK_END_CAUSE"] == "dtmf"
    assert (result["RECOG_STATUS"], result["RECOG_COMPLETION_CAUSE"]) == ("OK", "000")
    assert (result["DTMF_RESULT"], result["RECOGNITION_ERROR"]) == ("", "")
    assert re.fullmatch("[0-9a-f]{12}", result["OFFHOOK_CALL_ID"] or "")
    validated(provider)


@pytest.mark.asyncio
async def test_speech_over_the_greeting_stops_it_and_arrives_complete(asterisk: Lab) -> None:
    async with (
        SimulatedRealtime(recognizer=Ears(), voice=Mouth(ANSWER_SECONDS)) as provider,
        offhook_run(asterisk.environment, provider.url),
    ):
        async with SipCaller(asterisk.sip_address, "7001", variables=MODES["VAD"]) as caller:
            assert await caller.call() == 200
            greeting = await caller.wait_heard()
            await caller.play(SPEECH)
            silent = await caller.wait_quiet(0.2)
            await caller.wait_heard(since=silent)
            await caller.wait_quiet(0.5)
            await caller.hang_up()
        result = await asterisk.result(caller.number, "hangup")
    assert times_complete(wire(SPEECH), pcm_received(provider.sessions[0]), late_packets(caller)) == 1
    assert silent - greeting < 2.5, "the greeting of 3.2 s was cut"
    assert ANSWER_HEARD in caller.pcm_heard()
    assert result["FINAL_TRANSCRIPTION"] == "hello there", "extension h finds the result"
    assert (result["RECOG_STATUS"], result["OFFHOOK_END_CAUSE"]) == ("OK", "hangup")


@pytest.mark.asyncio
async def test_speech_over_the_answer_stops_it_and_the_model_is_told_what_was_heard(asterisk: Lab) -> None:
    async with (
        SimulatedRealtime(recognizer=Ears(["one", "two"]), voice=Mouth(6.0)) as provider,
        offhook_run(asterisk.environment, provider.url),
        SipCaller(asterisk.sip_address, "7000") as caller,
    ):
        assert await caller.call() == 200
        session = await listening(provider)
        await caller.play(SPEECH)
        began = await caller.wait_heard(since=caller.speech_ended)
        await asyncio.sleep(1.0)
        caller.start_playing(SPEECH)
        silent = await caller.wait_quiet(0.2)
        await caller.wait_heard(since=silent)
        await caller.hang_up()
    (_, told_ms), *_ = session.heard_truncations
    heard_ms = sum(20 for packet in caller.heard if packet.is_loud and began <= packet.at < silent)
    assert abs(told_ms - heard_ms) <= 20, "what the model was told is what the caller heard, to a packet"
    assert told_ms < 3000, "the answer of six seconds was cut"
    cut = wire(sweep(6.0))[: told_ms * 16 - PACKET_BYTES].strip(b"\0")
    assert cut in caller.pcm_heard(), "what was heard of it is its beginning, without a gap"
    validated(provider)


@pytest.mark.asyncio
async def test_between_two_answers_nothing_is_sent_and_the_callers_telephone_is_told_of_the_pause(
    asterisk: Lab,
) -> None:
    async with (
        SimulatedRealtime(recognizer=Ears(["one", "two"]), voice=Mouth(ANSWER_SECONDS)) as provider,
        offhook_run(asterisk.environment, provider.url),
        SipCaller(asterisk.sip_address, "7000") as caller,
    ):
        assert await caller.call() == 200
        await listening(provider)
        for _ in range(2):
            await caller.play(SPEECH)
            await caller.wait_heard(since=caller.speech_ended)
            await caller.wait_quiet(1.0)
        await caller.hang_up()
    pauses = [(a, b) for a, b in pairwise(caller.heard) if b.at - a.at > 0.5]
    ((last, first),) = pauses
    passed_ms = (first.timestamp - last.timestamp & 0xFFFFFFFF) / 8
    assert abs(passed_ms - 1000 * (first.at - last.at)) < 25, "the timestamp tells how long the pause was"
    assert first.ssrc == last.ssrc
    assert caller.pcm_heard().count(ANSWER_HEARD) == 2


@pytest.mark.asyncio
async def test_ten_calls_at_once_do_not_hear_each_other(asterisk: Lab) -> None:
    voices = [sweep(1.0, low=300 + 150 * n, high=420 + 150 * n) for n in range(10)]
    async with (
        SimulatedRealtime(recognizer=Ears(), voice=Mouth(ANSWER_SECONDS)) as provider,
        offhook_run(asterisk.environment, provider.url),
    ):

        async def hold(number: int) -> tuple[bytes, int]:
            topology = "split" if number % 2 else "bridge"
            variables = {"APP_MEDIA_TOPOLOGY": topology}
            async with SipCaller(asterisk.sip_address, "7000", variables=variables) as caller:
                assert await caller.call() == 200
                await asyncio.sleep(0.5)
                await caller.play(voices[number])
                await caller.wait_heard(since=caller.speech_ended)
                await caller.wait_quiet(0.5)
                await caller.hang_up()
                return caller.pcm_heard(), late_packets(caller) if topology == "split" else 0

        held = await asyncio.gather(*(hold(number) for number in range(10)))
    received = [pcm_received(session) for session in provider.sessions]
    assert len(received) == 10
    for voice, (_, extra) in zip(map(wire, voices), held, strict=True):
        times = [times_complete(voice, audio, extra) for audio in received]
        assert sorted(times) == [0] * 9 + [1], "each voice reached one session, complete"
    for audio in received:
        strangers = sum(wire(voice)[: 25 * PACKET_BYTES] in audio for voice in voices)
        assert strangers <= 1, "no session heard two voices"
    assert all(ANSWER_HEARD in heard for heard, _ in held), "each caller heard its answer, complete"


@pytest.mark.asyncio
async def test_digits_are_returned_to_the_dialplan(asterisk: Lab) -> None:
    async with (
        SimulatedRealtime(recognizer=Ears(), voice=Mouth()) as provider,
        offhook_run(asterisk.environment, provider.url),
    ):
        async with SipCaller(asterisk.sip_address, "7004") as caller:
            assert await caller.call() == 200
            await listening(provider)
            await caller.press("12*#")
            await caller.wait_heard()  # the dialplan's own prompt, after Stasis()
            await caller.wait_ended()
        result = await asterisk.result(caller.number)
    assert (result["DTMF_RESULT"], result["OFFHOOK_END_CAUSE"]) == ("12*", "dtmf")


@pytest.mark.asyncio
async def test_a_call_that_the_dialplan_answered_is_recognised_and_goes_on(asterisk: Lab) -> None:
    variables = {"APP_SESSION_KIND": "recognition", **MODES["VAD"]}
    async with (
        SimulatedRealtime(recognizer=Ears(["größer, „als“ 42 | 7"]), voice=Mouth()) as provider,
        offhook_run(asterisk.environment, provider.url),
    ):
        async with SipCaller(asterisk.sip_address, "7003", variables=variables) as caller:
            assert await caller.call() == 200
            await asyncio.sleep(0.3)
            await caller.play(SPEECH)
            await caller.wait_ended()
        result = await asterisk.result(caller.number)
    assert result["FINAL_TRANSCRIPTION"] == "größer, „als“ 42 | 7"
    assert result["OFFHOOK_END_CAUSE"] == "recognized"


@pytest.mark.asyncio
async def test_a_caller_who_hangs_up_before_the_answer_leaves_nothing(asterisk: Lab) -> None:
    async with (
        SimulatedRealtime(recognizer=Ears(), voice=Mouth()) as provider,
        offhook_run(asterisk.environment, provider.url) as host,
    ):
        for seconds in (0.0, 0.003, 0.006, 0.01, 0.02, 0.04):
            async with SipCaller(asterisk.sip_address, "7000") as caller:
                calling = asyncio.create_task(caller.call())
                await asyncio.sleep(seconds)
                if caller.answered.is_set():
                    await caller.hang_up()
                else:
                    await caller.cancel()
                await asyncio.gather(calling, return_exceptions=True)
        await host.wait_no_calls()


async def all_is_said(provider: SimulatedRealtime) -> None:
    """Wait for the end of the model's answer: where the machine is busy, its voice pauses between sentences."""

    def answers() -> list[str]:
        return [item["status"] for item in provider.sessions[0].items if item.get("role") == "assistant"]

    async with asyncio.timeout(60):
        while answers() != ["completed"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.asyncio
@pytest.mark.speech
@pytest.mark.skipif(not speech_available(), reason="needs the extra offhook[speech]")
async def test_words_are_understood_answered_and_handed_to_the_dialplan(
    asterisk: Lab, tmp_path: Path
) -> None:
    """Real speech both ways: the question is understood word for word, and so is what the caller heard."""
    async with (
        SimulatedRealtime() as provider,
        offhook_run(asterisk.environment, provider.url, openai_silence_duration_ms="500"),
    ):
        async with SipCaller(asterisk.sip_address, "7000", variables=MODES["VAD"]) as caller:
            assert await caller.call() == 200
            await asyncio.sleep(0.5)
            await caller.play(audio_file("question.wav"))
            await caller.wait_heard(since=caller.speech_ended)
            await all_is_said(provider)
            await caller.wait_quiet(1.0)
            await caller.play(audio_file("goodbye.wav"))
            await caller.wait_ended()
            caller.save(tmp_path / "heard.wav")
        result = await asterisk.result(caller.number)
    first, _, second = (result["FINAL_TRANSCRIPTION"] or "").partition(" | ")
    assert words(first) == words("Hello. I would like to know your opening hours on Saturday, please.")
    assert "goodbye" in second.lower().replace("-", "")
    assert result["OFFHOOK_END_CAUSE"] == "tool"
    assert "we are open from" in transcribe(caller.pcm_heard()).lower()

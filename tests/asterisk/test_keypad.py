"""The keypad on the real Asterisk: each case that a SIP telephone can make."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from asterisk.held_call import held_call
from asterisk.lab import DialplanResult, Lab
from call_bench import sweep

SPEECH = sweep(1.0, low=300, high=900)
SLACK_SECONDS = 0.4
# So long that no time, port or id in a log line can hold it by chance.
SECRET = "9410726"


def digits_of(result: DialplanResult) -> tuple[str | None, str | None]:
    return result["DTMF_RESULT"], result["OFFHOOK_END_CAUSE"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("keys", "settings", "digits"),
    [
        ("12#", {}, "12"),
        ("#", {}, ""),
        ("7", {"dtmf_max_digits": "1"}, "7"),
        ("123", {"dtmf_max_digits": "3"}, "123"),
        ("4#2*", {"dtmf_terminator_digit": "*"}, "4#2"),
        ("1#2*", {"dtmf_terminator_digit": "none", "dtmf_max_digits": "4"}, "1#2*"),
        ("ABCD#", {}, "ABCD"),
    ],
    ids=[
        "terminator",
        "terminator first",
        "one digit",
        "longest",
        "another terminator",
        "no terminator",
        "A-D",
    ],
)
async def test_keys_end_the_call_and_are_returned(
    asterisk: Lab, keys: str, settings: dict[str, Any], digits: str
) -> None:
    async with held_call(asterisk, recognition_activation_mode="IMMEDIATE", **settings) as call:
        await asyncio.sleep(0.3)
        await call.caller.press(keys)
        await call.caller.wait_ended()
        result = await call.result()
    assert digits_of(result) == (digits, "dtmf")
    assert (result["RECOG_STATUS"], result["RECOG_COMPLETION_CAUSE"]) == ("OK", "000")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("inter", "final", "seconds"), [("0.8", "5", 0.8), ("5", "0.8", 0.8), ("0", "0.8", 0.8)]
)
async def test_the_shorter_of_the_two_timers_ends_the_collection(
    asterisk: Lab, inter: str, final: str, seconds: float
) -> None:
    async with held_call(
        asterisk,
        recognition_activation_mode="IMMEDIATE",
        dtmf_interdigit_timeout_seconds=inter,
        dtmf_final_timeout_seconds=final,
    ) as call:
        await asyncio.sleep(0.3)
        await call.caller.press("4", on_ms=100, off_ms=500)
        await call.caller.press("2", on_ms=100, off_ms=20)
        pressed = next(packet.at for packet in reversed(call.caller.sent) if packet.payload_type == 101)
        await call.caller.wait_ended()
        ended = call.caller.ended_at or 0.0
        result = await call.result()
    assert digits_of(result) == ("42", "dtmf")
    assert seconds - 0.15 <= ended - pressed <= seconds + SLACK_SECONDS, "counted from the last digit"


@pytest.mark.asyncio
async def test_a_digit_during_the_greeting_stops_it(asterisk: Lab) -> None:
    async with held_call(asterisk, "7001", barge_in_mode_enabled="false") as call:
        began = await call.caller.wait_heard()
        await call.caller.press("5")
        silent = await call.caller.wait_quiet(0.2)
        await call.caller.press("#")
        await call.caller.wait_ended()
        result = await call.result()
    assert silent - began < 1.5, "the greeting of three seconds was stopped, barge-in or not"
    assert digits_of(result) == ("5", "dtmf")


@pytest.mark.asyncio
async def test_a_digit_during_the_answer_silences_the_model(asterisk: Lab) -> None:
    async with held_call(asterisk, answer_seconds=6.0, recognition_activation_mode="VAD") as call:
        await asyncio.sleep(0.2)
        await call.caller.play(SPEECH)
        began = await call.caller.wait_heard(since=call.caller.speech_ended)
        await call.caller.press("5")
        silent = await call.caller.wait_quiet(0.3)
        await call.caller.press("6#")
        await call.caller.wait_ended()
        result = await call.result()
    assert silent - began < 2.0, "the answer of six seconds was stopped"
    assert digits_of(result) == ("56", "dtmf")
    assert result["FINAL_TRANSCRIPTION"] == "good morning", "what was said before is not lost"


@pytest.mark.asyncio
async def test_digits_while_the_caller_speaks_are_not_lost(asterisk: Lab) -> None:
    async with held_call(asterisk, recognition_activation_mode="IMMEDIATE") as call:
        await asyncio.sleep(0.3)
        call.caller.start_playing(SPEECH)
        await asyncio.sleep(0.4)
        call.caller.stop_playing()
        await call.caller.press("90#")
        await call.caller.wait_ended()
        result = await call.result()
    assert digits_of(result) == ("90", "dtmf")


@pytest.mark.asyncio
async def test_digits_by_sip_info_are_digits_too(asterisk: Lab) -> None:
    async with held_call(asterisk, recognition_activation_mode="IMMEDIATE") as call:
        await asyncio.sleep(0.3)
        await call.caller.press_info("31#")
        await call.caller.wait_ended()
        result = await call.result()
    assert digits_of(result) == ("31", "dtmf")


@pytest.mark.asyncio
async def test_a_hang_up_among_the_digits_returns_those_pressed(asterisk: Lab) -> None:
    async with held_call(asterisk, recognition_activation_mode="IMMEDIATE") as call:
        await asyncio.sleep(0.3)
        await call.caller.press("12")
        await asyncio.sleep(0.3)
        await call.caller.hang_up()
        result = await call.result("hangup")
    assert digits_of(result) == ("12", "hangup")


@pytest.mark.asyncio
async def test_dtmf_enabled_false_ignores_digits(asterisk: Lab) -> None:
    async with held_call(asterisk, recognition_activation_mode="IMMEDIATE", dtmf_enabled="false") as call:
        await asyncio.sleep(0.3)
        await call.caller.press("12#")
        await call.caller.play(SPEECH)
        await call.caller.wait_heard(since=call.caller.speech_ended)
        await call.caller.hang_up()
        result = await call.result("hangup")
    assert digits_of(result) == ("", "hangup")
    assert call.times_heard(SPEECH) == 1


@pytest.mark.asyncio
async def test_converse_hands_the_digits_to_the_model_and_masks_them(asterisk: Lab) -> None:
    async with held_call(
        asterisk, recognition_activation_mode="IMMEDIATE", dtmf_mode="converse", dtmf_sensitive="true"
    ) as call:
        await asyncio.sleep(0.3)
        await call.caller.press(f"{SECRET}#")
        await call.caller.wait_heard()
        texts = [item["content"][0]["text"] for item in call.session.items if item.get("role") == "user"]
        shown = await call.host.text(f"calls/{(await call.host.calls())[-1]['callId']}")
    spelt = " ".join(SECRET)
    assert texts == [f"The caller pressed these keys: {spelt}"]
    assert [line for line in [*call.host.log, shown] if SECRET in line or spelt in line] == []

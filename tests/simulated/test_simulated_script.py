"""The simulated Asterisk as a program: scripted calls against an application."""

import asyncio
import json
from pathlib import Path

import pytest

from offhook.simulators.asterisk import SimulatedAsterisk
from offhook.simulators.asterisk.__main__ import arguments, main
from offhook.simulators.asterisk.script import run
from offhook.simulators.wav import tone, write_wav
from plain_ari import PlainAri


@pytest.mark.asyncio
async def test_a_scripted_call(tmp_path: Path) -> None:
    question = tmp_path / "question.wav"
    write_wav(question, tone(600, 0.2))
    steps = ["heard", f"play:{question}", "dtmf:1#", "quiet:0.1", f"save:{tmp_path / 'heard.wav'}", "bye"]
    async with SimulatedAsterisk() as asterisk, PlainAri(asterisk) as ari:
        call = await asterisk.dial(answered=True)
        running = asyncio.create_task(run(call, steps))
        await ari.do(f"POST /channels/{call.channel_id}/play", media="sound:hello-world")
        for _ in range(2):
            await ari.event("ChannelDtmfReceived")
        await ari.event("PlaybackFinished")
        await ari.do(f"POST /channels/{call.channel_id}/variable", variable="RESULT", value="ok")
        await ari.do(f"POST /channels/{call.channel_id}/continue")
        facts = await running

    assert facts["failed"] is None
    assert [step for step, _ in facts["marks"]] == ["answered", *steps]
    assert facts["left"] == "continued"
    assert facts["variables"]["RESULT"] == "ok"
    assert (tmp_path / "heard.wav").stat().st_size > 8000
    json.dumps(facts)


@pytest.mark.asyncio
async def test_a_step_that_is_not_met_is_named() -> None:
    async with SimulatedAsterisk() as asterisk, PlainAri(asterisk):
        call = await asterisk.dial(answered=True)
        facts = await run(call, ["heard:0.05", "dtmf:1"])

    assert facts["failed"] == "heard:0.05: timed out"
    assert facts["left"] == "hung_up_by_caller"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["7000", "sing:x"], "'sing' is not one of wait, play"),
        (["7000", "wait:soon"], "'soon' is not a number of seconds"),
        (["7000", "play"], "play: needs a value"),
        (["--set", "X", "7000"], "--set X: NAME=VALUE is wanted"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert complaint in capsys.readouterr().err


def test_a_command_line() -> None:
    parsed = arguments(["--port", "0", "--set", "A=b=c", "7000", "wait:1", "bye"])
    assert (parsed.port, parsed.extension, parsed.step, parsed.set) == (
        0,
        "7000",
        ["wait:1", "bye"],
        ["A=b=c"],
    )

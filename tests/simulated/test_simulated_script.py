"""The simulated Asterisk as a program: scripted calls against an application."""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from offhook.simulators.asterisk import SimulatedAsterisk
from offhook.simulators.asterisk.__main__ import arguments, main
from offhook.simulators.asterisk.script import STEPS, run
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


@pytest.mark.asyncio
async def test_nothing_is_pressed_or_said_on_a_call_that_is_over(tmp_path: Path) -> None:
    question = tmp_path / "question.wav"
    write_wav(question, tone(600, 0.2))
    async with SimulatedAsterisk() as asterisk, PlainAri(asterisk):
        for step in ("dtmf:1#", f"play:{question}", f"play&:{question}"):
            call = await asterisk.dial(answered=True)
            facts = await run(call, ["hangup", "bye", step])
            assert facts["failed"] == f"{step}: call {call.channel_id} is over"
            assert [met for met, _ in facts["marks"]] == ["answered", "hangup", "bye"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["7000", "sing:x"], "'sing' is not one of wait, play"),
        (["7000", "wait:soon"], "'soon' is not a number of seconds"),
        (["7000", "play"], "play: needs a value"),
        (["7000", "wait:-1"], "'-1' is not a number of seconds"),
        (["7000", "dtmf:1x"], "'x' is no key of a telephone"),
        (["--set", "X", "7000"], "--set X: NAME=VALUE is wanted"),
        (["--port", "99999"], "argument --port: 99999 is no port; 0 to 65535 are"),
        (["--port", "-1"], "argument --port: -1 is no port"),
        (["--rate", "0", "7000"], "argument --rate: 0 is not more than 0"),
        (["--calls", "-3", "7000"], "argument --calls: -3 is too few"),
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


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["7000", "play:nofile.wav"], "step play: nofile.wav: No such file or directory"),
        (["7000", "hangup", "play&:folder"], "step play&: folder: Is a directory"),
        (["7000", "play:text.wav"], "step play: text.wav: no WAV file that can be read"),
        (["7000", "save:nowhere/heard.wav"], "step save: nowhere/heard.wav: there is no directory nowhere"),
        (["7000", "save:folder"], "step save: folder: a directory; the name of a file is wanted"),
        (["--sound", "welcome=empty.wav"], "empty.wav: no WAV file that can be read (it ends too soon)"),
    ],
)
def test_files_are_looked_at_before_the_start(
    words: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.wav").write_text("not a sound, and long enough to be one")
    (tmp_path / "empty.wav").touch()
    assert main(["--port", "0", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"offhook simulate asterisk: {complaint}")


@pytest.mark.asyncio
async def test_a_recording_that_cannot_be_written_is_a_step_that_is_not_met(tmp_path: Path) -> None:
    async with SimulatedAsterisk() as asterisk, PlainAri(asterisk):
        call = await asterisk.dial(answered=True)
        facts = await run(call, [f"save:{tmp_path}"])

    assert facts["failed"] == f"save:{tmp_path}: Is a directory"


def test_a_port_that_is_taken_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f"offhook simulate asterisk: cannot serve 127.0.0.1:{port}: Address already in use ("
    )


def test_help_lists_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(STEPS) == 10
    for step, meaning in STEPS.items():
        assert any(line.split(maxsplit=1) == [step, meaning] for line in lines), step


@pytest.mark.asyncio
async def test_it_says_that_it_waits_for_the_application_and_when_it_has_come() -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "offhook.simulators.asterisk", "--port", "0"),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert program.stderr is not None
    url = (await program.stderr.readline()).decode().split()[2].rstrip(",")
    assert "waiting for the application to connect" in (await program.stderr.readline()).decode()
    server = cast("Any", SimpleNamespace(url=url, app="openai-ari-app"))
    async with PlainAri(server):
        assert "application openai-ari-app has connected" in (await program.stderr.readline()).decode()
    program.send_signal(signal.SIGINT)
    _, rest = await program.communicate()
    assert (program.returncode, rest) == (0, b"")

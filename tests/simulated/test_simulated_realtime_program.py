"""The simulated Realtime server as a program."""

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

from offhook.simulators.realtime import ScriptedDialogue
from offhook.simulators.realtime.__main__ import arguments, main
from plain_realtime import PlainRealtime


@pytest.mark.asyncio
async def test_the_program_serves_a_script_until_it_is_interrupted(tmp_path: Path) -> None:
    script = tmp_path / "dialogue.json"
    script.write_text(json.dumps([{"say": "Good day from the script."}]))
    words = ["--port", "0", "--no-speech", "--api-key", "sk-mine", "--script", str(script)]
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "offhook.simulators.realtime",
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert program.stdout is not None
    name, _, url = (await program.stdout.readline()).decode().strip().partition("=")
    assert name == "OPENAI_BASE_URL"
    server = cast("Any", SimpleNamespace(url=url))
    async with PlainRealtime(server, Authorization="Bearer sk-mine") as client:
        await client.telephone()
        await client.send("response.create")
        response = (await client.event("response.done"))["response"]
        assert response["output"][0]["content"][0]["transcript"] == "Good day from the script."
    program.send_signal(signal.SIGINT)
    _, printed = await program.communicate()
    assert program.returncode == 0
    assert "no speech recognition here" in printed.decode()
    assert "asked not to listen" in printed.decode()
    assert "install" not in printed.decode(), "nothing is missing: no speech was asked for"
    assert "says: Good day from the script." in printed.decode()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--script", "missing.json"], "argument --script: missing.json: No such file or directory;"),
        (["--script", "[]"], "argument --script: []: No such file or directory; a file with JSON is wanted"),
        (["--script", os.devnull], f"argument --script: {os.devnull}: no JSON: Expecting value"),
        (["--port", "many"], "argument --port: invalid port value: 'many'"),
        (["--port", "99999"], "argument --port: 99999 is no port; 0 to 65535 are"),
        (["--delay", "-1"], "argument --delay: -1 is not 0 or more"),
        (["--pace", "nan"], "argument --pace: nan is not 0 or more"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        arguments(words)
    assert complaint in capsys.readouterr().err


def test_a_port_that_is_taken_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--no-speech", "--quiet", "--port", str(port)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f"offhook simulate realtime: cannot serve 127.0.0.1:{port}: Address already in use ("
    )


def test_help_says_that_a_script_is_a_file_and_what_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments(["--help"])
    text = capsys.readouterr().out
    assert "--script FILE" in text
    example = text[text.index("  [\n") : text.index("  ]\n") + 4]
    ScriptedDialogue(json.loads(example))
    for word in ("say", "call", "when"):
        assert f"\n  {word} " in text

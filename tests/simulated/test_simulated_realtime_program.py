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
    assert "says: Good day from the script." in printed.decode()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--script", "missing.json"], "missing.json"),
        (["--port", "many"], "invalid int value: 'many'"),
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
    assert f"cannot serve 127.0.0.1:{port}" in capsys.readouterr().err

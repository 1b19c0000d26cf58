"""`offhook demo` as a person runs it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from offhook.demo import DemoOptions, hold_call
from offhook.demo.verdict import words
from offhook.simulators import wav
from offhook.simulators.realtime import speech_available, transcribe

QUESTION = "Hello. I would like to know your opening hours on Saturday, please."


COMMAND = (sys.executable, "-m", "offhook.cli", "demo")
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
"""An environment in which what could not be written is tried again at the end, as people have it."""


def demo(*options: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *options]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=110, check=False)


@contextmanager
def started(*options: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """The demonstration under way; it is killed if it does not end by itself."""
    command = [*COMMAND, *options]
    with subprocess.Popen(
        command, cwd=cwd, env=BUFFERED, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def happened(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.speech
@pytest.mark.skipif(not speech_available(), reason="needs the extra offhook[speech]")
def test_a_question_is_understood_answered_interrupted_and_answered_again(tmp_path: Path) -> None:
    run = demo("--json", cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    events = happened(run.stdout)
    kinds = [event["event"] for event in events]
    said = [event["words"] for event in events if event["event"] == "caller_said"]
    assert words(said[0]) == words(QUESTION), "word for word"
    assert (
        kinds.index("answer_begins")
        < kinds.index("interrupted")
        < len(kinds) - kinds[::-1].index("answer_begins")
    )
    interrupted = next(event for event in events if event["event"] == "interrupted")
    assert 0 < interrupted["heard_ms"] < interrupted["received_ms"]
    result = events[-1]
    assert (result["event"], result["failures"]) == ("result", [])
    assert result["variables"]["RECOG_STATUS"] == "OK"
    assert result["variables"]["OFFHOOK_END_CAUSE"] == "tool"
    assert words(result["variables"]["FINAL_TRANSCRIPTION"])[: len(words(QUESTION))] == words(QUESTION)
    heard = transcribe(wav.read_wav(tmp_path / result["recording"]))
    assert "we are open from" in heard.lower(), "the recording is understood"


def test_without_ears_the_call_is_held_and_the_lack_is_said(tmp_path: Path) -> None:
    blocked = (
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'piper' else find(name, *rest)"
    )
    script = f"{blocked}\nimport sys\nfrom offhook.cli import main\nsys.exit(main(['demo', '--json']))"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    events = happened(run.stdout)
    assert any("pip install 'offhook[speech]'" in event.get("text", "") for event in events)
    assert any(event["event"] == "interrupted" for event in events)
    assert events[-1]["variables"]["DTMF_RESULT"] == "12"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--wav", "nowhere.wav"), "--wav nowhere.wav: No such file or directory; a WAV file is wanted"),
        (("--wav", "folder"), "--wav folder: Is a directory; a WAV file is wanted, mono and 16 bits"),
        (("--wav", "empty.wav"), "--wav empty.wav: no WAV file that can be read (it ends too soon)"),
        (("--wav", "silent.wav"), "--wav silent.wav: no sound in it"),
        (("--wav", "stereo.wav"), "--wav stereo.wav: 2 channels of 16 bits; mono and 16 bits are wanted"),
        (("--directory", "empty.wav"), "--directory empty.wav: not a directory"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(
    tmp_path: Path, options: tuple[str, str], message: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.wav").touch()
    wav.write_wav(tmp_path / "silent.wav", b"")
    with wave.open(str(tmp_path / "stereo.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(400))
    before = sorted(tmp_path.iterdir())
    run = demo(*options, cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    (line,) = run.stderr.splitlines()
    assert line.startswith(f"offhook: {message}")
    assert line.count(options[1]) == 1, "the path is said once"
    assert sorted(tmp_path.iterdir()) == before


def test_a_mode_that_nobody_has_is_refused_before_anything_is_shown(tmp_path: Path) -> None:
    run = demo("--mode", "psychic", cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert "recognitionActivationMode is 'psychic' (--mode); allowed is" in run.stderr
    assert "Traceback" not in run.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.speech
@pytest.mark.skipif(not speech_available(), reason="needs the extra offhook[speech]")
def test_a_file_of_which_nothing_is_understood_is_a_failure(tmp_path: Path) -> None:
    wav.write_wav(tmp_path / "tone.wav", wav.tone(440, 2.0))
    run = demo("--wav", "tone.wav", "--verbose", cwd=tmp_path)
    assert run.returncode == 1
    assert "Everything was as it should be" not in run.stdout
    assert "- nothing of tone.wav was understood" in run.stdout
    assert "“I did not understand you." in run.stdout
    assert "taking calls" in run.stderr, "the host's log"
    assert "phoneme" not in run.stderr.lower()


@pytest.mark.parametrize("last", ["offhook demo", "the greeting plays"])
def test_it_ends_quietly_when_nobody_reads_on(tmp_path: Path, last: str) -> None:
    """As in `offhook demo | head -4`: the first lines come before the call, the later ones from its events."""
    with started(cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert any(last in line for line in process.stdout)
        process.stdout.close()
        complained = process.stderr.read()
        assert process.wait(60) == 1
    assert complained == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            COMMAND,
            cwd=tmp_path,
            env=BUFFERED,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert run.returncode == 1
    assert run.stderr == "offhook: the output cannot be written: No space left on device\n"
    assert not list(tmp_path.iterdir())


def test_stopped_by_hand_it_saves_what_was_heard(tmp_path: Path) -> None:
    with started("--json", cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert any(json.loads(line)["event"] == "listening" for line in process.stdout)
        process.send_signal(signal.SIGINT)  # the greeting was heard
        rest, complained = process.stdout.read(), process.stderr.read()
        assert process.wait(60) == 130
    assert complained == ""
    stopped = happened(rest)[-1]
    assert stopped["event"] == "stopped"
    assert stopped["recording"] == "offhook-demo/what-the-caller-heard.wav"
    assert len(wav.read_wav(tmp_path / stopped["recording"])) / 16_000 > 1
    assert stopped["recording_seconds"] > 1


@pytest.mark.asyncio
@pytest.mark.parametrize("there_before", [False, True])
async def test_stopped_before_anything_was_heard_it_leaves_nothing(
    tmp_path: Path, there_before: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "offhook-demo"
    if there_before:
        directory.mkdir()
    holding = asyncio.create_task(hold_call(DemoOptions(directory=directory)))
    await asyncio.sleep(0)  # as far as its first wait
    assert directory.exists()
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding
    assert "nothing was heard yet" in capsys.readouterr().out
    assert directory.exists() == there_before


def test_stopped_while_it_is_being_loaded_it_ends_quietly(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from offhook.cli import main\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'offhook.demo': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "sys.exit(main(['demo']))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "")

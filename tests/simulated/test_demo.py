"""`offhook demo` as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from offhook.demo.verdict import words
from offhook.simulators import wav
from offhook.simulators.realtime import speech_available, transcribe

QUESTION = "Hello. I would like to know your opening hours on Saturday, please."


def demo(*options: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "offhook.cli", "demo", *options]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=110, check=False)


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
        (("--mode", "psychic"), "recognitionActivationMode is 'psychic'"),
        (("--wav", "nowhere.wav"), "nowhere.wav"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    tmp_path: Path, options: tuple[str, str], message: str
) -> None:
    run = demo(*options, cwd=tmp_path)
    assert run.returncode == 2
    assert message in run.stderr
    assert "Traceback" not in run.stderr

"""`offhook replay` as a person runs it, on the journal of a call that a host has just written."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from pathlib import Path

import pytest

from call_bench import SPEECH, Ears, bench
from command_line import run
from offhook.replay import find_journal


async def a_call(directory: Path) -> tuple[str, Path]:
    """A call that ends with digits: its id and its journal."""
    async with bench(ears=Ears(["good morning"]), journal_dir=str(directory)) as calls:
        caller = await calls.dial(recognition_activation_mode="IMMEDIATE")
        await calls.listening()
        caller.play(SPEECH)
        await caller.wait_heard()
        for digit in "42#":
            await caller.press(digit)
        await calls.over()
        call_id = calls.record.call_id
    return call_id, find_journal(call_id, str(directory))


@pytest.mark.asyncio
async def test_a_call_is_decided_alike_by_its_id_and_by_its_file(tmp_path: Path) -> None:
    call_id, journal = await a_call(tmp_path / "journals")
    by_id = await run(tmp_path, "replay", call_id, JOURNAL_DIR=str(tmp_path / "journals"))
    by_file = await run(tmp_path, "replay", str(journal))
    assert by_id == by_file
    assert by_id.status == 0
    assert by_id.complained == ""
    first, last = by_id.printed.splitlines()
    assert first.startswith(f"call {call_id} from 100 to 7000, ")
    assert ", ended with dtmf, written by offhook " in first
    assert last.startswith("decided alike: ")


@pytest.mark.asyncio
async def test_the_time_line_shows_what_happened_and_what_the_call_did(tmp_path: Path) -> None:
    _, journal = await a_call(tmp_path / "journals")
    shown = await run(tmp_path, "replay", "--show", str(journal))
    lines = [line.strip() for line in shown.printed.splitlines()]
    assert lines[0] == "+0.000  Arrived channel_up=False"
    heard = next(number for number, line in enumerate(lines) if "FinalTranscript" in line)
    pressed = next(number for number, line in enumerate(lines) if 'Digit digit="4"' in line)
    assert heard < pressed
    assert "CloseStream" in lines[pressed:]


@pytest.mark.asyncio
async def test_what_is_decided_otherwise_is_shown_side_by_side(tmp_path: Path) -> None:
    _, journal = await a_call(tmp_path / "journals")
    text = journal.read_text()
    timer = '{"StartTimer":{"name":"dtmfFinal","seconds":3.0,"owner":"keypad"}}'
    assert timer in text
    journal.write_text(text.replace(timer, timer.replace("3.0", "9.0"), 1))
    again = await run(tmp_path, "replay", str(journal))
    assert again.status == 1
    lines = [line.strip() for line in again.printed.splitlines()]
    assert lines[1].startswith("decided otherwise ")
    assert lines[1].endswith(' s after the call began, at Digit digit="4" duration_ms=120')
    assert '- StartTimer name="dtmfFinal" seconds=9.0 owner="keypad"' in lines
    assert '+ StartTimer name="dtmfFinal" seconds=3.0 owner="keypad"' in lines
    assert "StopPlayout" in lines, "what is alike stands there too"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("words", "environment", "says"),
    [
        (
            ["nowhere"],
            {},
            "offhook: nowhere is no file, and JOURNAL_DIR, where a call's id would be looked for,",
        ),
        (["nowhere"], {"JOURNAL_DIR": "."}, "offhook: nowhere is neither a file nor the id of a call"),
        (
            ["other.json"],
            {},
            "offhook: other.json is not a journal that can be read: line 1: journal is None;",
        ),
        (["empty"], {}, "offhook: empty is not a journal that can be read: it is empty"),
        (["binary"], {}, "offhook: binary is not a journal that can be read: line 1 is not JSON"),
        (["."], {}, "offhook: '.' is a directory; it must be a journal or a call's id"),
        (["pipe"], {}, "offhook: 'pipe' is no regular file; it must be a journal or a call's id"),
        (["nowhere"], {"JOURNAL_DIR": "away"}, "JOURNAL_DIR is away, which is no directory"),
        ([], {}, "the following arguments are required: CALL"),
    ],
)
async def test_what_cannot_be_read_is_said_in_one_line(
    words: list[str], environment: dict[str, str], says: str, tmp_path: Path
) -> None:
    (tmp_path / "other.json").write_text("{}\n")
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\n")
    ended = await run(tmp_path, "replay", *words, **environment)
    assert ended.status == 2
    assert says in ended.complained
    assert "Traceback" not in ended.complained


@pytest.mark.asyncio
async def test_what_a_journal_holds_gives_the_terminal_no_commands(tmp_path: Path) -> None:
    _, journal = await a_call(tmp_path / "journals")
    text = journal.read_text().replace('"digit":"4"', '"digit":"\\u001b[31m\\ud8004"')
    journal.write_text(text)
    shown = await run(tmp_path, "replay", "--show", str(journal))
    assert shown.status == 1
    assert r"\u001b[31m\ud8004" in shown.printed
    assert "\x1b" not in shown.printed
    assert shown.complained == ""


@pytest.mark.asyncio
async def test_an_output_that_nobody_reads_or_that_is_full_is_no_difference(tmp_path: Path) -> None:
    _, journal = await a_call(tmp_path / "journals")
    replay = f"{shlex.quote(sys.executable)} -m offhook.cli replay --show {shlex.quote(str(journal))}"
    for shell, status, says in (
        (f"{replay} | true; exit ${{PIPESTATUS[0]}}", 141, ""),
        (f"{replay} >/dev/full", 2, "offhook: the output cannot be written: No space left on device"),
    ):
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", shell, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        _, complained = await process.communicate()
        assert process.returncode == status
        assert complained.decode().strip() == says

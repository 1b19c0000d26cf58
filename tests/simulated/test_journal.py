"""A host that writes its calls' journals, and what becomes of calls where it cannot."""

from __future__ import annotations

import asyncio
import json
import logging
import stat
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from call_bench import SPEECH, Ears, bench
from offhook import CallInfo, Digit, Settings, SettingsError
from offhook.call.events import SayRequested
from offhook.telemetry import journal as journals
from offhook.telemetry.journal import Journals
from offhook.telemetry.journal_lines import Head


def lines_of(directory: Path) -> list[dict[str, Any]]:
    """The lines of the only journal that is there."""
    (file,) = directory.rglob("*.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]


def names(lines: list[dict[str, Any]]) -> list[str]:
    return [name for line in lines[1:] for name in (line["event"] or {})]


async def a_call(directory: Path, **settings: Any) -> str:
    """A caller speaks, hears the answer and hangs up; the call's id."""
    async with bench(ears=Ears(["good morning"]), journal_dir=str(directory), **settings) as calls:
        caller = await calls.dial(recognition_activation_mode="IMMEDIATE")
        await calls.listening()
        caller.play(SPEECH)
        await caller.wait_heard()
        await caller.hangup()
        await calls.over()
        return calls.record.call_id


@pytest.mark.asyncio
async def test_a_call_is_written_from_its_arrival_to_its_end(tmp_path: Path) -> None:
    directory = tmp_path / "journals" / "offhook"
    call_id = await a_call(directory)
    lines = lines_of(directory)
    assert lines[0]["call"]["call_id"] == call_id
    assert lines[0]["plugins"]["dtmf"].startswith("offhook-dtmf ")
    told = names(lines)
    assert told[0] == "Arrived"
    assert {"MediaReady", "StreamOpened", "SpeechStarted", "FinalTranscript", "AnswerAudioStarted"} <= set(
        told
    )
    end = lines[-1]["actions"][-1]["End"]["outcome"]
    assert (end["cause"], end["transcription"]) == ("hangup", "good morning")


@pytest.mark.asyncio
async def test_nobody_else_may_read_it_and_the_day_and_the_id_find_it(tmp_path: Path) -> None:
    call_id = await a_call(tmp_path / "j")
    (file,) = (tmp_path / "j").rglob("*.jsonl")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "j").stat().st_mode) == 0o700
    day, name = file.relative_to(tmp_path / "j").parts
    assert len(day) == len("2026-11-25")
    assert name.endswith(f"-{call_id}.jsonl")


@pytest.mark.asyncio
async def test_a_long_call_s_journal_is_on_disk_while_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "WRITE_EVERY_SECONDS", 0.05)
    async with bench(journal_dir=str(tmp_path)) as calls:
        caller = await calls.dial(recognition_activation_mode="IMMEDIATE")
        await calls.listening()
        await calls.until(
            lambda: any(tmp_path.rglob("*.jsonl")) and "StreamOpened" in names(lines_of(tmp_path)),
            "the journal of the running call",
        )
        await caller.hangup()


@pytest.mark.asyncio
async def test_a_directory_that_cannot_be_written_to_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    where = tmp_path / "file" / "journals"
    with pytest.raises(SettingsError) as raised:
        async with bench(journal_dir=str(where)):
            pass
    assert str(raised.value) == (
        "These settings cannot be used:\n"
        f"  - journalDir is '{where}' (settings); allowed is none, or a directory that the host can write to "
        "(Not a directory)"
    )


@pytest.mark.asyncio
async def test_a_disk_that_fails_costs_the_journal_and_not_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journals, "_append", full)
    monkeypatch.setattr(journals, "WRITE_EVERY_SECONDS", 0.05)
    async with bench(journal_dir=str(tmp_path)) as calls:
        caller = await calls.dial(recognition_activation_mode="IMMEDIATE")
        await calls.listening()
        await calls.until(lambda: "journal" in caplog.text, "the warning")
        caller.play(SPEECH)
        await caller.wait_heard()
        await caller.hangup()
        await calls.over()
        assert b"offhook_journals_lost_total 1.0" in calls.host.metrics()
    warnings = [r for r in caplog.records if r.name == "offhook.journal" and r.levelno == logging.WARNING]
    assert len(warnings) == 1, "one warning for one call"
    assert "ends here: No space left on device" in warnings[0].getMessage()
    assert warnings[0].__dict__["call_id"] == calls.record.call_id


def head() -> Head:
    return Head(CallInfo("3f2a", "channel-1"), Settings(), 8361.25, datetime(2026, 11, 25, tzinfo=UTC))


@pytest.mark.asyncio
async def test_a_journal_that_grows_too_large_is_given_up_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(journals, "CALL_LIMIT_BYTES", 1 << 20)
    writer = Journals(tmp_path)
    journal = writer.open(head())
    for _ in range(12):
        journal.add(SayRequested("x" * 100_000), [], 1.0)
    await writer.close()
    assert writer.counted() == {"journals_lost": 1}
    assert "it has reached 1 MiB" in caplog.text
    assert len(journal.path.read_text().splitlines()) == 1 + 10


@pytest.mark.asyncio
async def test_a_disk_that_hangs_holds_up_nothing_and_takes_no_more_memory_than_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hanging = threading.Event()
    append = journals._append

    def slow(path: Path, data: bytes) -> None:
        hanging.wait()
        append(path, data)

    monkeypatch.setattr(journals, "_append", slow)
    monkeypatch.setattr(journals, "WAITING_LIMIT_BYTES", 1 << 20)
    monkeypatch.setattr(journals, "WRITE_EVERY_SECONDS", 0.0)
    writer = Journals(tmp_path)
    journal, other = writer.open(head()), writer.open(head())
    await asyncio.sleep(0.01)  # the thread hangs from now on
    for _ in range(12):
        journal.add(SayRequested("x" * 100_000), [], 1.0)
    assert "the disk is slow: 1 MiB wait for it" in caplog.text
    other.add(SayRequested("x"), [], 1.0)
    hanging.set()
    await writer.close()
    assert writer.counted() == {"journals_lost": 1}, "the other call's is whole"


@pytest.mark.asyncio
async def test_nothing_is_written_after_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing, go_on = threading.Event(), threading.Event()
    written: list[bytes] = []

    def append(path: Path, data: bytes) -> None:
        if b"second" in data:
            failing.set()
            go_on.wait()
            raise OSError(28, "No space left on device")
        written.append(data)

    monkeypatch.setattr(journals, "_append", append)
    monkeypatch.setattr(journals, "WRITE_EVERY_SECONDS", 0.0)
    writer = Journals(tmp_path)
    journal = writer.open(head())
    journal.add(SayRequested("first"), [], 1.0)
    while not written:  # noqa: ASYNC110 - the thread has no event of its own
        await asyncio.sleep(0.005)
    journal.add(SayRequested("second"), [], 2.0)
    while not failing.is_set():  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    journal.add(SayRequested("third"), [], 3.0)
    go_on.set()
    await writer.close()
    assert b"first" in b"".join(written)
    assert b"third" not in b"".join(written)
    assert writer.counted() == {"journals_lost": 1}


@pytest.mark.asyncio
async def test_a_program_ends_though_a_disk_hangs(tmp_path: Path) -> None:
    """A journal's file that is a pipe without a reader: to open it takes for ever."""
    program = f"""
import asyncio, os
from datetime import UTC, datetime
from pathlib import Path
from offhook import CallInfo, Settings
from offhook.telemetry import journal as journals
from offhook.telemetry.journal_lines import Head

async def main():
    journals.CLOSE_SECONDS = 0.2
    writer = journals.Journals(Path({str(tmp_path)!r}))
    journal = writer.open(Head(CallInfo("3f2a", "channel-1"), Settings(), 0.0, datetime.now(UTC)))
    journal.path.parent.mkdir()
    os.mkfifo(journal.path)
    await writer.close()

asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    try:
        async with asyncio.timeout(40):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()


@pytest.mark.asyncio
async def test_a_mistake_in_writing_a_call_down_is_no_mistake_in_the_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = Journals(tmp_path)
    journal = writer.open(head())
    journal.add(Digit("1"), [object()], 1.0)  # type: ignore[list-item]
    await writer.close()
    assert "the journal 00-00-00-3f2a.jsonl ends here: " in caplog.text
    assert len(journal.path.read_text().splitlines()) == 1

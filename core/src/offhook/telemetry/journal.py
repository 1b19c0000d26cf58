"""The journals of a host's calls: what happened and what was decided, each call in a file of its own (`JOURNAL_DIR`).

A line is made where it happens, in the event loop; files are written once a second, in a thread, so that a slow disk
holds up no call. `offhook replay` reads them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from offhook.call import actions as do
from offhook.call import events as ev

from .journal_lines import Head, LineWriter

log = logging.getLogger("offhook.journal")

WRITE_EVERY_SECONDS: Final = 1.0
"""What happened since is lost where the host is killed."""
CLOSE_SECONDS: Final = 5.0
"""So long is a disk waited for when the host stops."""
CALL_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""A journal does not grow larger: hours of talk need a tenth of it."""
WAITING_LIMIT_BYTES: Final = 16 * 1024 * 1024
"""So much may wait for a disk that is slow, of all calls together."""


def why_no_journal(directory: str) -> str:
    """Empty if journals can be written there, or are not wanted; else what is allowed, and why not there.

    Makes the directory.
    """
    if not directory:
        return ""
    try:
        Path(directory).mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return ""
    except OSError as error:
        return f"none, or a directory that the host can write to ({error.strerror or error})"


class Journal:
    """One call's. Its first line is its head, its last one has the call's `End`."""

    def __init__(self, path: Path, head: Head, journals: Journals) -> None:
        self.path = path
        self._call_id = head.call.call_id
        self._journals = journals
        self._lines = LineWriter(
            digits_sensitive=head.settings.dtmf.dtmf_sensitive,
            terminator=head.settings.dtmf.dtmf_terminator_digit,
        )
        self._size = 0
        self._over = False
        self._write(head.line())

    def add(self, event: ev.Event | None, actions: Sequence[do.Action], now: float) -> None:
        """Write down what happened (None: time passed) at `now`, and what the call did. Never raises."""
        if self._over:
            return
        try:
            line = self._lines.line(event, actions, now)
        except Exception as error:  # a mistake in writing a call down must never become a mistake in the call
            self.lost(f"{type(error).__name__}: {error}")
            return
        self._write(line)

    def lost(self, why: str) -> None:
        """Give it up: with a gap in it, nothing after the gap could be decided again."""
        if not self._over:
            self._over = True
            self._journals._lost += 1
            log.warning("the journal %s ends here: %s", self.path.name, why, extra={"call_id": self._call_id})

    def _write(self, line: str) -> None:
        data = f"{line}\n".encode()
        self._size += len(data)
        if self._size > CALL_LIMIT_BYTES:
            self.lost(f"it has reached {CALL_LIMIT_BYTES >> 20} MiB")
        elif not self._journals._take(self, data):
            self.lost(f"the disk is slow: {WAITING_LIMIT_BYTES >> 20} MiB wait for it")


_Batch = dict[Journal, list[bytes]]


class Journals:
    """Those of one host, in one directory, with a folder for each day (UTC).

    Files can be read by their owner alone: they hold what callers said. `close` writes what still waits.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._loop = asyncio.get_running_loop()
        self._batches: SimpleQueue[_Batch | None] = SimpleQueue()
        # A daemon: a disk that hangs keeps no program from ending.
        threading.Thread(target=self._write_batches, name="offhook journal", daemon=True).start()
        self._waiting: _Batch = {}
        self._waiting_bytes = 0
        """Of all lines that are not on the disk yet."""
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[None] | None = None
        """Done when the batch that is being written is."""
        self._lost = 0

    def open(self, head: Head) -> Journal:
        """Begin the journal of a call."""
        started = head.started.astimezone(UTC)
        name = f"{started:%H-%M-%S}-{head.call.call_id}.jsonl"
        return Journal(self._directory / f"{started:%Y-%m-%d}" / name, head, self)

    def counted(self) -> Mapping[str, int]:
        """How many journals could not be written to their end."""
        return {"journals_lost": self._lost}

    async def close(self) -> None:
        """Write what waits, within `CLOSE_SECONDS`."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                while self._writing is not None or self._waiting:
                    if self._writing is None:
                        self._begin()
                    else:
                        await asyncio.wait([self._writing])
        except TimeoutError:
            log.warning("the disk takes longer than %g s: journals lack their end", CLOSE_SECONDS)
        self._cancel_timer()
        self._batches.put(None)

    def _take(self, journal: Journal, data: bytes) -> bool:
        """Have it written soon; False if too much waits already."""
        if self._waiting_bytes + len(data) > WAITING_LIMIT_BYTES:
            return False
        self._waiting_bytes += len(data)
        self._waiting.setdefault(journal, []).append(data)
        self._soon()
        return True

    def _leave_out(self, journal: Journal) -> None:
        """What waits of this journal is not written any more."""
        self._waiting_bytes -= sum(map(len, self._waiting.pop(journal, ())))

    def _soon(self) -> None:
        if self._waiting and self._timer is None and self._writing is None:
            self._timer = self._loop.call_later(WRITE_EVERY_SECONDS, self._begin)

    def _begin(self) -> None:
        self._cancel_timer()
        batch, self._waiting = self._waiting, {}
        self._writing = self._loop.create_future()
        self._batches.put(batch)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _written(self, batch: _Batch, failed: Mapping[Journal, OSError]) -> None:
        self._waiting_bytes -= sum(sum(map(len, lines)) for lines in batch.values())
        for journal, error in failed.items():
            journal.lost(error.strerror or str(error))
            self._leave_out(journal)
        if self._writing is not None:
            self._writing.set_result(None)
            self._writing = None
        self._soon()

    def _write_batches(self) -> None:
        """The thread."""
        while (batch := self._batches.get()) is not None:
            failed = _write_all(batch)
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._written, batch, failed)


def _write_all(batch: _Batch) -> dict[Journal, OSError]:
    failed = {}
    for journal, lines in batch.items():
        try:
            _append(journal.path, b"".join(lines))
        except OSError as error:
            failed[journal] = error
    return failed


def _append(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    try:
        file = os.open(path, flags, 0o600)
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):
            path.parent.mkdir(mode=0o700, parents=True)
        file = os.open(path, flags, 0o600)
    with os.fdopen(file, "wb", buffering=0) as raw:
        while data:
            data = data[raw.write(data) :]

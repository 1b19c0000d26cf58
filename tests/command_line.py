"""The command `offhook` in a process of its own, with no setting but those that a test gives it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from offhook.settings.leaves import leaves

LIMIT_SECONDS = 40.0
"""How long a command may take on a busy machine before a test gives up."""

_OURS = {name for leaf in leaves() for name in (leaf.env, *leaf.env_aliases)}


class Ended(NamedTuple):
    """A command that has ended."""

    status: int
    printed: str
    complained: str
    """What it wrote to stderr."""


class Command:
    """`offhook` in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._complained = ""

    async def said(self, words: str) -> str:
        """Wait for a line with these words on stderr; returns it."""
        assert self._process.stderr is not None
        async with asyncio.timeout(LIMIT_SECONDS):
            while line := (await self._process.stderr.readline()).decode():
                self._complained += line
                if words in line:
                    return line.strip()
        raise AssertionError(f"it ended without {words!r}: {self._complained}")

    async def printed(self) -> str:
        """The next line on stdout."""
        assert self._process.stdout is not None
        async with asyncio.timeout(LIMIT_SECONDS):
            return (await self._process.stdout.readline()).decode().strip()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self) -> Ended:
        """Wait for its end."""
        async with asyncio.timeout(LIMIT_SECONDS):
            printed, complained = await self._process.communicate()
        assert self._process.returncode is not None
        return Ended(self._process.returncode, printed.decode(), self._complained + complained.decode())


@asynccontextmanager
async def offhook(directory: Path, *words: str, **environment: str) -> AsyncIterator[Command]:
    """Run a command in a directory, with no setting but these; it is killed if it does not end by itself."""
    clean = {name: value for name, value in os.environ.items() if name not in _OURS}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "offhook.cli",
        *words,
        cwd=directory,
        env={**clean, "PYTHONUNBUFFERED": "1", **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Command(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def run(directory: Path, *words: str, **environment: str) -> Ended:
    """Run a command to its end."""
    async with offhook(directory, *words, **environment) as command:
        return await command.ended()

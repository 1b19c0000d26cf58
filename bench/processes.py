"""The processes of a load: each a program of its own, so that its CPU time and memory are its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
END_SECONDS = 20.0


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, to the nanosecond (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


def resident_kib(pid: int) -> int:
    """Memory that a process has in use now (proc_pid_statm(5))."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_KIB


class ProgramEnded(Exception):
    """A program has ended though it was still needed; it said why to stderr."""


class Program:
    """A program that runs: what it costs, and what it answers to a line of JSON."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        self._process = process
        self._name = name
        self.pid = process.pid

    async def ask(self, **command: Any) -> Any:
        """One command, and its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        return await self.read()

    async def read(self) -> Any:
        """Its next line. Raises ProgramEnded."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise ProgramEnded(f"{self._name} has ended with status {await self._process.wait()}")
        return json.loads(line)

    @property
    def running(self) -> bool:
        return self._process.returncode is None


@asynccontextmanager
async def program(
    *command: str, environment: Mapping[str, str] | None = None, log: Path | None = None
) -> AsyncIterator[Program]:
    """Run a program with a pipe each way; it is ended with the block. log: where its stderr goes."""
    errors = log.open("wb") if log else None
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=errors,
        env={**os.environ, **(environment or {})},
        limit=2**26,
        start_new_session=True,  # Ctrl-C is for the one who started them, and who ends them
    )
    try:
        yield Program(process, " ".join(Path(word).name for word in command[:2]))
    finally:
        assert process.stdin is not None
        process.stdin.close()  # those that take commands end by this
        if log is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), END_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
        if errors is not None:
            errors.close()


def script(name: str, *arguments: object) -> tuple[str, ...]:
    """The command of a program of this folder."""
    return sys.executable, str(HERE / name), *map(str, arguments)

"""`offhook run` as a user starts it: a process of its own, configured by its environment alone."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from call_bench import decided_alike
from offhook.plugins.hooks import Hooks

START_SECONDS = 30.0
CLEAR_SECONDS = 5.0


class OffhookProcess:
    """A running host; `log` has its lines so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.log: list[str] = []
        self._process = process
        self._news = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            async with self._news:
                self.log.append(line.decode().rstrip())
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()

    async def wait_log(self, expression: str, timeout_seconds: float = START_SECONDS) -> re.Match[str]:
        """Wait for a line of the log. Raises AssertionError with the whole log."""

        def find() -> re.Match[str] | None:
            return next((found for line in self.log if (found := re.search(expression, line))), None)

        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds), self._news:
                await self._news.wait_for(lambda: find() or self._process.returncode is not None)
        found = find()
        assert found is not None, f"no line with {expression!r} in the log:\n" + "\n".join(self.log)
        return found

    async def started(self) -> None:
        """Wait until calls are taken."""
        self.console_url = (await self.wait_log(r"console at (\S+)"))[1]

    def _sockets(self) -> set[str]:
        links = Path(f"/proc/{self._process.pid}/fd").iterdir()
        found = set()
        for link in links:
            with suppress(FileNotFoundError):
                found.add(str(link.readlink()))
        return {target for target in found if target.startswith("socket:")}

    async def text(self, path: str) -> str:
        """`GET` of a page of the HTTP server."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.console_url}{path}") as answer:
            return await answer.text()

    async def post(self, path: str) -> None:
        """`POST` without a body; it must be taken."""
        async with aiohttp.ClientSession() as http, http.post(f"{self.console_url}{path}") as answer:
            assert answer.status < 300, await answer.text()

    async def calls(self) -> list[dict[str, Any]]:
        """`GET /calls`."""
        calls: list[dict[str, Any]] = json.loads(await self.text("calls"))["calls"]
        return calls

    async def wait_no_calls(self) -> None:
        """Wait until no call runs and every UDP socket of a call is closed."""
        async with asyncio.timeout(CLEAR_SECONDS):
            while any(call["endTime"] is None for call in await self.calls()) or self._udp_ports():  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    def _udp_ports(self) -> set[str]:
        """Ports that are bound for RTP: a host at rest has none."""
        ours = {target.removeprefix("socket:[").removesuffix("]") for target in self._sockets()}
        lines = Path(f"/proc/{self._process.pid}/net/udp").read_text().splitlines()[1:]
        return {fields[1] for line in lines if (fields := line.split())[9] in ours}

    async def stop(self) -> None:
        """End it by SIGTERM; it must end well and must have logged no error."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
        try:
            status = await asyncio.wait_for(self._process.wait(), 20)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            raise AssertionError("SIGTERM did not end the host:\n" + "\n".join(self.log)) from None
        finally:
            await self._reading
        assert status == 0, f"exit status {status}:\n" + "\n".join(self.log)
        bad = [line for line in self.log if re.search(r"Traceback|^\S+ (error|critical) ", line)]
        assert not bad, "the host logged errors:\n" + "\n".join(self.log)


@asynccontextmanager
async def offhook_run(
    environment: dict[str, str], provider_url: str, **more: str
) -> AsyncIterator[OffhookProcess]:
    """`offhook run` against an Asterisk and a Realtime server; `more` are further variables, in any case.

    When the block ends the host must have no call and no UDP port left, and must end by SIGTERM. Every call is decided
    again from its journal, and alike.
    """
    with tempfile.TemporaryDirectory() as journals:
        async with _running({"JOURNAL_DIR": journals, **environment}, provider_url, **more) as host:
            yield host
        decided_alike(Path(journals), Hooks.installed())


@asynccontextmanager
async def _running(
    environment: dict[str, str], provider_url: str, **more: str
) -> AsyncIterator[OffhookProcess]:
    inherited = {
        name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")
    }
    settings = {
        "OPENAI_BASE_URL": provider_url,
        "PORT": "0",
        "GREETING_AUDIO_PATH": "none",
        "RECOGNITION_ACTIVATION_MODE": "IMMEDIATE",
        "OPENAI_SILENCE_DURATION_MS": "300",
        **{name.upper(): value for name, value in more.items()},
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "offhook.cli",
        "run",
        "--env-file",
        os.devnull,
        env={**inherited, **environment, **settings},
        stderr=asyncio.subprocess.PIPE,
    )
    host = OffhookProcess(process)
    try:
        await host.started()
        yield host
        if process.returncode is None:
            await host.wait_no_calls()
    except BaseException:
        print("\n".join(host.log))
        raise
    finally:
        await host.stop()

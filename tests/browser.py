"""A real browser for tests: Chromium, headless, driven over its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from websockets.asyncio.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
START_SECONDS = 60


class Page:
    """One page of a running browser."""

    def __init__(self, devtools: ClientConnection) -> None:
        self._devtools = devtools
        self._number = 0

    async def _do(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        await self._devtools.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        async for message in self._devtools:
            answer = json.loads(message)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
        raise AssertionError("the browser has gone")

    async def open(self, url: str) -> None:
        """Go to an address."""
        await self._do("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        answer = await self._do("Runtime.evaluate", expression=script, returnByValue=True)
        return answer["result"].get("value")

    async def text(self) -> str:
        """What a person reads on the page."""
        return str(await self.run("document.body ? document.body.innerText : ''"))

    async def wait_text(self, expression: str, timeout_seconds: float = 30) -> str:
        """Wait until a person reads it. Raises AssertionError with the page's text."""
        text = ""
        try:
            async with asyncio.timeout(timeout_seconds):
                while not re.search(expression, text := await self.text()):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{expression!r} is not on the page:\n{text}") from None
        return text

    async def screenshot(self) -> bytes:
        """The page as a PNG picture."""
        picture = await self._do("Page.captureScreenshot", format="png")
        return base64.b64decode(picture["data"])


@asynccontextmanager
async def browser_page(profile: Path, *, width: int = 1280, height: int = 900) -> AsyncIterator[Page]:
    """A browser with one empty page; `profile` is an empty directory of its own."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *(f"--window-size={width},{height}", f"--user-data-dir={profile}", "--remote-debugging-port=0"),
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        port_file = profile / "DevToolsActivePort"
        async with asyncio.timeout(START_SECONDS):
            while not (port_file.exists() and port_file.read_text().strip()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        port = port_file.read_text().split()[0]
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/json") as answer:
            pages = [page for page in await answer.json() if page["type"] == "page"]
        async with connect(pages[0]["webSocketDebuggerUrl"], max_size=None) as devtools:
            yield Page(devtools)
    finally:
        process.kill()
        await process.wait()

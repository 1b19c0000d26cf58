"""The console's page in a real browser while a call goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from browser import CHROMIUM, browser_page
from call_bench import Ears, Mouth, bench, utterance


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.asyncio
async def test_the_page_shows_both_sides_of_a_live_call(tmp_path: Path) -> None:
    words = ["what are your opening hours", "stop please"]
    async with bench(ears=Ears(words), mouth=Mouth(4.0)) as calls, browser_page(tmp_path / "profile") as page:
        await page.open(calls.host.console_url)
        await page.wait_text("(?i)calls")
        caller = await calls.dial()
        await caller.answered()
        await calls.listening()
        caller.play(utterance(0))
        await page.wait_text(words[0])
        await page.wait_text("(?i)of course. on saturday we are open")
        await caller.wait_heard(since=caller.speech_ended_at)
        await asyncio.sleep(0.5)
        caller.play(utterance(1))
        await page.wait_text(words[1])
        struck = await page.run("[...document.querySelectorAll('s')].map(s => s.innerText).join(' ')")
        picture = await page.screenshot()
        await caller.hangup()
        await page.wait_text("(?i)hangup")
    assert struck.strip(), "what the caller did not hear is struck out"
    (tmp_path / "console.png").write_bytes(picture)  # to be looked at

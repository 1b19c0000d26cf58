"""The audio's timers on uvloop, whose handle of a moment that is almost now cannot tell when it is."""

from __future__ import annotations

import asyncio
import time

import pytest

from offhook.media import PCMU, CallAudio, Pacer


class Line:
    """A transport that counts what is sent."""

    def __init__(self) -> None:
        self.sent = 0

    def listen(self, on_audio: object) -> None:
        """Nobody speaks here."""

    def send(self, frame: bytes, at_ms: int) -> bool:
        self.sent += 1
        return True

    def close(self) -> None:
        """Nothing to close."""


async def speak_at_any_moment() -> int:
    """Two calls begin to speak at every moment between two ticks of the pacer."""
    sent = 0
    for number in range(60):
        await asyncio.sleep(number % 50 / 10_000)
        pacer, line = Pacer(), Line()
        time.sleep(number % 53 / 10_000)  # noqa: ASYNC251 - the loop is busy, and the tick comes near
        calls = [CallAudio(line, line, PCMU, lambda frame: None, pacer) for _ in range(2)]
        for call in calls:
            call.add("r", "a", b"\x01" * 320)  # one frame leaves at once, the other by the timer
        await asyncio.sleep(0.030)
        for call in calls:
            call.close()
        pacer.close()
        sent += line.sent
    return sent


def test_audio_is_paced_on_uvloop_whenever_it_begins() -> None:
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(speak_at_any_moment()) > 180

"""What holds up the event loop is counted."""

from __future__ import annotations

from typing import Any, cast

from fake_loop import FakeLoop
from offhook.telemetry.stalls import Stalls


def test_stalls_are_counted_with_their_length_and_small_delays_are_not() -> None:
    loop = FakeLoop()
    stalls = Stalls(cast("Any", loop))
    loop.run_until(17.0)
    assert stalls.counted() == {"loop_stalls": 0, "loop_stalled_ms": 0}
    for late in (0.015, 0.5, 0.3):
        loop.now = loop.waiting[0].when() + late
        loop.run_until(loop.now)
    assert stalls.counted() == {"loop_stalls": 2, "loop_stalled_ms": 800}
    stalls.close()
    assert loop.waiting == []

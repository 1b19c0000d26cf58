"""The pacer: even packets, no drift, no burst."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any, cast

import pytest

from fake_loop import FakeLoop
from offhook.media.pacer import Paced, Pacer, Quarters


class Speaker:
    """A call with so many frames to send."""

    def __init__(self, frames: int = 1_000_000) -> None:
        self.frames = frames
        self.due_ms: int | None = None
        self.sent: list[int] = []

    @property
    def ready(self) -> bool:
        return self.frames > 0

    def send_next(self, at_ms: int) -> bool:
        if not self.frames:
            return False
        self.frames -= 1
        self.sent.append(at_ms)
        self.due_ms = at_ms + 20
        return True


def run(quarters: Quarters, now: float) -> list[tuple[Paced, int]]:
    return list(quarters.due(now))


def test_a_call_sends_every_20_ms_from_the_next_tick_on() -> None:
    quarters, call = Quarters(start=100.0), Speaker()
    quarters.add(call, 100.0121)
    assert quarters.deadline == pytest.approx(100.015)
    assert run(quarters, 100.0149) == []
    assert run(quarters, 100.0151) == [(call, 15)]
    assert quarters.deadline == pytest.approx(100.035)
    assert run(quarters, 100.0353) == [(call, 35)]


def test_calls_that_come_at_different_times_are_in_different_quarters() -> None:
    quarters = Quarters(start=0.0)
    calls = [Speaker() for _ in range(4)]
    for number, call in enumerate(calls):
        quarters.add(call, 0.001 + 0.005 * number)
    assert [at_ms for _, at_ms in run(quarters, 0.0201)] == [5, 10, 15, 20]
    assert run(quarters, 0.0249) == []


def test_adding_again_keeps_the_place() -> None:
    quarters, call = Quarters(start=0.0), Speaker()
    assert quarters.add(call, 0.0)
    assert not quarters.add(call, 0.007)
    assert run(quarters, 0.024) == [(call, 5)]
    assert len(quarters) == 1


def test_without_calls_there_is_no_deadline() -> None:
    quarters, call = Quarters(start=0.0), Speaker()
    assert quarters.deadline is None
    quarters.add(call, 0.0)
    quarters.discard(call)
    quarters.discard(call)
    assert quarters.deadline is None
    assert run(quarters, 1.0) == []


def test_an_hour_has_no_drift() -> None:
    quarters, call = Quarters(start=12345.678), Speaker()
    quarters.add(call, 12345.678)
    deadline = 0.0
    for _ in range(3600 * 50):
        deadline = quarters.deadline or 0.0
        assert len(run(quarters, deadline)) == 1
    assert deadline == pytest.approx(12345.678 + 3600 - 0.015, abs=1e-6)


def test_a_late_tick_is_caught_up_and_the_next_is_on_time() -> None:
    quarters, call = Quarters(start=0.0), Speaker()
    quarters.add(call, 0.0)
    assert [at_ms for _, at_ms in run(quarters, 0.032)] == [5, 25]
    assert quarters.deadline == pytest.approx(0.045)
    assert quarters.skipped == 0


def test_after_a_stall_there_are_two_frames_at_most_and_the_clock_is_shifted() -> None:
    quarters, call = Quarters(start=0.0), Speaker()
    quarters.add(call, 0.0)
    run(quarters, 0.006)
    assert [at_ms for _, at_ms in run(quarters, 0.506)] == [485, 505]
    assert quarters.skipped > 0
    assert quarters.deadline == pytest.approx(0.525)


def test_no_stall_however_long_makes_a_burst() -> None:
    for stall_ms in range(1, 200):
        quarters = Quarters(start=0.0)
        calls = [Speaker() for _ in range(4)]
        for number, call in enumerate(calls):
            quarters.add(call, 0.001 + 0.005 * number)
        run(quarters, 0.0201)
        due = run(quarters, 0.0201 + stall_ms / 1000)
        for call in calls:
            times = [at_ms for source, at_ms in due if source is call]
            assert len(times) <= 2
            assert all((at_ms - calls.index(call) * 5 - 5) % 20 == 0 for at_ms in times), (
                "it keeps its quarter"
            )


def test_an_idle_time_is_no_stall() -> None:
    quarters, call = Quarters(start=0.0), Speaker()
    quarters.add(call, 0.0)
    run(quarters, 0.006)
    quarters.discard(call)
    quarters.add(call, 50.0011)
    assert quarters.deadline == pytest.approx(50.005)
    assert run(quarters, 50.0051) == [(call, 50_005)]
    assert quarters.skipped == 0


def test_whoever_comes_while_a_tick_is_late_does_not_leave_with_it() -> None:
    quarters, there, new = Quarters(start=0.0), Speaker(), Speaker()
    quarters.add(there, 0.0)
    assert run(quarters, 0.006) == [(there, 5)]
    quarters.add(new, 0.0101, due_ms=30)  # the tick at 10 ms, of the same quarter, is still to come
    assert run(quarters, 0.0102) == []
    assert run(quarters, 0.0301) == [(there, 25), (new, 30)]


def test_calls_may_come_and_go_while_frames_are_sent() -> None:
    quarters = Quarters(start=0.0)
    first, second, third = Speaker(), Speaker(), Speaker()
    quarters.add(first, 0.0)
    quarters.add(second, 0.0)
    seen = []
    for source, at_ms in quarters.due(0.006):
        seen.append((source, at_ms))
        quarters.discard(second)
        quarters.add(third, 0.006)
    assert seen == [(first, 5)]
    assert run(quarters, 0.011) == [(third, 10)]


def paced(loop: FakeLoop, **options: Any) -> Pacer:
    return Pacer(loop=cast("asyncio.AbstractEventLoop", loop), **options)


def test_one_timer_paces_all_calls() -> None:
    loop = FakeLoop()
    pacer = paced(loop)
    calls = [Speaker() for _ in range(100)]
    for number, call in enumerate(calls):
        loop.run_until(7.0 + number * 0.0002)
        pacer.add(call)
        assert len(loop.waiting) == 1
    loop.run_until(8.0)
    assert len(loop.waiting) == 1
    assert loop.wake_ups <= 200
    assert all(49 <= len(call.sent) <= 51 for call in calls)
    for call in calls:
        first, *others = (b - a for a, b in zip(call.sent, call.sent[1:], strict=False))
        assert 15 < first <= 20, "the first frame leaves at once, the second on its tick"
        assert set(others) == {20}


def test_the_first_frame_of_a_call_leaves_at_once() -> None:
    loop = FakeLoop()
    pacer = paced(loop)
    pacer.add(Speaker())
    loop.run_until(7.006)
    late = Speaker()
    pacer.add(late)
    assert late.sent == [6]


def test_a_call_with_nothing_to_send_leaves_and_the_timer_rests() -> None:
    loop = FakeLoop()
    pacer = paced(loop)
    pacer.add(Speaker(frames=2))
    loop.run_until(9.0)
    assert len(pacer) == 0
    assert loop.waiting == []
    assert loop.wake_ups == 2


def test_a_call_whose_frames_come_one_by_one_needs_no_timer() -> None:
    loop = FakeLoop()
    pacer = paced(loop)
    call = Speaker(frames=0)
    for number in range(50):
        loop.run_until(7.0 + number * 0.020)
        call.frames += 1
        pacer.add(call)
        pacer.add(call)
        assert len(call.sent) == number + 1
    assert loop.wake_ups == 0
    assert loop.waiting == []


def test_a_call_that_fails_is_dropped_and_told_and_the_others_go_on() -> None:
    class Broken(Speaker):
        def send_next(self, at_ms: int) -> bool:
            raise RuntimeError("broken")

    failures: list[tuple[Paced, str]] = []
    loop = FakeLoop()
    pacer = paced(loop, on_error=lambda source, error: failures.append((source, str(error))))
    broken, good = Broken(), Speaker()
    pacer.add(broken)
    pacer.add(good)
    loop.run_until(7.1)
    assert failures == [(broken, "broken")]
    assert len(good.sent) == 6


def test_discarding_and_closing_send_nothing_more() -> None:
    loop = FakeLoop()
    pacer = paced(loop)
    one, other = Speaker(), Speaker()
    pacer.add(one)
    pacer.add(other)
    pacer.discard(one)
    loop.run_until(7.05)
    assert one.sent == [0], "what had left before"
    pacer.close()
    pacer.close()
    pacer.add(Speaker())
    sent = len(other.sent)
    loop.run_until(8.0)
    assert len(other.sent) == sent
    assert loop.waiting == []


def test_a_stall_is_told() -> None:
    loop = FakeLoop()
    pacer = paced(loop)
    call = Speaker()
    pacer.add(call)
    loop.run_until(7.006)
    loop.now = 7.5
    loop.run_until(7.5)
    assert call.sent == [0, 480, 500]
    assert pacer.skipped_ms == pytest.approx(445, abs=5)
    assert pacer.late_ticks == 1


# --- A model that speaks no faster than it is heard -------------------------------------------------------


def sent_when_each_comes(*comes_ms: float) -> list[tuple[float, int]]:
    """(when it left, its place in time) of each frame of a call, whose frames come one by one at these times."""
    loop = FakeLoop()
    pacer = paced(loop)

    class Trickle(Speaker):
        def send_next(self, at_ms: int) -> bool:
            sent = super().send_next(at_ms)
            if sent:
                left.append((round((loop.now - 7.0) * 1000, 3), at_ms))
            return sent

    left: list[tuple[float, int]] = []
    call = Trickle(frames=0)
    for at in comes_ms:
        loop.run_until(7.0 + at / 1000)
        call.frames += 1
        pacer.add(call)
    loop.run_until(9.0)
    assert len(left) == len(comes_ms)
    return left


@pytest.mark.parametrize("phase", [0.0, 1.0, 2.6, 4.9])
def test_each_frame_leaves_as_it_comes(phase: float) -> None:
    comes = [phase + 20 * number for number in range(50)]
    left = sent_when_each_comes(*comes)
    assert [when for when, _ in left] == pytest.approx(comes, abs=0.01)
    assert [b - a for (_, a), (_, b) in pairwise(left)] == [20] * 49


def test_one_that_is_a_little_late_keeps_its_place_in_time_and_delays_no_other() -> None:
    left = sent_when_each_comes(0, 20, 44, 60, 80, 100)
    assert [at_ms for _, at_ms in left] == [0, 20, 40, 60, 80, 100]
    assert [when for when, _ in left[4:]] == [80, 100]


def test_after_one_that_is_later_the_next_late_one_is_not_heard() -> None:
    left = sent_when_each_comes(0, 20, 55, 60, 80, 108, 120, 140)
    assert [at_ms for _, at_ms in left][:3] == pytest.approx([0, 20, 55], abs=1), "a pause of 15 ms"
    gaps = [b - a for (a, _), (b, _) in pairwise(left[2:])]
    assert max(gaps) <= 20, "one that is 8 ms late again leaves no gap"


def test_one_that_is_a_little_early_is_not_held_up() -> None:
    assert [when for when, _ in sent_when_each_comes(3, 21.9, 43)] == [3, 21.9, 43]


@pytest.mark.parametrize("phase", [0.0, 1.0, 2.0, 3.0, 4.0])
@pytest.mark.parametrize("early", [1.0, 2.0, 3.0, 4.0])
def test_a_jitter_of_half_a_millisecond_is_heard_as_no_more_than_two(phase: float, early: float) -> None:
    """Whether one leaves as it comes or with a tick must not hang on a hair."""
    jitter = (-0.3, 0.3, -0.3, 0.3, 0.3, -0.3)
    comes = [phase, *(phase + 20 * (n + 1) - early + jitter[n % 6] for n in range(30))]
    left = sent_when_each_comes(*comes)
    gaps = [b - a for (a, _), (b, _) in pairwise(left)]
    assert max(gaps) <= 22
    assert [b - a for (_, a), (_, b) in pairwise(left)] == [20] * 30, "each in its place in time"


def test_those_that_are_much_too_early_are_paced() -> None:
    left = sent_when_each_comes(0, 1, 2, 3)
    assert [when for when, _ in left] == [0, 20, 40, 60]


def test_after_a_pause_time_goes_on_from_there() -> None:
    assert [at_ms for _, at_ms in sent_when_each_comes(0, 20, 500, 520)] == [0, 20, 500, 520]


def test_a_call_that_waits_alone_for_its_time_holds_up_no_other() -> None:
    loop = FakeLoop()
    pacer = paced(loop)
    early, other = Speaker(frames=2), Speaker(frames=1)
    pacer.add(early)
    assert early.sent == [0], "its next one is due at 20"
    loop.run_until(7.001)
    other.due_ms = 4
    pacer.add(other)
    loop.run_until(7.0051)
    assert other.sent == [4]
    loop.run_until(7.021)
    assert early.sent == [0, 20]

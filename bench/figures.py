"""From arrivals to figures: delays, gaps, bursts, interruptions, and a straight line through points. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from arrivals import Arrival
from standstills import Span, within

FRAME_MS = 20
BURST_MS = 2.0
"""Frames of one call nearer to each other than this came in one burst."""
SPEAKS_MS = 60.0
"""An answer whose last frame is older than this was not being spoken."""

Answer = tuple[int, int]
"""Call and count of the answer."""


def percentile(values: Sequence[float], share: float) -> float:
    """Of sorted values; 0 of none."""
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def spread(values: Iterable[float]) -> dict[str, float]:
    """How many values there are, the least of them, and percentiles."""
    ordered = sorted(values)
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999, "worst": 1.0}
    return {"count": len(ordered), "least": round(percentile(ordered, 0), 3)} | {
        name: round(percentile(ordered, share), 3) for name, share in shares.items()
    }


def streams(arrivals: Iterable[Arrival]) -> dict[Answer, list[Arrival]]:
    """The arrivals of each stream, in the order of their coming."""
    found: dict[Answer, list[Arrival]] = {}
    for one in sorted(arrivals, key=lambda one: one.at):
        found.setdefault((one.call, one.stream), []).append(one)
    return found


def delays_ms(arrivals: Iterable[Arrival]) -> list[float]:
    """How long each frame was under way."""
    return [1000 * (one.at - one.sent) for one in arrivals]


def lost(arrivals: Iterable[Arrival]) -> int:
    """How many frames are missing within each stream. Those at its end are not known to be missing."""
    missing = 0
    for frames in streams(arrivals).values():
        numbers = {one.number for one in frames}
        missing += max(numbers) - min(numbers) + 1 - len(numbers)
    return missing


def gaps_ms(arrivals: Iterable[Arrival]) -> list[float]:
    """The time between each two frames of one stream, as they came."""
    return [1000 * (b.at - a.at) for frames in streams(arrivals).values() for a, b in pairwise(frames)]


def sent_gaps_ms(arrivals: Iterable[Arrival]) -> list[float]:
    """The time between each two frames of one stream, as they were sent: what the load itself is guilty of."""
    return [1000 * (b.sent - a.sent) for frames in streams(arrivals).values() for a, b in pairwise(frames)]


def own_gaps_ms(
    arrivals: Iterable[Arrival], standstills: Sequence[Span], *, real_time: bool = True
) -> list[float]:
    """The gaps that what lies between sender and receiver is guilty of: those during which the machine stood still are
    left out and, in real time, what the sender was late with the second frame. real_time: no frame waits its turn."""
    return [
        1000 * (b.at - a.at - (max(0.0, b.sent - a.sent - FRAME_MS / 1000) if real_time else 0.0))
        for frames in streams(arrivals).values()
        for a, b in pairwise(frames)
        if not within(standstills, a.sent, b.at)
    ]


def bursts(arrivals: Iterable[Arrival]) -> dict[str, int]:
    """How many frames came right behind another of their call, and the most that came so in a row."""
    calls: dict[int, list[float]] = {}
    for one in arrivals:
        calls.setdefault(one.call, []).append(one.at)
    count, worst = 0, 1
    for times in calls.values():
        run = 1
        for a, b in pairwise(sorted(times)):
            run = run + 1 if 1000 * (b - a) < BURST_MS else 1
            count += run > 1
            worst = max(worst, run)
    return {"frames": count, "worst": worst}


def first_ms(arrivals: Iterable[Arrival]) -> list[float]:
    """For each answer, how long its first frame was under way: the host's own time of a turn."""
    return [1000 * (one.at - one.sent) for one in arrivals if one.number == 0]


def after_ms(stopped: Mapping[Answer, float], arrivals: Iterable[Arrival]) -> list[float]:
    """For each answer that was stopped at a time, when its last frame came, from then on; below 0 is sooner."""
    found = streams(arrivals)
    return [1000 * (found[key][-1].at - at) for key, at in stopped.items() if key in found]


def spoken_at(moments: Iterable[tuple[int, float]], arrivals: Iterable[Arrival]) -> dict[Answer, float]:
    """Calls and times → the answers that were being spoken there and then, with the time."""
    by_call: dict[int, list[tuple[Answer, list[Arrival]]]] = {}
    for key, frames in streams(arrivals).items():
        by_call.setdefault(key[0], []).append((key, frames))
    found: dict[Answer, float] = {}
    for call, at in moments:
        for key, frames in by_call.get(call, ()):
            before = [one.at for one in frames if one.at <= at]
            if before and 1000 * (at - before[-1]) < SPEAKS_MS:
                found[key] = at
    return found


def told_less_heard_ms(told: Mapping[Answer, int], arrivals: Iterable[Arrival]) -> list[float]:
    """For each stopped answer, what the model was told was heard less what the caller got; above 0 is a lie."""
    found = streams(arrivals)
    return [float(ms - FRAME_MS * len(found.get(key, ()))) for key, ms in told.items()]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How much the second grows with each one of the first: least squares; 0 of fewer than two points."""
    if len(points) < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    wide = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / wide if wide else 0.0

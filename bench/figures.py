"""From times to figures: delays, gaps, bursts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from stamps import Stamp

Times = Mapping[Stamp, float]
"""Frame → when, in seconds on the machine's monotonic clock."""

BURST_MS = 2.0
"""Packets of one call nearer to each other than this came in one burst."""


def percentile(values: Sequence[float], share: float) -> float:
    """Of sorted values; 0 of none."""
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def spread(values: Iterable[float]) -> dict[str, float]:
    """Percentiles of values in milliseconds."""
    ordered = sorted(values)
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999, "worst": 1.0}
    return {"count": len(ordered)} | {
        name: round(percentile(ordered, share), 3) for name, share in shares.items()
    }


def delays_ms(sent: Times, arrived: Times) -> list[float]:
    """How long each frame was under way; frames that never arrived are left out."""
    return [1000 * (arrived[stamp] - at) for stamp, at in sent.items() if stamp in arrived]


def lost(sent: Times, arrived: Times, *, before: float) -> int:
    """How many frames sent before this moment never arrived."""
    return sum(at < before and stamp not in arrived for stamp, at in sent.items())


def gaps_ms(arrived: Times) -> list[float]:
    """The time between each two frames of one answer."""
    streams: dict[tuple[int, int], list[float]] = {}
    for stamp, at in arrived.items():
        streams.setdefault((stamp.call, stamp.stream), []).append(at)
    return [1000 * (b - a) for times in streams.values() for a, b in pairwise(sorted(times))]


def worst_burst(arrived: Times) -> int:
    """The most frames of one call that came right after each other."""
    worst = 0
    streams: dict[int, list[float]] = {}
    for stamp, at in arrived.items():
        streams.setdefault(stamp.call, []).append(at)
    for times in streams.values():
        run = 1
        for a, b in pairwise(sorted(times)):
            run = run + 1 if 1000 * (b - a) < BURST_MS else 1
            worst = max(worst, run)
    return worst


def after_ms(stopped: Mapping[tuple[int, int], float], arrived: Times) -> list[float]:
    """For each answer that was stopped at a time, when its last frame arrived, from then on; below 0 is sooner."""
    last: dict[tuple[int, int], float] = {}
    for stamp, at in arrived.items():
        key = (stamp.call, stamp.stream)
        last[key] = max(at, last.get(key, at))
    return [1000 * (last[key] - at) for key, at in stopped.items() if key in last]


def told_too_much_ms(told: Mapping[tuple[int, int], int], arrived: Times, frame_ms: int = 20) -> list[float]:
    """For each stopped answer, what the model was told was heard less what the caller got."""
    heard: dict[tuple[int, int], int] = {}
    for stamp in arrived:
        key = (stamp.call, stamp.stream)
        heard[key] = heard.get(key, 0) + frame_ms
    return [float(ms - heard.get(key, 0)) for key, ms in told.items()]

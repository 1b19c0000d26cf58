"""What happened to the packets of all calls of a host: those that run, and those that have ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from .rtp import RtpLeg


class MediaTotals:
    """Sums what each leg counts; a packet costs no more for it."""

    def __init__(self) -> None:
        self._ended: Counter[str] = Counter()
        self._legs: set[RtpLeg] = set()

    def opened(self, leg: RtpLeg) -> None:
        """A leg takes part from now on."""
        self._legs.add(leg)

    def closed(self, leg: RtpLeg) -> None:
        """A leg is closed; what it counted stays."""
        if leg in self._legs:
            self._legs.discard(leg)
            self._ended += _of(leg)

    def sums(self) -> Mapping[str, int]:
        """Name (a field of `RtpCounts` or `JitterCounts`) → sum over all legs."""
        sums = Counter(self._ended)
        for leg in self._legs:
            sums += _of(leg)
        return sums


def _of(leg: RtpLeg) -> Counter[str]:
    return Counter({**_fields(leg.counts), **_fields(leg.jitter_counts)})


def _fields(counts: Any) -> dict[str, int]:
    return {field.name: getattr(counts, field.name) for field in fields(counts)}

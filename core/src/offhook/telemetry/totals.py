"""What was counted over the life of a host: by what runs, and by what has ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Protocol


class Counts(Protocol):
    """What counts as it goes along."""

    def counted(self) -> Mapping[str, int]:
        """Name → so many so far."""
        ...


class Totals:
    """Sums what legs, calls' audio and clocks count; a packet costs no more for it."""

    def __init__(self) -> None:
        self._ended: Counter[str] = Counter()
        self._parts: set[Counts] = set()

    def opened(self, part: Counts) -> None:
        """It takes part from now on."""
        self._parts.add(part)

    def closed(self, part: Counts) -> None:
        """It is closed; what it counted stays."""
        if part in self._parts:
            self._parts.discard(part)
            self._ended.update(part.counted())

    def sums(self) -> Mapping[str, int]:
        """Name → sum over all."""
        sums = Counter(self._ended)
        for part in self._parts:
            sums.update(part.counted())
        return sums

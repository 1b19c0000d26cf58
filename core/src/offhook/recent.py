"""A memory of ids that does not grow with the length of a call."""

from __future__ import annotations

from typing import Final

KEPT: Final = 64
"""More than can be on their way at once: what concerns an older one has long come."""


class Recent(dict[str, str]):
    """The newest ids, each with something that is known of it; the oldest are forgotten."""

    def note(self, key: str, value: str = "") -> None:
        """Remember an id, or what is known of it now."""
        if key not in self and len(self) >= KEPT:
            del self[next(iter(self))]
        self[key] = value

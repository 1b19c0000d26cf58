"""Timers as data: who waits for what, until when. Nothing here sleeps or reads a clock.

A timer is keyed by (owner, name). Owners are the parts of a call, so that "a digit clears every speech
timer" is one operation over an owner and never a list of names that somebody forgets to extend.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

ACTIVATION: Final = "activation"
"""The activation mode's own timers (`bargeInActivation`, `vadMaxWaitAfterPrompt` …)."""
KEYPAD: Final = "keypad"
"""The keypad handler's own timers (`dtmfInterDigit`, `dtmfFinal`)."""
SPEECH: Final = "speech"
"""What waits for the caller or the provider (`noSpeechBegin`, `speechEndSilence` …)."""
CALL: Final = "call"
"""What bounds the whole call (`maxCallDuration`, `conversationIdle`, `goodbye`)."""

Key = tuple[str, str]
"""(owner, name)"""


@dataclass(slots=True)
class Timers:
    """The running timers of one call."""

    _deadlines: dict[Key, float] = field(default_factory=dict)

    def start(self, owner: str, name: str, *, now: float, seconds: float) -> None:
        """Start a timer, or start it again; `seconds` must be positive."""
        self._deadlines[owner, name] = now + seconds

    def clear(self, owner: str, name: str) -> bool:
        """Clear one timer; True if it ran."""
        return self._deadlines.pop((owner, name), None) is not None

    def of(self, owner: str) -> list[str]:
        """The names of an owner's running timers."""
        return [name for who, name in self._deadlines if who == owner]

    def runs(self, owner: str, name: str) -> bool:
        return (owner, name) in self._deadlines

    def running(self) -> list[Key]:
        """All running timers."""
        return list(self._deadlines)

    def due(self, now: float) -> list[Key]:
        """The timers that are due, the one that has been due longest first."""
        return sorted(
            (key for key, at in self._deadlines.items() if at <= now), key=self._deadlines.__getitem__
        )

    def pop_expired(self, now: float) -> Key | None:
        """Take out the timer that has been due longest, or None if none is due."""
        if not self._deadlines:
            return None
        key = min(self._deadlines, key=self._deadlines.__getitem__)
        if self._deadlines[key] > now:
            return None
        del self._deadlines[key]
        return key

    @property
    def deadline(self) -> float | None:
        """When the next timer is due (seconds on the caller's clock), or None."""
        return min(self._deadlines.values(), default=None)

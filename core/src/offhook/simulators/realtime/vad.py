"""Voice activity from the loudness of 20 ms frames, over a floor that follows the line's own noise.

Time is the audio's own, in milliseconds from the session's first sample, so the same audio always gives the
same turns, however fast it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from offhook.simulators.realtime.audio import FRAME_MS

ONSET_MS = 60
"""How much louder audio it takes before it counts as speech: less is a click."""

_LOUDNESS_AT_HALF = 250.0
"""Mean absolute amplitude that a threshold of 0.5 asks for on a silent line."""
_FLOOR_BLOCK_MS = 10_000
"""What never falls quieter for so long is noise."""
_EAGERNESS_MS = {"low": 1600, "medium": 800, "auto": 800, "high": 400}
"""How long a silence ends a turn in `semantic_vad`. The API judges the words and waits 8, 4 or 2 s at most."""


@dataclass(frozen=True, slots=True)
class VadSettings:
    """Turn detection as the session asks for it. threshold: 0 to 1; the others in milliseconds of audio."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500

    @classmethod
    def of(cls, turn_detection: Mapping[str, Any] | None) -> VadSettings:
        """The settings that a session's `turn_detection` stands for."""
        if turn_detection is None:
            return cls()
        if turn_detection["type"] == "semantic_vad":
            return cls(silence_duration_ms=_EAGERNESS_MS[turn_detection["eagerness"]])
        return cls(
            turn_detection["threshold"],
            turn_detection["prefix_padding_ms"],
            turn_detection["silence_duration_ms"],
        )


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began. start_ms includes the prefix padding, as far as no earlier speech reaches into it."""

    start_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The silence after speech is long enough. end_ms includes that silence."""

    end_ms: int


class VoiceActivity:
    """Takes levels, frame by frame, and says when speech starts and stops."""

    def __init__(self, settings: VadSettings | None = None) -> None:
        self.settings = settings or VadSettings()
        self.speaking = False
        self.speech_ms = 0
        """How much loud speech there was since the session began."""
        self._floor = 0.0
        self._loud_ms = 0
        self._quiet_ms = 0
        self._first_loud_ms = 0
        self._stopped_ms = 0
        self._block_ms = 0
        self._block_least = float("inf")

    def feed(self, level: float, start_ms: int) -> SpeechStarted | SpeechStopped | None:
        """One frame of 20 ms that starts at start_ms; level is its mean absolute amplitude."""
        loud = level >= self._threshold()
        self._follow_noise(level, loud)
        if self.speaking:
            return self._go_on(loud, start_ms)
        if loud:
            if self._loud_ms == 0:
                self._first_loud_ms = start_ms
            self._loud_ms += FRAME_MS
        else:
            self._loud_ms = max(0, self._loud_ms - FRAME_MS)
        if self._loud_ms < ONSET_MS:
            return None
        self.speaking = True
        self.speech_ms += self._loud_ms
        self._quiet_ms = 0
        return SpeechStarted(max(self._stopped_ms, self._first_loud_ms - self.settings.prefix_padding_ms))

    def reset(self) -> None:
        """Forget the present speech, as when the buffer was cleared or committed by the client."""
        self.speaking = False
        self._loud_ms = self._quiet_ms = 0

    def _go_on(self, loud: bool, start_ms: int) -> SpeechStopped | None:
        if loud:
            self._quiet_ms = 0
            self.speech_ms += FRAME_MS
            return None
        self._quiet_ms += FRAME_MS
        if self._quiet_ms < self.settings.silence_duration_ms:
            return None
        self.reset()
        self._stopped_ms = start_ms + FRAME_MS
        return SpeechStopped(self._stopped_ms)

    def _threshold(self) -> float:
        wanted = self.settings.threshold
        return max(_LOUDNESS_AT_HALF * 2 * wanted, self._floor * (1 + 4 * wanted), 1.0)

    def _follow_noise(self, level: float, loud: bool) -> None:
        if not loud:
            self._floor += (level - self._floor) * (0.05 if level > self._floor else 0.3)
        self._block_least = min(self._block_least, level)
        self._block_ms += FRAME_MS
        if self._block_ms >= _FLOOR_BLOCK_MS:
            self._floor = max(self._floor, self._block_least)
            self._block_ms, self._block_least = 0, float("inf")

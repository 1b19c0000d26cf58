"""TALK_DETECT as Asterisk does it: the mean absolute amplitude of each frame against a threshold.

`TALK_DETECT(set)=silence_ms,threshold`: talking starts with the first frame above the threshold and ends when
the frames below it add up to `silence_ms`. The threshold is an amplitude, not a time.
"""

from dataclasses import dataclass

from offhook.simulators.g711 import ulaw_level

DEFAULT_SILENCE_MS = 2500
DEFAULT_THRESHOLD = 256


@dataclass(slots=True)
class TalkDetect:
    """Decides when a caller talks. Does no I/O; the caller's frames and their times are given to it."""

    silence_ms: int = DEFAULT_SILENCE_MS
    threshold: int = DEFAULT_THRESHOLD
    talking: bool = False
    _started: float = 0.0
    _silent_ms: float = 0.0

    @classmethod
    def parse(cls, value: str) -> "TalkDetect":
        """From the value of `TALK_DETECT(set)`: "", "250", "250,256" or ",256". Raises `ValueError`."""
        silence, _, threshold = value.partition(",")
        return cls(int(silence or DEFAULT_SILENCE_MS), int(threshold or DEFAULT_THRESHOLD))

    def frame(self, ulaw: bytes, now: float) -> int | None:
        """Take the next frame. Returns -1 when talking starts, the talk's duration in ms when it finishes,
        else None.
        """
        if ulaw_level(ulaw) >= self.threshold:
            self._silent_ms = 0.0
            if not self.talking:
                self.talking, self._started = True, now
                return -1
        elif self.talking:
            self._silent_ms += len(ulaw) / 8
            if self._silent_ms >= self.silence_ms:
                self.talking = False
                return round((now - self._started) * 1000) - self.silence_ms
        return None

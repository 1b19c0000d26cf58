"""What callers say and the model answers in tests: sounds that can be told apart."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise

ANSWER_SECONDS = 1.5


class Ears:
    """Understands `utterance(n)` as `words[n]`, by its pitch; anything higher as the last one."""

    def __init__(self, words: Sequence[str] = ("hello there",)) -> None:
        self._words = tuple(words)

    def load(self) -> None:
        """Nothing to load."""

    def transcribe(self, pcm: bytes, rate: int) -> str:
        """The words of one utterance."""
        samples: list[int] = [sample for (sample,) in struct.iter_unpack("<h", pcm)]
        seconds = sum(abs(sample) > 500 for sample in samples) / rate
        crossings = sum((one < 0) != (other < 0) for one, other in pairwise(samples))
        pitch = crossings / 2 / max(seconds, 0.001)
        number = int((pitch - 200) // 300)
        return self._words[min(max(number, 0), len(self._words) - 1)]


class Mouth:
    """Speaks every text as the same sweep of `seconds`."""

    def __init__(self, seconds: float = ANSWER_SECONDS) -> None:
        self.seconds = seconds

    def load(self) -> None:
        """Nothing to load."""

    def speak(self, text: str, rate: int, speed: float) -> Iterator[tuple[str, bytes]]:
        """The text and its sound, in one piece."""
        yield text, sweep(self.seconds, rate)


def sweep(seconds: float, rate: int = 8000, low: float = 400.0, high: float = 2000.0) -> bytes:
    """A tone that rises all the time: every part of it is different. 16-bit PCM."""
    count = round(seconds * rate)
    span = high - low
    return struct.pack(
        f"<{count}h",
        *(
            round(9000 * math.sin(2 * math.pi * (low * t + span * t * t / (2 * seconds))))
            for t in (n / rate for n in range(count))
        ),
    )


def utterance(number: int) -> bytes:
    """What a caller says: a second of sound, of another pitch for each number. 16-bit PCM at 8 kHz."""
    return sweep(1.0, low=300 + 300 * number, high=400 + 300 * number)


SPEECH = utterance(0)
"""What a caller says in most tests: `utterance(0)`."""

"""Waits for a word in the caller's audio: 8 kHz µ-law, as it comes from Asterisk."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from offhook import Emit

from .ulaw import SAMPLES

log = logging.getLogger(__name__)

BYTES_PER_MS = 8
ONSET_BYTES = 300 * BYTES_PER_MS
"""So much from before the first loud frame belongs to the word."""
STEP_BYTES = 500 * BYTES_PER_MS
"""After so much more speech it is looked at again."""
PAUSE_BYTES = 400 * BYTES_PER_MS
"""Silence after which something new begins."""
LONGEST_BYTES = 4000 * BYTES_PER_MS
LOUD = 300
"""Mean amplitude of a frame that may be speech."""

LOUDNESS = [abs(sample) for sample in SAMPLES]

EARS = ThreadPoolExecutor(1, thread_name_prefix="wake word")
"""Recognition takes longer than a listener may: it has a thread of its own, one for all calls."""
ASLEEP: set[str] = set()
"""The calls that wait for their word."""

Understand = Callable[[bytes], str]
"""Turns µ-law audio at 8 kHz into words."""


class Listener:
    """Listens to one call; has what the caller says understood piece by piece, until the word comes."""

    def __init__(self, call_id: str, word: str, emit: Emit, understand: Understand) -> None:
        self._call_id = call_id
        self._word = re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE)
        self._emit = emit
        self._understand = understand
        self._said = bytearray()
        self._speaking = False
        self._quiet_bytes = 0
        self._new_bytes = 0
        self._looking = False

    def hear(self, frame: bytes) -> None:
        if self._call_id not in ASLEEP:
            return
        loud = sum(map(LOUDNESS.__getitem__, frame)) > LOUD * len(frame)
        self._speaking = self._speaking or loud
        self._quiet_bytes = 0 if loud else self._quiet_bytes + len(frame)
        self._new_bytes = self._new_bytes + len(frame) if self._speaking else 0
        self._said += frame
        del self._said[: -LONGEST_BYTES if self._speaking else -ONSET_BYTES]
        over = self._quiet_bytes >= PAUSE_BYTES
        if self._speaking and not self._looking and (over or self._new_bytes >= STEP_BYTES):
            self._looking, self._new_bytes, self._speaking = True, 0, not over
            EARS.submit(self._look, bytes(self._said))

    def close(self) -> None:
        ASLEEP.discard(self._call_id)

    def _look(self, audio: bytes) -> None:
        """In the thread of `EARS`; nobody but the log would learn of an exception here."""
        try:
            if self._word.search(self._understand(audio)) and self._call_id in ASLEEP:
                self._emit("wake")
        except Exception:
            log.exception("the word could not be looked for", extra={"call_id": self._call_id})
        finally:
            self._looking = False

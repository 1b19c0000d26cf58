"""The input audio buffer: what was appended and not yet committed, and the voice activity in it."""

from __future__ import annotations

from collections.abc import Iterator

from offhook.media.formats import PCM24, AudioFormat
from offhook.simulators.realtime.audio import level
from offhook.simulators.realtime.vad import SpeechStarted, SpeechStopped, VoiceActivity

KEPT_SILENCE_MS = 30_000
"""How much audio without speech is kept for a commit or for the prefix of coming speech."""


class InputBuffer:
    """Audio in the wire's format. All times are milliseconds of audio since the session began."""

    def __init__(self, audio_format: AudioFormat = PCM24) -> None:
        self.activity = VoiceActivity()
        self._format = audio_format
        self._earlier_ms = 0  # audio that came in another format
        self._data = bytearray()
        self._start = 0  # the position of _data's first byte among all bytes of this format
        self._analysed = 0

    @property
    def format(self) -> AudioFormat:
        """The format of the audio that is appended."""
        return self._format

    @property
    def heard_ms(self) -> int:
        """How much of the session's audio was looked at."""
        return self._ms(self._analysed)

    @property
    def length_ms(self) -> float:
        """How much audio is in the buffer."""
        return len(self._data) / self._format.bytes_per_ms

    def change_format(self, audio_format: AudioFormat) -> None:
        """Later audio is in another format; what is in the buffer is lost."""
        if audio_format is self._format:
            return
        self._earlier_ms = self._ms(self._start + len(self._data))
        self._format = audio_format
        self._data.clear()
        self._start = self._analysed = 0
        self.activity.reset()

    def append(self, data: bytes) -> Iterator[SpeechStarted | SpeechStopped | None]:
        """Take more audio, and look at each whole frame of it.

        Yields once for each frame, with what changed there, so that the caller can act at that very moment of
        the audio: the rest of `data` is looked at when it asks for more.
        """
        self._data += data
        size = self._format.frame_bytes
        while self._start + len(self._data) - self._analysed >= size:
            offset = self._analysed - self._start
            start_ms = self.heard_ms
            loudness = level(bytes(self._data[offset : offset + size]), self._format)
            self._analysed += size
            yield self.activity.feed(loudness, start_ms)

    def since(self, start_ms: int) -> bytes:
        """The audio from a moment up to where it was looked at, which stays in the buffer."""
        return bytes(self._data[self._offset(start_ms) : self._analysed - self._start])

    def cut(self, start_ms: int) -> bytes:
        """As `since`, and the buffer begins anew after it."""
        audio = self.since(start_ms)
        self._drop(self._analysed - self._start)
        return audio

    def take(self) -> bytes:
        """All of the buffer, which is empty afterwards."""
        audio = bytes(self._data)
        self._drop(len(self._data))
        self._analysed = max(self._analysed, self._start)
        return audio

    def clear(self) -> None:
        """Throw away what is there."""
        self.take()
        self.activity.reset()

    def forget_silence(self) -> None:
        """Drop the oldest audio, unless somebody is speaking or there is little of it."""
        kept = KEPT_SILENCE_MS * self._format.bytes_per_ms
        # In large steps, since each moves the rest of the buffer.
        if not self.activity.speaking and len(self._data) > 2 * kept:
            self._drop(len(self._data) - kept)

    def _ms(self, position: int) -> int:
        return self._earlier_ms + position // self._format.bytes_per_ms

    def _offset(self, moment_ms: int) -> int:
        return max(0, (moment_ms - self._earlier_ms) * self._format.bytes_per_ms - self._start)

    def _drop(self, count: int) -> None:
        del self._data[:count]
        self._start += count

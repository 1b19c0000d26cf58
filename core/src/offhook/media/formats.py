"""The audio formats that pass through untouched: one name for Asterisk, one for the Realtime API."""

from __future__ import annotations

from dataclasses import dataclass

FRAME_MS = 20
"""The length of one frame in milliseconds: what Asterisk sends and expects in one packet (RFC 3551 §4.2)."""


class UnknownFormatError(ValueError):
    """No such audio format; the message names the value and what is allowed."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One encoding of mono audio, and the arithmetic between bytes, samples and milliseconds."""

    realtime_name: str
    """`session.audio.*.format.type` of the Realtime API."""
    asterisk_name: str
    """The codec's name in Asterisk, for `externalMedia`."""
    payload_type: int | None
    """The static RTP payload type (RFC 3551 §6); None if the format does not travel by RTP."""
    rate: int
    """Samples a second; for RTP also the ticks of the timestamp's clock."""
    sample_bytes: int
    silent_sample: bytes
    """One sample of silence."""

    @property
    def samples_per_ms(self) -> int:
        return self.rate // 1000

    @property
    def bytes_per_ms(self) -> int:
        return self.samples_per_ms * self.sample_bytes

    @property
    def frame_bytes(self) -> int:
        """The size of one frame of `FRAME_MS`, in bytes."""
        return self.bytes_per_ms * FRAME_MS

    def silence(self, samples: int) -> bytes:
        """So many samples of silence."""
        return self.silent_sample * samples


PCMU = AudioFormat("audio/pcmu", "ulaw", 0, 8000, 1, b"\xff")
"""G.711 µ-law; 0xFF is its zero."""
PCMA = AudioFormat("audio/pcma", "alaw", 8, 8000, 1, b"\xd5")
"""G.711 A-law; 0xD5 is its smallest positive value, for it has no zero."""
PCM24 = AudioFormat("audio/pcm", "slin24", None, 24000, 2, b"\x00\x00")
"""Linear 16 bit at 24 kHz, for a transport other than RTP: Asterisk takes wideband RTP one way only."""

FORMATS = (PCMU, PCMA, PCM24)


def format_named(realtime_name: str) -> AudioFormat:
    """The format that the Realtime API calls `realtime_name`; raises `UnknownFormatError`."""
    for audio_format in FORMATS:
        if audio_format.realtime_name == realtime_name:
            return audio_format
    allowed = ", ".join(audio_format.realtime_name for audio_format in FORMATS)
    raise UnknownFormatError(f"audio format {realtime_name!r} is not known; allowed are {allowed}")

"""The server's audio: the level of what arrives, and the way between the wire's formats and linear samples."""

from __future__ import annotations

import sys
from array import array

from offhook.media.formats import PCMA, PCMU, AudioFormat
from offhook.simulators import g711

FRAME_MS = 20
"""How much audio voice activity looks at in one step."""


def level(frame: bytes, audio_format: AudioFormat) -> float:
    """Mean absolute amplitude of a frame, as 16-bit samples have it (0 to 32768)."""
    if audio_format is PCMU:
        return g711.ulaw_level(frame)
    if audio_format is PCMA:
        return g711.ulaw_level(frame.translate(g711.ALAW_TO_ULAW))
    # Every third sample is 8000 a second: enough for a level, and a third of the work.
    samples = _samples(frame)[::3]
    return sum(map(abs, samples)) / len(samples) if samples else 0.0


def to_pcm(data: bytes, audio_format: AudioFormat) -> bytes:
    """Audio of the wire as 16-bit little-endian PCM at the format's rate."""
    if audio_format is PCMU:
        return g711.decode_ulaw(data)
    if audio_format is PCMA:
        return g711.decode_alaw(data)
    return data[: len(data) & ~1]


def from_pcm(pcm: bytes, audio_format: AudioFormat) -> bytes:
    """16-bit little-endian PCM at the format's rate as audio of the wire."""
    if audio_format is PCMU:
        return g711.encode_ulaw(pcm)
    if audio_format is PCMA:
        return g711.encode_alaw(pcm)
    return pcm


def _samples(pcm: bytes) -> array[int]:
    samples = array("h", pcm[: len(pcm) & ~1])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples

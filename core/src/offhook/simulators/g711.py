"""G.711 (ITU-T G.711) in plain Python: µ-law and A-law to linear PCM and back, and between each other.

Linear PCM is 16-bit signed little-endian, mono. Everything here works on whole frames with `bytes.translate`,
slices and `sum`, never sample by sample, so that hundreds of simulated calls fit into one process.
"""

import sys
from array import array

ULAW_SILENCE = 0xFF
"""The µ-law code of a zero sample."""
ALAW_SILENCE = 0xD5
"""The A-law code of the smallest positive sample; A-law has no zero."""


def _ulaw_sample(code: int) -> int:
    code = ~code & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def _alaw_sample(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = (code & 0x70) >> 4, (code & 0x0F) << 4
    magnitude = mantissa + 8 if exponent == 0 else (mantissa + 0x108) << (exponent - 1)
    return magnitude if code & 0x80 else -magnitude


ULAW_SAMPLES = tuple(_ulaw_sample(code) for code in range(256))
"""The 16-bit sample of each µ-law code."""
ALAW_SAMPLES = tuple(_alaw_sample(code) for code in range(256))
"""The 16-bit sample of each A-law code."""


def _encoder(samples: tuple[int, ...]) -> bytes:
    """The nearest code of each sample, indexed by the sample as an unsigned 16-bit number."""
    # µ-law has two zeros; 0xFF is the one that encoders send, so the later code of a value wins.
    codes = sorted({sample: code for code, sample in enumerate(samples)}.items())
    ordered = bytearray()  # from -32768 upwards
    for (sample, code), (following, _) in zip(codes, [*codes[1:], (2 * 32768, 0)], strict=True):
        until = min((sample + following + 1) // 2, 32768)
        ordered += bytes([code]) * (until + 32768 - len(ordered))
    return bytes(ordered[32768:] + ordered[:32768])


_ULAW_CODES = _encoder(ULAW_SAMPLES)
_ALAW_CODES = _encoder(ALAW_SAMPLES)
ULAW_TO_ALAW = bytes(_ALAW_CODES[sample & 0xFFFF] for sample in ULAW_SAMPLES)
"""For `bytes.translate`: µ-law to A-law."""
ALAW_TO_ULAW = bytes(_ULAW_CODES[sample & 0xFFFF] for sample in ALAW_SAMPLES)
"""For `bytes.translate`: A-law to µ-law."""

_ULAW_LOW = bytes(sample & 0xFF for sample in ULAW_SAMPLES)
_ULAW_HIGH = bytes(sample >> 8 & 0xFF for sample in ULAW_SAMPLES)
_ALAW_LOW = bytes(sample & 0xFF for sample in ALAW_SAMPLES)
_ALAW_HIGH = bytes(sample >> 8 & 0xFF for sample in ALAW_SAMPLES)
_SIZE_LOW = bytes(abs(sample) & 0xFF for sample in ULAW_SAMPLES)
_SIZE_HIGH = bytes(abs(sample) >> 8 for sample in ULAW_SAMPLES)


def _interleave(low: bytes, high: bytes) -> bytes:
    pcm = bytearray(2 * len(low))
    pcm[0::2] = low
    pcm[1::2] = high
    return bytes(pcm)


def decode_ulaw(codes: bytes) -> bytes:
    """µ-law to 16-bit PCM (twice as many bytes)."""
    return _interleave(codes.translate(_ULAW_LOW), codes.translate(_ULAW_HIGH))


def decode_alaw(codes: bytes) -> bytes:
    """A-law to 16-bit PCM (twice as many bytes)."""
    return _interleave(codes.translate(_ALAW_LOW), codes.translate(_ALAW_HIGH))


def _encode(pcm: bytes, codes: bytes) -> bytes:
    samples = array("H", pcm[: len(pcm) & ~1])
    if sys.byteorder == "big":
        samples.byteswap()
    return bytes(map(codes.__getitem__, samples))


def encode_ulaw(pcm: bytes) -> bytes:
    """16-bit PCM to µ-law (half as many bytes)."""
    return _encode(pcm, _ULAW_CODES)


def encode_alaw(pcm: bytes) -> bytes:
    """16-bit PCM to A-law (half as many bytes)."""
    return _encode(pcm, _ALAW_CODES)


def ulaw_level(codes: bytes) -> float:
    """Mean absolute amplitude (0 to 32124) of a µ-law frame: what Asterisk's silence detection compares."""
    if not codes:
        return 0.0
    return (256 * sum(codes.translate(_SIZE_HIGH)) + sum(codes.translate(_SIZE_LOW))) / len(codes)


def mix_ulaw(one: bytes, other: bytes) -> bytes:
    """Two µ-law frames at once, as long as the longer; the sum is clipped. Silence costs nothing."""
    if not other or not other.strip(b"\xff\x7f"):
        return one + other[len(one) :]
    if not one or not one.strip(b"\xff\x7f"):
        return other + one[len(other) :]
    mixed = bytes(
        _ULAW_CODES[max(-32768, min(32767, ULAW_SAMPLES[a] + ULAW_SAMPLES[b])) & 0xFFFF]
        for a, b in zip(one, other, strict=False)
    )
    return mixed + one[len(mixed) :] + other[len(mixed) :]

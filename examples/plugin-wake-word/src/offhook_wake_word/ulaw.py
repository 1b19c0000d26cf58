"""G.711 µ-law as a table."""

from __future__ import annotations


def _sample(code: int) -> int:
    code = ~code & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return -magnitude if code & 0x80 else magnitude


SAMPLES = [_sample(code) for code in range(256)]
"""The 16-bit sample of each code."""

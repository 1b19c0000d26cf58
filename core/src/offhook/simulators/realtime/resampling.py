"""Sample rate conversion with numpy, for the voice: only imported where `offhook[speech]` is installed."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_ZERO_CROSSINGS = 24
"""How long the filter is on each side; the longer, the steeper its edge below half the lower rate."""


def resample(samples: NDArray[np.floating], source: int, target: int) -> bytes:
    """Samples in ±1 at one rate as 16-bit little-endian PCM at another.

    A Kaiser-windowed sinc cuts off what the lower of the two rates cannot carry, so that nothing aliases.
    """
    signal = np.asarray(samples, np.float64)
    if source != target and len(signal):
        signal = _convert(signal, source, target)
    return (np.clip(signal, -1, 1) * 32767).round().astype("<i2").tobytes()


def _convert(signal: NDArray[np.float64], source: int, target: int) -> NDArray[np.float64]:
    divisor = math.gcd(source, target)
    up, down = target // divisor, source // divisor
    cutoff = 0.94 * min(1.0, target / source)  # of half the source's rate
    width = math.ceil(_ZERO_CROSSINGS / cutoff)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(signal, (width, width + 1)), 2 * width + 1)
    result = np.empty(len(signal) * up // down)
    # Output sample i falls at i*down/up; all those with the same fraction share one set of taps.
    for start in range(min(up, len(result))):
        whole, part = divmod(start * down, up)
        offsets = np.arange(-width, width + 1) - part / up
        taps = cutoff * np.sinc(cutoff * offsets) * _kaiser(offsets / (width + 1))
        picked = result[start::up]
        picked[:] = windows[whole::down][: len(picked)] @ (taps / taps.sum())
    return result


def _kaiser(x: NDArray[np.float64], beta: float = 8.0) -> NDArray[np.float64]:
    inside = np.clip(1 - x**2, 0, None)
    window: NDArray[np.float64] = np.i0(beta * np.sqrt(inside)) / np.i0(beta)
    return window

"""WAV files for the simulators: mono, 16-bit, read at any sample rate brought to the telephone's 8 kHz."""

import math
import sys
import wave
from array import array
from operator import mul
from pathlib import Path

TELEPHONE_RATE = 8000
"""Samples a second on a G.711 line."""


def read_wav(path: str | Path, rate: int = TELEPHONE_RATE) -> bytes:
    """The file's samples as 16-bit little-endian PCM at `rate` samples a second.

    Raises `ValueError` when the file is not mono 16-bit, `wave.Error` when it is no WAV, `OSError` when it
    cannot be read.
    """
    with wave.open(str(path), "rb") as file:
        if file.getnchannels() != 1 or file.getsampwidth() != 2:
            shape = f"{file.getnchannels()} channels of {8 * file.getsampwidth()} bits"
            raise ValueError(f"{path}: {shape}; mono and 16 bits are wanted")
        return resample(file.readframes(file.getnframes()), file.getframerate(), rate)


def write_wav(path: str | Path, pcm: bytes, rate: int = TELEPHONE_RATE) -> None:
    """Write 16-bit little-endian PCM as a mono WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)


def resample(pcm: bytes, source: int, target: int) -> bytes:
    """16-bit PCM from one sample rate to another, through a windowed-sinc low-pass: nothing aliases."""
    if source == target:
        return pcm
    samples = _samples(pcm)
    cutoff = min(1.0, target / source)
    width = math.ceil(8 / cutoff)  # taps on each side
    padded = array("h", bytes(2 * width)) + samples + array("h", bytes(2 * width))
    ratio = math.gcd(source, target)
    phases = target // ratio  # the kernel depends only on where between two samples the new one falls
    kernels = [_kernel(phase / phases, cutoff, width) for phase in range(phases)]
    out = array("h")
    for index in range(len(samples) * target // source):
        whole, phase = divmod(index * (source // ratio), phases)
        value = round(sum(map(mul, padded[whole + 1 : whole + 1 + 2 * width], kernels[phase])))
        out.append(max(-32768, min(32767, value)))
    return _bytes(out)


def tone(hz: float, seconds: float, level: int = 8000, rate: int = TELEPHONE_RATE) -> bytes:
    """A sine of `level` peak amplitude as 16-bit PCM."""
    step = 2 * math.pi * hz / rate
    return _bytes(array("h", (round(level * math.sin(step * i)) for i in range(round(seconds * rate)))))


def silence(seconds: float, rate: int = TELEPHONE_RATE) -> bytes:
    """Zero samples as 16-bit PCM."""
    return bytes(2 * round(seconds * rate))


def _kernel(phase: float, cutoff: float, width: int) -> list[float]:
    taps = []
    for k in range(1 - width, width + 1):
        x = k - phase
        sinc = cutoff if x == 0 else math.sin(math.pi * cutoff * x) / (math.pi * x)
        window = 0.5 + 0.5 * math.cos(math.pi * x / width) if abs(x) < width else 0.0
        taps.append(sinc * window)
    total = sum(taps)
    return [tap / total for tap in taps]


def _samples(pcm: bytes) -> "array[int]":
    samples = array("h", pcm[: len(pcm) & ~1])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _bytes(samples: "array[int]") -> bytes:
    if sys.byteorder == "big":
        samples = samples[:]
        samples.byteswap()
    return samples.tobytes()

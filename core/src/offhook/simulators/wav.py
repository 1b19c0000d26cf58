"""WAV files for the simulators: mono, 16-bit, read at any sample rate brought to the telephone's 8 kHz."""

import io
import math
import os
import sys
import wave
from array import array
from operator import mul
from pathlib import Path

TELEPHONE_RATE = 8000
"""Samples a second on a G.711 line."""
WANTED = "mono and 16 bits"


def read_wav(path: str | Path, rate: int = TELEPHONE_RATE) -> bytes:
    """The file's samples as 16-bit little-endian PCM at `rate` samples a second.

    Raises `ValueError` when the file cannot be read, is no WAV, or is not mono 16-bit; its text is one sentence
    with the path, what is wrong, and what is wanted.
    """
    try:
        with wave.open(str(path), "rb") as file:
            channels, bits, source = file.getnchannels(), 8 * file.getsampwidth(), file.getframerate()
            pcm = file.readframes(file.getnframes())
    except OSError as error:
        raise ValueError(f"{path}: {reason(error)}; a WAV file is wanted, {WANTED}") from None
    except (EOFError, wave.Error) as error:
        why = f"no WAV file that can be read ({str(error) or 'it ends too soon'})"
        raise ValueError(f"{path}: {why}; a WAV file is wanted, {WANTED}") from None
    if (channels, bits) != (1, 16):
        raise ValueError(f"{path}: {channels} channels of {bits} bits; {WANTED} are wanted")
    if not pcm or source <= 0:
        raise ValueError(f"{path}: no sound in it; a WAV file is wanted, {WANTED}")
    return resample(pcm, source, rate)


def reason(error: OSError) -> str:
    """Why the system refused, in its own words: without the number and the path."""
    # asyncio puts a sentence of its own, and a resolver an error number of its own, in an OSError's place.
    number = error.errno or 0
    return os.strerror(number) if number > 0 else error.strerror or str(error)


def write_wav(path: str | Path, pcm: bytes, rate: int = TELEPHONE_RATE) -> None:
    """Write 16-bit little-endian PCM as a mono WAV file. Raises `OSError`."""
    whole = io.BytesIO()  # wave would leave half a file, and noise on stderr, where it cannot write
    with wave.open(whole, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    Path(path).write_bytes(whole.getvalue())


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

"""G.711 and WAV for the simulators."""

import math
import wave
from array import array
from pathlib import Path

import pytest

from offhook.simulators import g711
from offhook.simulators.wav import read_wav, resample, silence, tone, write_wav

ALL_CODES = bytes(range(256))


def samples(pcm: bytes) -> list[int]:
    return [int.from_bytes(pcm[i : i + 2], "little", signed=True) for i in range(0, len(pcm), 2)]


def pcm_of(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "little", signed=True) for value in values)


# Values of ITU-T G.711's tables, scaled to 16 bits
@pytest.mark.parametrize(
    ("code", "sample"),
    [(0x00, -32124), (0x80, 32124), (0x7F, 0), (0xFF, 0), (0x0F, -16764), (0xF0, 120), (0xFE, 8)],
)
def test_ulaw_values(code: int, sample: int) -> None:
    assert samples(g711.decode_ulaw(bytes([code]))) == [sample]


@pytest.mark.parametrize(
    ("code", "sample"), [(0x55, -8), (0xD5, 8), (0xAA, 32256), (0x2A, -32256), (0x80, 5504), (0xD4, 24)]
)
def test_alaw_values(code: int, sample: int) -> None:
    assert samples(g711.decode_alaw(bytes([code]))) == [sample]


def test_every_code_survives_decoding_and_encoding() -> None:
    assert g711.encode_alaw(g711.decode_alaw(ALL_CODES)) == ALL_CODES
    # the negative zero comes back as the positive one
    assert g711.encode_ulaw(g711.decode_ulaw(ALL_CODES)) == ALL_CODES.replace(b"\x7f", b"\xff")


def test_the_nearest_code_is_taken() -> None:
    assert g711.encode_ulaw(pcm_of(0, 3, 5, 8, -32768, 32767)) == bytes([0xFF, 0xFF, 0xFE, 0xFE, 0x00, 0x80])
    for encode, decode in ((g711.encode_ulaw, g711.decode_ulaw), (g711.encode_alaw, g711.decode_alaw)):
        for sample in range(-32000, 32000, 97):
            (back,) = samples(decode(encode(pcm_of(sample))))
            assert abs(back - sample) <= max(16, abs(sample) / 28)


def test_between_the_laws() -> None:
    for code in ALL_CODES:
        (sample,) = samples(g711.decode_ulaw(bytes([code])))
        (other,) = samples(g711.decode_alaw(bytes([code]).translate(g711.ULAW_TO_ALAW)))
        assert abs(sample - other) <= max(16, abs(sample) / 24)


def test_the_level_is_the_mean_amplitude() -> None:
    assert g711.ulaw_level(b"") == 0
    assert g711.ulaw_level(b"\xff" * 160) == 0
    assert g711.ulaw_level(bytes([0x00, 0x80, 0xFF, 0xFF])) == 32124 / 2


def test_mixing_adds_and_clips() -> None:
    low, high = g711.encode_ulaw(pcm_of(1000, -1000)), g711.encode_ulaw(pcm_of(30000, 30000))
    assert g711.mix_ulaw(low, b"\xff\xff") == low
    assert g711.mix_ulaw(b"", low) == low
    assert g711.mix_ulaw(b"\xff", low) == low
    assert g711.mix_ulaw(high, high) == b"\x80\x80"
    assert abs(samples(g711.decode_ulaw(g711.mix_ulaw(low, low)))[0] - 2000) < 64


def test_a_wav_file_comes_back_as_it_was(tmp_path: Path) -> None:
    pcm = tone(440, 0.1)
    write_wav(tmp_path / "a.wav", pcm)
    assert read_wav(tmp_path / "a.wav") == pcm


@pytest.mark.parametrize("rate", [16000, 22050, 24000, 44100])
def test_resampling_keeps_speech_and_drops_what_does_not_fit(rate: int) -> None:
    (kept, dropped) = (samples(resample(tone(hz, 0.2, rate=rate), rate, 8000)) for hz in (1000, 6000))

    assert len(kept) == 1600
    expected = [8000 * math.sin(2 * math.pi * 1000 * i / 8000) for i in range(1600)]
    assert max(abs(a - b) for a, b in zip(kept[100:-100], expected[100:-100], strict=True)) < 100
    assert max(map(abs, dropped[100:-100])) < 100


def test_resampling_upwards() -> None:
    wide = samples(resample(tone(1000, 0.1), 8000, 24000))
    assert len(wide) == 2400
    expected = [8000 * math.sin(2 * math.pi * 1000 * i / 24000) for i in range(2400)]
    assert max(abs(a - b) for a, b in zip(wide[300:-300], expected[300:-300], strict=True)) < 100


def test_only_mono_16_bit_is_read(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "stereo.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(array("h", [0] * 8).tobytes())
    with pytest.raises(ValueError, match=r"stereo\.wav: 2 channels of 16 bits; mono"):
        read_wav(tmp_path / "stereo.wav")


def test_silence_has_its_length() -> None:
    assert silence(0.5) == bytes(8000)

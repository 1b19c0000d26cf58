"""The voice's samples on their way to the telephone's rate."""

import pytest

from offhook.simulators.realtime import speech_available

if not speech_available():
    pytest.skip("needs the extra offhook[speech]", allow_module_level=True)

import numpy as np

from offhook.simulators.realtime.resampling import resample

pytestmark = pytest.mark.speech


def through(hz: float, source: int, target: int) -> "np.typing.NDArray[np.float64]":
    """A second of a sine, resampled; its ends left out, where the filter runs in and out."""
    sine = 0.5 * np.sin(2 * np.pi * hz * np.arange(source) / source)
    samples = np.frombuffer(resample(sine, source, target), "<i2") / 32767
    assert len(samples) == target
    return samples[target // 10 : -target // 10]


@pytest.mark.parametrize("target", [8000, 22_050, 24_000])
def test_a_tone_keeps_its_pitch_and_loudness(target: int) -> None:
    samples = through(1000, 22_050, target)
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(target) / target)[target // 10 : -target // 10]
    assert np.abs(samples - expected).max() < 0.002


@pytest.mark.parametrize("hz", [4300, 6000, 10_000])
def test_what_the_telephone_cannot_carry_is_gone(hz: float) -> None:
    assert np.abs(through(hz, 22_050, 8000)).max() < 0.002


def test_too_loud_samples_are_cut_off() -> None:
    assert np.frombuffer(resample(np.array([2.0, -2.0]), 8000, 8000), "<i2").tolist() == [32767, -32767]


def test_nothing_stays_nothing() -> None:
    assert resample(np.zeros(0), 22_050, 8000) == b""

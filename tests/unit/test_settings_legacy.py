"""Names of yesterday work, and say what to write today."""

from __future__ import annotations

import pytest

from offhook.settings import load_settings, settings_with


@pytest.mark.parametrize(
    ("written", "today"),
    [
        ("g711_ulaw", "audio/pcmu"),
        ("G711_ULAW", "audio/pcmu"),
        ("ulaw", "audio/pcmu"),
        ("PCMU", "audio/pcmu"),
        ("audio/pcmu", "audio/pcmu"),
        ("g711_alaw", "audio/pcma"),
        ("alaw", "audio/pcma"),
        ("pcma", "audio/pcma"),
        ("audio/pcma", "audio/pcma"),
        ("pcm16", "audio/pcm"),
        ("pcm_s16le", "audio/pcm"),
        ("audio/pcm", "audio/pcm"),
    ],
)
def test_old_audio_formats_are_todays(written: str, today: str) -> None:
    settings = settings_with(inputAudioFormat=written, outputAudioFormat=written, mediaTransport="websocket")
    assert settings.openai.input_audio_format == settings.openai.output_audio_format == today


@pytest.mark.parametrize(
    ("written", "successor"),
    [
        ("gpt-4o-realtime-preview-2024-12-17", "gpt-realtime-2.1"),
        ("gpt-4o-realtime-preview", "gpt-realtime-2.1"),
        ("gpt-4o-mini-realtime-preview-2024-12-17", "gpt-realtime-2.1-mini"),
    ],
)
def test_a_model_that_is_gone_is_replaced_with_a_warning(written: str, successor: str) -> None:
    layered = load_settings(environ={"OPENAI_STT_MODEL": written})
    assert layered.settings.openai.model == successor
    assert layered.warnings == (
        f"model from environment OPENAI_STT_MODEL: {written} no longer exists; "
        f"{successor} is used in its place",
    )


@pytest.mark.parametrize(
    ("leaf", "value", "day", "better"),
    [
        ("model", "gpt-realtime", "2027-01-20", "gpt-realtime-2.1"),
        ("model", "gpt-realtime-mini", "2027-01-20", "gpt-realtime-2.1-mini"),
        ("transcriptionModel", "whisper-1", "2027-02-26", "gpt-transcribe"),
        ("transcriptionModel", "gpt-4o-transcribe", "2027-02-26", "gpt-transcribe"),
        ("transcriptionModel", "gpt-4o-mini-transcribe", "2027-02-26", "gpt-transcribe"),
    ],
)
def test_a_model_that_ends_works_and_names_the_day(leaf: str, value: str, day: str, better: str) -> None:
    layered = load_settings(environ={}, overrides={leaf: value})
    assert layered.settings == settings_with(**{leaf: value})
    assert layered.warnings == (f"{leaf} from override: {value} will be shut down on {day}; use {better}",)


def test_todays_models_and_voices_give_no_warning() -> None:
    layered = load_settings(environ={"OPENAI_STT_MODEL": "gpt-realtime-2", "OPENAI_TTS_VOICE": "alloy"})
    assert layered.warnings == ()


def test_a_voice_that_is_not_built_in_works_with_a_warning() -> None:
    layered = load_settings(environ={"OPENAI_TTS_VOICE": "nova"})
    assert layered.settings.openai.voice == "nova"
    assert "nova is none of the built-in voices" in layered.warnings[0]


@pytest.mark.parametrize("name", ["OPENAI_TTS_MODEL", "FIRST_INTERACTION_RECOGNITION_MODE"])
def test_a_variable_without_effect_is_named(name: str) -> None:
    (warning,) = load_settings(environ={name: "tts-1"}).warnings
    assert warning.startswith(f"{name} has no effect")
    assert load_settings(environ={name: ""}).warnings == ()


@pytest.mark.parametrize(("written", "today"), [("warn", "warning"), ("WARN", "warning"), ("trace", "debug")])
def test_log_levels_of_node_are_understood(written: str, today: str) -> None:
    assert settings_with(level=written).logging.level == today


def test_a_warning_is_said_once() -> None:
    layered = load_settings(environ={"OPENAI_MODEL": "gpt-realtime"})
    again = layered.with_layer("console", {"model": "gpt-realtime"})
    assert again.with_layer("console", {"model": "gpt-realtime"}).warnings == again.warnings
    assert len(again.warnings) == 2

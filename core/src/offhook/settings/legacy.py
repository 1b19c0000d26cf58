"""Names of yesterday: they keep working, and say what to write today."""

from __future__ import annotations

from typing import Any

REALTIME = "gpt-realtime-2.1"
REALTIME_MINI = "gpt-realtime-2.1-mini"

VOICES = ("alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse")
"""The built-in voices of the Realtime API; the original's `fable`, `nova`, `onyx` are not among them."""

_FORMATS = {
    "g711_ulaw": "audio/pcmu",
    "ulaw": "audio/pcmu",
    "pcmu": "audio/pcmu",
    "audio/pcmu": "audio/pcmu",
    "g711_alaw": "audio/pcma",
    "alaw": "audio/pcma",
    "pcma": "audio/pcma",
    "audio/pcma": "audio/pcma",
    "pcm16": "audio/pcm",
    "pcm_s16le": "audio/pcm",
    "pcm": "audio/pcm",
    "audio/pcm": "audio/pcm",
}

_ENDING = {
    "gpt-realtime": ("2027-01-20", REALTIME),
    "gpt-realtime-mini": ("2027-01-20", REALTIME_MINI),
    "whisper-1": ("2027-02-26", "gpt-transcribe"),
    "gpt-4o-transcribe": ("2027-02-26", "gpt-transcribe"),
    "gpt-4o-mini-transcribe": ("2027-02-26", "gpt-transcribe"),
}
"""Models whose shutdown is announced: the day, and what to use in their place."""

IGNORED = {
    "OPENAI_TTS_MODEL": "the Realtime model speaks by itself",
    "FIRST_INTERACTION_RECOGNITION_MODE": "RECOGNITION_ACTIVATION_MODE holds for the whole call",
}
"""Environment names of the original that have no effect here, and why."""


def audio_format(name: Any) -> Any:
    """Today's name of an audio format, for any name that it had before."""
    return _FORMATS.get(name.strip().lower(), name) if isinstance(name, str) else name


_LEVELS = {"warn": "warning", "verbose": "debug", "trace": "debug", "silly": "debug", "fatal": "critical"}


def log_level(name: Any) -> Any:
    """Python's name of a log level, for the names that Node.js logs use."""
    return _LEVELS.get(name.strip().lower(), name) if isinstance(name, str) else name


def successor(model: str) -> str:
    """The model that took the place of a beta model; any other stays."""
    if model.startswith("gpt-4o-realtime-preview"):
        return REALTIME
    if model.startswith("gpt-4o-mini-realtime-preview"):
        return REALTIME_MINI
    return model


def modalities(values: tuple[str, ...]) -> tuple[str, ...]:
    """One modality: audio comes with its transcript, so `audio,text` of the beta means audio."""
    if not values:
        raise ValueError("empty")
    return ("audio",) if "audio" in values else ("text",)


def advice(leaf: str, raw: Any, value: Any) -> str:
    """What to say about a value that works and should be changed; empty where there is nothing to say."""
    if leaf == "model" and isinstance(raw, str) and raw.strip() != value:
        return f"{raw.strip()} no longer exists; {value} is used in its place"
    if leaf in ("model", "transcriptionModel") and value in _ENDING:
        day, better = _ENDING[value]
        return f"{value} will be shut down on {day}; use {better}"
    if leaf == "voice" and value not in VOICES:
        return f"{value} is none of the built-in voices ({', '.join(VOICES)}); the provider may refuse it"
    return ""

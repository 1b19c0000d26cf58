"""Rules that take more than one setting to break."""

from __future__ import annotations

from dataclasses import dataclass

from .model import Settings
from .openai_realtime import MODELS_WITHOUT_TURN_DETECTION, SAMPLE_RATES


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that does not hold."""

    leaves: tuple[str, ...]
    """The settings that break it together, by name."""
    rule: str
    """The rule, as a sentence."""


def broken_rules(settings: Settings) -> list[Broken]:
    """Every rule that the settings break together."""
    return [*_audio(settings), *_keypad(settings), *_turns(settings)]


def _audio(settings: Settings) -> list[Broken]:
    media, openai = settings.media, settings.openai
    formats = {
        "input": (openai.input_audio_format, openai.input_audio_sample_rate),
        "output": (openai.output_audio_format, openai.output_audio_sample_rate),
    }
    broken = []
    if media.rtp_port_min > media.rtp_port_max:
        broken.append(Broken(("rtpPortMin", "rtpPortMax"), "the first port must not be above the last"))
    elif media.rtp_port_min == media.rtp_port_max and media.rtp_port_min % 2:
        broken.append(
            Broken(("rtpPortMin", "rtpPortMax"), "RTP takes even ports, and there is none among them")
        )
    for way, (audio_format, rate) in formats.items():
        name = f"{way}AudioFormat"
        if media.media_transport == "rtp" and audio_format == "audio/pcm":
            rule = "the media transport rtp carries only audio/pcmu and audio/pcma"
            broken.append(Broken((name, "mediaTransport"), rule))
        if rate != SAMPLE_RATES[audio_format]:
            rule = f"{audio_format} has {SAMPLE_RATES[audio_format]} samples a second"
            broken.append(Broken((f"{way}AudioSampleRate", name), rule))
    if media.media_topology == "bridge" and openai.input_audio_format != openai.output_audio_format:
        names = ("inputAudioFormat", "outputAudioFormat", "mediaTopology")
        broken.append(Broken(names, "the topology bridge carries one format both ways"))
    return broken


def _keypad(settings: Settings) -> list[Broken]:
    dtmf = settings.dtmf
    if dtmf.dtmf_enabled and not (dtmf.dtmf_interdigit_timeout_seconds or dtmf.dtmf_final_timeout_seconds):
        names = ("dtmfInterdigitTimeoutSeconds", "dtmfFinalTimeoutSeconds", "dtmfEnabled")
        return [
            Broken(names, "one of the two timers must run, or a caller who stops dialling waits for ever")
        ]
    return []


def _turns(settings: Settings) -> list[Broken]:
    openai = settings.openai
    if settings.call.endpointing != "provider":
        return []
    if openai.turn_detection == "none":
        return [
            Broken(
                ("endpointing", "turnDetection"),
                "without its turn detection the provider cannot end the caller's turns",
            )
        ]
    if (
        settings.call.session_kind == "recognition"
        and openai.transcription_model in MODELS_WITHOUT_TURN_DETECTION
    ):
        names = ("endpointing", "transcriptionModel", "sessionKind")
        return [Broken(names, "this transcription model has no turn detection; take auto or asterisk")]
    return []

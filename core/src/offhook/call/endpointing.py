"""Who says that the caller's utterance is over, and what Asterisk is asked to report for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from offhook.settings.openai_realtime import MODELS_WITHOUT_TURN_DETECTION

from .actions import SetTalkDetect

if TYPE_CHECKING:
    from offhook.settings import Settings


def endpointing(settings: Settings) -> Literal["provider", "asterisk"]:
    """The effective endpointing: `auto` takes the provider's turn detection where there is one."""
    match settings.call.endpointing:
        case "provider":
            return "provider"
        case "asterisk":
            return "asterisk"
        case _:
            return "provider" if provider_detects_turns(settings) else "asterisk"


def provider_detects_turns(settings: Settings) -> bool:
    """True if the session is asked for turn detection, and its model has one."""
    if settings.openai.turn_detection == "none":
        return False
    recognition = settings.call.session_kind == "recognition"
    return not (recognition and settings.openai.transcription_model in MODELS_WITHOUT_TURN_DETECTION)


def asterisk_interrupts(settings: Settings) -> bool:
    """True if Asterisk is believed when it hears the caller over the model's answer.

    As `bargeInSource` says, and wherever the provider is not asked to hear the caller at all.
    """
    barge_in = settings.barge_in
    return barge_in.barge_in_mode_enabled and (
        barge_in.barge_in_source != "provider" or endpointing(settings) == "asterisk"
    )


def talk_detect(settings: Settings) -> SetTalkDetect | None:
    """The TALK_DETECT that the core needs, if any; an activation mode may ask for its own beside it.

    An utterance ends with a longer silence than the one that starts listening: 250 ms splits a sentence.
    """
    ends_turns = endpointing(settings) == "asterisk"
    if not (ends_turns or asterisk_interrupts(settings)):
        return None
    silence_ms = settings.recognition.vad_config.vad_silence_threshold_ms
    if ends_turns:
        silence_ms = max(silence_ms, settings.openai.silence_duration_ms)
    return SetTalkDetect(silence_ms, settings.recognition.vad_config.vad_talk_threshold)


def together(one: SetTalkDetect | None, other: SetTalkDetect) -> SetTalkDetect:
    """One TALK_DETECT that serves both: a channel has only one, and the longer silence splits no sentence."""
    if one is None:
        return other
    return SetTalkDetect(max(one.silence_ms, other.silence_ms), other.threshold)

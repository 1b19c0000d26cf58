"""The activation mode WAKE_WORD: the call listens once the caller has said a word, or pressed a key."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable

from offhook import (
    Action,
    Activate,
    AudioListener,
    Buffer,
    CallInfo,
    CallView,
    Digit,
    Emit,
    EndCause,
    Event,
    Finish,
    Part,
    PluginEvent,
    Settings,
    Silence,
    Started,
    StartTimer,
    TimerExpired,
    hookimpl,
)

from . import moonshine
from .listener import ASLEEP, EARS, Listener

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 60.0
"""Who has not said the word by then goes back to the dialplan."""


class WakeWord:
    """Keeps the caller's audio until the word comes."""

    def on(self, event: Event, call: CallView) -> Iterable[Action]:
        match event:
            case Started():
                # The caller goes on speaking while the word is being understood: nothing of it may be lost.
                yield Buffer()
                yield StartTimer("patience", PATIENCE_SECONDS)
            case PluginEvent(name="wake") | Digit():
                ASLEEP.discard(call.call_id)
                yield Silence()  # who says the word has heard enough of the greeting
                yield Activate()
            case TimerExpired(name="patience"):
                yield Finish(EndCause.NO_SPEECH)
            case _:
                pass


@hookimpl
def activation_mode(mode: str, settings: Settings) -> Part | None:
    return WakeWord() if mode == "wakeword" else None


@hookimpl
def audio_tap(call: CallInfo, settings: Settings, emit: Emit) -> AudioListener | None:
    """Listen on calls of this mode only: any other pays nothing."""
    mode = settings.recognition.recognition_activation_mode
    if mode.lower().replace("_", "").replace("-", "") != "wakeword":
        return None
    if settings.openai.input_audio_format != "audio/pcmu":
        log.warning("inputAudioFormat is %s: only a key wakes this call", settings.openai.input_audio_format)
        return None
    ASLEEP.add(call.call_id)
    EARS.submit(moonshine.load)  # during the greeting
    word = os.environ.get("OFFHOOK_WAKE_WORD", "hello")
    return Listener(call.call_id, word, emit, moonshine.understand)

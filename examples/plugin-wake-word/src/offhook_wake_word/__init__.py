"""The activation mode WAKE_WORD: the call listens once the caller has said a word, or pressed a key."""

from __future__ import annotations

import os
from collections.abc import Iterable

import offhook

from .listener import ASLEEP, Listener

PATIENCE_SECONDS = 60.0  # who has not said the word by then goes back to the dialplan


class WakeWord:
    """Keeps the caller's audio until the word comes."""

    def on(self, event: offhook.Event, call: offhook.CallView) -> Iterable[offhook.Action]:
        match event:
            case offhook.Started():
                # The caller goes on speaking while the word is being understood: nothing of it may be lost.
                yield offhook.Buffer()
                yield offhook.StartTimer("patience", PATIENCE_SECONDS)
            case offhook.PluginEvent(name="wake") | offhook.Digit():
                ASLEEP.discard(call.call_id)
                yield offhook.Silence()  # who says the word has heard enough of the greeting
                yield offhook.Activate()
            case offhook.TimerExpired(name="patience"):
                yield offhook.Finish(offhook.EndCause.NO_SPEECH)


@offhook.hookimpl
def activation_mode(mode: str, settings: offhook.Settings) -> offhook.Part | None:
    return WakeWord() if mode == "wakeword" else None


@offhook.hookimpl
def audio_tap(
    call: offhook.CallInfo, settings: offhook.Settings, emit: offhook.Emit
) -> offhook.AudioListener | None:
    """Listen on calls of this mode only: any other pays nothing."""
    mode = settings.recognition.recognition_activation_mode.lower().replace("_", "").replace("-", "")
    if mode != "wakeword" or settings.openai.input_audio_format != "audio/pcmu":
        return None
    return Listener(call.call_id, os.environ.get("OFFHOOK_WAKE_WORD", "hello"), emit)

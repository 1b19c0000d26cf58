"""One utterance, recognised: the session kind that an IVR builder uses in place of MRCPRecog."""

from __future__ import annotations

from collections.abc import Iterable

from . import actions as do
from . import events as ev
from .endpointing import endpointing
from .outcome import EndCause
from .state import CallState, Phase
from .timers import SPEECH


class Recognition:
    """Waits for the one final transcript, and ends the call with it."""

    def __init__(self) -> None:
        self._utterance = False
        """Asterisk heard the caller, and what was said is not committed yet."""

    def on(self, event: ev.Event, state: CallState) -> Iterable[do.Action]:
        match event:
            case ev.FinalTranscript(text=text):
                yield do.Finish(EndCause.RECOGNIZED if text.strip() else EndCause.NO_MATCH)
            case ev.TranscriptFailed(reason=reason):
                yield do.Finish(
                    EndCause.PROVIDER_ERROR, f"the provider could not transcribe the caller: {reason}"
                )
            case ev.InterimTranscript():
                seconds = state.settings.recognition.speech_complete_timeout_seconds
                yield do.StartTimer("speechEndSilence", seconds, SPEECH)
            case ev.TimerExpired(name="speechEndSilence"):
                yield do.Finish(EndCause.SPEECH_COMPLETE)
            case ev.TimerExpired(name="maxRecognitionDuration"):
                yield do.Finish(EndCause.MAX_DURATION)
            case ev.TalkingStarted():
                self._utterance = True
            case _:
                pass
        # After the flush too: the caller may have finished before the stream was open.
        if self._utterance and not state.talking and state.phase is Phase.LISTENING:
            self._utterance = False
            if endpointing(state.settings) == "asterisk":
                yield do.CommitInput()

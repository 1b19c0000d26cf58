"""The model's spoken answers: interruption by the caller, and the truth about what was heard."""

from __future__ import annotations

from collections.abc import Iterable

from . import actions as do
from . import events as ev
from .endpointing import asterisk_interrupts
from .state import CallState


def silence(state: CallState) -> Iterable[do.Action]:
    """Carry out `Silence`: stop whatever the caller is hearing; the stream stays open."""
    yield from stop_prompts(state)
    if state.response_id:
        yield do.CancelResponse(state.response_id)
    if state.unheard:
        yield do.StopPlayout()


def stop_prompts(state: CallState) -> Iterable[do.Action]:
    for playback_id in sorted(state.playing):
        yield do.StopPlayback(playback_id)


class Answering:
    """Barge-in (spec: "Barge-in that tells the truth")."""

    def on(self, event: ev.Event, state: CallState) -> Iterable[do.Action]:
        barge_in = state.settings.barge_in
        match event:
            case ev.SpeechStarted() | ev.InterimTranscript() if barge_in.barge_in_mode_enabled:
                yield from stop_prompts(state)
                # The provider's own turn detection cancels its response (interrupt_response); what has
                # reached us and was not yet played is ours to drop.
                if (
                    isinstance(event, ev.SpeechStarted)
                    and barge_in.barge_in_source != "asterisk"
                    and state.unheard
                    and not state.doubted
                ):
                    yield do.StopPlayout()
            case ev.TalkingStarted() if (
                state.activated and asterisk_interrupts(state.settings) and not state.doubted
            ):
                yield from silence(state)
            case ev.PlaybackFinished() if not (state.playing or state.doubted):
                yield do.ReleasePlayout()
            case ev.PlayoutStopped(items=items):
                for item in items:
                    if item.heard_ms > 0:
                        yield do.TruncateItem(item.item_id, item.heard_ms)
                    else:
                        yield do.DeleteItem(item.item_id)
            case _:
                pass

"""What Asterisk's events mean to a call."""

from __future__ import annotations

from offhook import ari
from offhook.call import events as ev

from .arrivals import OURS


def playback_prefix(call_id: str) -> str:
    """How the ids of a call's playbacks begin in Asterisk; the call's own name for the prompt follows."""
    return f"{OURS}{call_id}-"


def translate(event: ari.AriEvent, call_id: str) -> ev.Event | None:
    """The call's event for one of its own channel; None for what a call has no use for.

    A soft hang-up request is one too: whoever asked for it, the channel is going.
    """
    match event:
        case ari.ChannelDtmfReceived(digit=digit, duration_ms=duration_ms):
            return ev.Digit(digit, duration_ms)
        case ari.ChannelTalkingStarted():
            return ev.TalkingStarted()
        case ari.ChannelTalkingFinished(duration_ms=duration_ms):
            return ev.TalkingFinished(duration_ms)
        case ari.StasisEnd() | ari.ChannelHangupRequest() | ari.ChannelDestroyed():
            return ev.CallerHungUp()
        case ari.PlaybackStarted(playback=playback) if playback.id.startswith(playback_prefix(call_id)):
            return ev.PlaybackStarted(playback.id.removeprefix(playback_prefix(call_id)))
        case ari.PlaybackFinished(playback=playback) if playback.id.startswith(playback_prefix(call_id)):
            return ev.PlaybackFinished(
                playback.id.removeprefix(playback_prefix(call_id)), failed=event.failed
            )
        case _:
            return None


def channel_of(event: ari.AriEvent) -> str:
    """The id of the channel that an event is about, or empty."""
    match event:
        case ari.PlaybackStarted(playback=playback) | ari.PlaybackFinished(playback=playback):
            return playback.channel_id
        case ari.ApplicationReplaced():
            return ""
        case _:
            return event.channel.id

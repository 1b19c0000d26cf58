"""What Asterisk's events mean to a call."""

from __future__ import annotations

import pytest

from offhook import ari
from offhook.call import events as ev
from offhook.runner.ari_events import channel_of, playback_prefix, translate

CALLER = ari.Channel("pbx-1")


def playback(name: str, call_id: str = "c1", state: str = "done") -> ari.Playback:
    return ari.Playback(f"{playback_prefix(call_id)}{name}", target_uri="channel:pbx-1", state=state)


@pytest.mark.parametrize(
    ("event", "meaning"),
    [
        (ari.ChannelDtmfReceived(CALLER, "5", 120), ev.Digit("5", 120)),
        (ari.ChannelTalkingStarted(CALLER), ev.TalkingStarted()),
        (ari.ChannelTalkingFinished(CALLER, 900), ev.TalkingFinished(900)),
        (ari.StasisEnd(CALLER), ev.CallerHungUp()),
        (ari.ChannelHangupRequest(CALLER, soft=True), ev.CallerHungUp()),
        (ari.ChannelDestroyed(CALLER), ev.CallerHungUp()),
        (ari.PlaybackStarted(playback("greeting")), ev.PlaybackStarted("greeting")),
        (ari.PlaybackFinished(playback("greeting")), ev.PlaybackFinished("greeting")),
        (
            ari.PlaybackFinished(playback("menu-1", state="failed")),
            ev.PlaybackFinished("menu-1", failed=True),
        ),
        (ari.PlaybackFinished(playback("greeting", call_id="c2")), None),
        (ari.PlaybackFinished(ari.Playback("of-the-dialplan", target_uri="channel:pbx-1")), None),
        (ari.ChannelStateChange(CALLER), None),
        (ari.ChannelLeftBridge(CALLER, ari.Bridge("b")), None),
    ],
)
def test_what_an_event_means_to_its_call(event: ari.AriEvent, meaning: ev.Event | None) -> None:
    assert translate(event, "c1") == meaning
    assert channel_of(event) == "pbx-1"


def test_what_is_about_no_channel() -> None:
    assert channel_of(ari.ApplicationReplaced("app")) == ""
    assert channel_of(ari.PlaybackStarted(ari.Playback("p", target_uri="bridge:b"))) == ""

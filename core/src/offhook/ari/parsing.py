"""ARI's JSON becomes the objects and events of `models.py`.

Lenient: a field that is absent counts as empty, an event that cannot be read is logged and left out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from .models import (
    ApplicationReplaced,
    AriEvent,
    AsteriskInfo,
    Bridge,
    Caller,
    Channel,
    ChannelDestroyed,
    ChannelDtmfReceived,
    ChannelHangupRequest,
    ChannelLeftBridge,
    ChannelStateChange,
    ChannelTalkingFinished,
    ChannelTalkingStarted,
    Dial,
    Dialplan,
    Playback,
    PlaybackFinished,
    PlaybackStarted,
    StasisEnd,
    StasisStart,
)

log = logging.getLogger("offhook.ari")

_Json = Mapping[str, Any]


class FormatError(ValueError):
    """JSON that is not what ARI documents; the message names the field."""


def parse_event(data: object) -> AriEvent | None:
    """One message of the event stream. None for an event that is not used or is malformed (logged)."""
    kind = data.get("type") if isinstance(data, Mapping) else None
    parse = _EVENTS.get(kind) if isinstance(kind, str) else None
    if parse is None or not isinstance(data, Mapping):
        return None
    try:
        return parse(data)
    except FormatError as error:
        log.warning("ARI event %s left out: %s", kind, error)
        return None


def channel_from(data: object) -> Channel:
    """Raises `FormatError`."""
    channel = _object(data, "channel")
    dialplan = _object(channel.get("dialplan", {}), "dialplan")
    return Channel(
        id=_id(channel, "channel"),
        name=_text(channel, "name"),
        state=_text(channel, "state"),
        caller=_caller(channel, "caller"),
        connected=_caller(channel, "connected"),
        dialplan=Dialplan(
            context=_text(dialplan, "context"),
            extension=_text(dialplan, "exten"),
            priority=_number(dialplan, "priority"),
        ),
        language=_text(channel, "language"),
        variables={
            str(name): str(value)
            for name, value in _object(channel.get("channelvars", {}), "channelvars").items()
        },
    )


def bridge_from(data: object) -> Bridge:
    """Raises `FormatError`."""
    bridge = _object(data, "bridge")
    return Bridge(
        id=_id(bridge, "bridge"),
        name=_text(bridge, "name"),
        type=_text(bridge, "bridge_type"),
        technology=_text(bridge, "technology"),
        channel_ids=tuple(_texts(bridge, "channels")),
    )


def playback_from(data: object) -> Playback:
    """Raises `FormatError`."""
    playback = _object(data, "playback")
    return Playback(
        id=_id(playback, "playback"),
        media_uri=_text(playback, "media_uri"),
        target_uri=_text(playback, "target_uri"),
        state=_text(playback, "state"),
    )


def info_from(data: object) -> AsteriskInfo:
    """Raises `FormatError`."""
    info = _object(data, "info")
    system = _object(info.get("system", {}), "system")
    return AsteriskInfo(
        version=_text(system, "version"),
        name=_text(_object(info.get("config", {}), "config"), "name"),
        entity_id=_text(system, "entity_id"),
    )


_EVENTS: dict[str, Callable[[_Json], AriEvent]] = {
    "StasisStart": lambda e: StasisStart(_channel(e), tuple(_texts(e, "args")), _text(e, "application")),
    "StasisEnd": lambda e: StasisEnd(_channel(e)),
    "ChannelStateChange": lambda e: ChannelStateChange(_channel(e)),
    "ChannelDtmfReceived": lambda e: ChannelDtmfReceived(
        _channel(e), _required_text(e, "digit"), _number(e, "duration_ms")
    ),
    "ChannelTalkingStarted": lambda e: ChannelTalkingStarted(_channel(e)),
    "ChannelTalkingFinished": lambda e: ChannelTalkingFinished(_channel(e), _number(e, "duration")),
    "ChannelHangupRequest": lambda e: ChannelHangupRequest(
        _channel(e), _number(e, "cause") if "cause" in e else None, e.get("soft") is True
    ),
    "Dial": lambda e: Dial(channel_from(e.get("peer")), _text(e, "dialstatus")),
    "ChannelDestroyed": lambda e: ChannelDestroyed(_channel(e), _number(e, "cause"), _text(e, "cause_txt")),
    "PlaybackStarted": lambda e: PlaybackStarted(playback_from(e.get("playback"))),
    "PlaybackFinished": lambda e: PlaybackFinished(playback_from(e.get("playback"))),
    "ChannelLeftBridge": lambda e: ChannelLeftBridge(_channel(e), bridge_from(e.get("bridge"))),
    "ApplicationReplaced": lambda e: ApplicationReplaced(_text(e, "application")),
}


def _channel(event: _Json) -> Channel:
    return channel_from(event.get("channel"))


def _caller(channel: _Json, key: str) -> Caller:
    caller = _object(channel.get(key, {}), key)
    return Caller(_text(caller, "name"), _text(caller, "number"))


def _object(value: object, what: str) -> _Json:
    if not isinstance(value, Mapping):
        raise FormatError(f"{what} should be an object, not {value!r:.80}")
    return value


def _id(data: _Json, what: str) -> str:
    if not _text(data, "id"):
        raise FormatError(f"{what} has no id")
    return _text(data, "id")


def _required_text(data: _Json, key: str) -> str:
    text = _text(data, key)
    if not text:
        raise FormatError(f"{key} is missing")
    return text


def _text(data: _Json, key: str) -> str:
    value = data.get(key, "")
    if not isinstance(value, str):
        raise FormatError(f"{key} should be text, not {value!r:.80}")
    return value


def _texts(data: _Json, key: str) -> list[str]:
    value = data.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise FormatError(f"{key} should be a list of texts, not {value!r:.80}")
    return value


def _number(data: _Json, key: str) -> int:
    value = data.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool):
        raise FormatError(f"{key} should be a number, not {value!r:.80}")
    return value

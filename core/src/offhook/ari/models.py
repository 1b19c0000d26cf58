"""ARI's objects and events as frozen dataclasses, and `parse_event`, which makes them from JSON.

Only what the host uses is kept. Names are ARI's own, in snake case; a duration carries its unit. Events that
are not listed here (`ChannelVarset`, `Dial` and many more) are nobody's business and parse to None.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger("offhook.ari")

_Json = Mapping[str, Any]

# --- Objects -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Caller:
    """A name and a number, either may be empty (ARI `CallerID`)."""

    name: str = ""
    number: str = ""


@dataclass(frozen=True, slots=True)
class Dialplan:
    """Where in the dialplan a channel is (ARI `DialplanCEP`)."""

    context: str = ""
    extension: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as it was at one moment (ARI `Channel`)."""

    id: str
    name: str = ""
    state: str = ""
    """`Down`, `Ring` (a caller not answered yet), `Ringing`, `Up`, `Busy` …"""
    caller: Caller = Caller()
    connected: Caller = Caller()
    dialplan: Dialplan = Dialplan()
    language: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    """`channelvars`: those that ari.conf lists, and where an external media channel's own socket is."""

    @property
    def is_up(self) -> bool:
        """True if the channel is answered."""
        return self.state == "Up"

    @property
    def rtp_address(self) -> tuple[str, int] | None:
        """Asterisk's own address of an external media channel, if the answer told it."""
        return rtp_address_of(self.variables)


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge and the ids of the channels in it (ARI `Bridge`)."""

    id: str
    name: str = ""
    type: str = ""
    technology: str = ""
    """`simple_bridge` for two channels, `softmix` for more or while a prompt plays on it."""
    channel_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Playback:
    """A prompt that is queued, playing or over (ARI `Playback`)."""

    id: str
    media_uri: str = ""
    target_uri: str = ""
    """`channel:…` or `bridge:…`."""
    state: str = ""
    """`queued`, `playing`, `continuing`, `done` (also when it was stopped) or `failed`."""

    @property
    def channel_id(self) -> str:
        """The channel that it plays on, empty for a bridge."""
        kind, _, target = self.target_uri.partition(":")
        return target if kind == "channel" else ""


@dataclass(frozen=True, slots=True)
class AsteriskInfo:
    """What `GET /asterisk/info` says about the Asterisk on the other side."""

    version: str
    name: str = ""
    """`systemname` of asterisk.conf, often empty."""
    entity_id: str = ""


# --- Events ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StasisStart:
    """A channel entered the application: a caller, or one that we made ourselves."""

    channel: Channel
    args: tuple[str, ...] = ()
    application: str = ""


@dataclass(frozen=True, slots=True)
class StasisEnd:
    """A channel left the application: continued, hung up, or gone."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelStateChange:
    """A channel's state changed, for one from `Ring` to `Up`."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelDtmfReceived:
    """A key was released: one of `0-9 * # A-D`."""

    channel: Channel
    digit: str
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class ChannelTalkingStarted:
    """TALK_DETECT heard the channel's caller."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelTalkingFinished:
    """The caller has been silent for TALK_DETECT's silence time; `duration_ms` is how long they talked."""

    channel: Channel
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class ChannelHangupRequest:
    """Somebody asked for the channel's end: the caller's BYE, or a DELETE (then `soft`)."""

    channel: Channel
    cause: int | None = None
    """The Q.850 cause; Asterisk 22 leaves it out when a SIP caller hangs up."""
    soft: bool = False


@dataclass(frozen=True, slots=True)
class ChannelDestroyed:
    """The channel is gone. Not sent for a SIP caller's channel unless the application subscribed to it."""

    channel: Channel
    cause: int = 0
    """The Q.850 cause."""
    cause_text: str = ""


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    """A prompt began to play."""

    playback: Playback


@dataclass(frozen=True, slots=True)
class PlaybackFinished:
    """A prompt ended: played to its end or stopped (`done`), or `failed`."""

    playback: Playback

    @property
    def failed(self) -> bool:
        """True if the sound is missing, or the channel was hung up meanwhile."""
        return self.playback.state == "failed"


@dataclass(frozen=True, slots=True)
class ChannelLeftBridge:
    """A channel left a bridge; `bridge` lists who is still in it."""

    channel: Channel
    bridge: Bridge


@dataclass(frozen=True, slots=True)
class ApplicationReplaced:
    """Another event stream took over this application: its events no longer come here."""

    application: str = ""


AriEvent = (
    StasisStart
    | StasisEnd
    | ChannelStateChange
    | ChannelDtmfReceived
    | ChannelTalkingStarted
    | ChannelTalkingFinished
    | ChannelHangupRequest
    | ChannelDestroyed
    | PlaybackStarted
    | PlaybackFinished
    | ChannelLeftBridge
    | ApplicationReplaced
)


# --- From JSON ---------------------------------------------------------------------------------------


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


def rtp_address_of(variables: Mapping[str, str]) -> tuple[str, int] | None:
    """The address in UNICASTRTP_LOCAL_ADDRESS and UNICASTRTP_LOCAL_PORT, if both are there."""
    address = variables.get("UNICASTRTP_LOCAL_ADDRESS", "")
    port = variables.get("UNICASTRTP_LOCAL_PORT", "")
    return (address, int(port)) if address and port.isascii() and port.isdigit() else None


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

"""ARI's objects and events as frozen dataclasses; `parsing.py` makes them from JSON.

Only what the host uses is kept. Names are ARI's own, in snake case; a duration carries its unit. Events that
are not listed here (`ChannelVarset`, `ChannelDialplan` and many more) are nobody's business and parse to None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
class Dial:
    """How the call to a channel that we originated stands; external media have it too.

    Measured with SIP telephones on Asterisk 22 (ARI pages "Channels", originate, and "Events"):

    | the other side | `Dial` after the first, empty one | then |
    |---|---|---|
    | answers | perhaps `RINGING`, `ANSWER` | `StasisStart`, channel `Up` |
    | is busy (486) | `BUSY` | `ChannelDestroyed`, cause 17 |
    | rejects (603, 403) | `NOANSWER` | cause 21 |
    | does not exist (404) | `NOANSWER` | cause 1 |
    | is not available (480) | `NOANSWER` | cause 19 |
    | has no free line (503) | `CONGESTION` | cause 34 |
    | does not answer in time | perhaps `RINGING` | cause 19 |
    | rings, and we hang up | `NOANSWER` | cause 16 |

    Behind a Local channel the cause is often 0, and only `Dial` tells: after `Busy()`, `Congestion()`, or a
    `Dial()` that came to nothing, of which a rejection is `CONGESTION`. `Hangup(17)` passes its cause on. Where
    there is no such extension, there is no `Dial` and the cause is 0. The events of the other half, whose id
    ends in `;2`, come too. `Dial` has no fixed place among the channel's other events.
    """

    channel: Channel
    """The channel that is called (ARI `peer`)."""
    status: str = ""
    """Empty: it is being called; `RINGING`, `PROGRESS`, `ANSWER`, `BUSY`, `CONGESTION`, `NOANSWER` …"""


@dataclass(frozen=True, slots=True)
class ChannelDestroyed:
    """The channel is gone. Sent for one that we originated, and for a SIP caller's only if subscribed to."""

    channel: Channel
    cause: int = 0
    """The Q.850 cause; 0 if Asterisk does not know it."""
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
    | Dial
    | ChannelDestroyed
    | PlaybackStarted
    | PlaybackFinished
    | ChannelLeftBridge
    | ApplicationReplaced
)


def rtp_address_of(variables: Mapping[str, str]) -> tuple[str, int] | None:
    """The address in UNICASTRTP_LOCAL_ADDRESS and UNICASTRTP_LOCAL_PORT, if both are there."""
    address = variables.get("UNICASTRTP_LOCAL_ADDRESS", "")
    port = variables.get("UNICASTRTP_LOCAL_PORT", "")
    return (address, int(port)) if address and port.isascii() and port.isdigit() else None

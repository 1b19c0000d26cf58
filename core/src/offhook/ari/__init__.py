"""ARI, Asterisk's REST interface and event stream: the host's only way to control calls.

`client.py` makes the requests, `events.py` reads the stream from `event_socket.py`, `models.py` holds what both speak
of, `parsing.py` reads it from JSON, `errors.py` says what can go wrong.
"""

from .client import AriClient
from .errors import (
    AriError,
    AriUnreachable,
    BadRequest,
    Conflict,
    NotFound,
    PreconditionFailed,
    ServerError,
    Unauthorized,
    Unprocessable,
)
from .events import AriEvents, Connected, Disconnected, StreamEvent
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
from .parsing import parse_event

__all__ = [
    "ApplicationReplaced",
    "AriClient",
    "AriError",
    "AriEvent",
    "AriEvents",
    "AriUnreachable",
    "AsteriskInfo",
    "BadRequest",
    "Bridge",
    "Caller",
    "Channel",
    "ChannelDestroyed",
    "ChannelDtmfReceived",
    "ChannelHangupRequest",
    "ChannelLeftBridge",
    "ChannelStateChange",
    "ChannelTalkingFinished",
    "ChannelTalkingStarted",
    "Conflict",
    "Connected",
    "Dial",
    "Dialplan",
    "Disconnected",
    "NotFound",
    "Playback",
    "PlaybackFinished",
    "PlaybackStarted",
    "PreconditionFailed",
    "ServerError",
    "StasisEnd",
    "StasisStart",
    "StreamEvent",
    "Unauthorized",
    "Unprocessable",
    "parse_event",
]

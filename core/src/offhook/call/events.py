"""Everything that can happen on a call.

The adapters (ARI, media, the Realtime session, the operator's console) turn the outside world into these
events; the call turns each into actions (`actions.py`) and never looks further. Events are frozen, hold
plain data only, and carry no time: the time of an event is the `now` that it is handled with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from offhook.settings import Settings

# --- The channel and its media (ARI) -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Arrived:
    """The caller's channel entered the Stasis application (ARI `StasisStart`); always the first event."""

    channel_up: bool = False
    """True if the dialplan answered the channel already."""


@dataclass(frozen=True, slots=True)
class MediaReady:
    """Audio flows both ways: the channel is answered, external media and bridge stand."""


@dataclass(frozen=True, slots=True)
class MediaFailed:
    """No audio path could be had, or it broke; `reason` is a sentence for people."""

    reason: str
    overload: bool = False
    """The host has no room for another call (every RTP port is in use)."""


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    """Asterisk began to play a prompt (ARI `PlaybackStarted`)."""

    playback_id: str


@dataclass(frozen=True, slots=True)
class PlaybackFinished:
    """A prompt ended: played to its end, stopped, or failed (ARI `PlaybackFinished`, or a refused `play`)."""

    playback_id: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class TalkingStarted:
    """Asterisk's TALK_DETECT heard the caller (ARI `ChannelTalkingStarted`)."""


@dataclass(frozen=True, slots=True)
class TalkingFinished:
    """The caller has been silent for TALK_DETECT's silence time (ARI `ChannelTalkingFinished`)."""

    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class Digit:
    """A key was pressed and released (ARI `ChannelDtmfReceived`): one of `0-9 * # A-D`."""

    digit: str
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class CallerHungUp:
    """The caller's channel is gone or going (`ChannelHangupRequest`, `StasisEnd`, `ChannelDestroyed`)."""


# --- The Realtime session ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The Realtime session is configured as asked (`session.updated` compared) and takes audio."""

    session_id: str = ""


@dataclass(frozen=True, slots=True)
class StreamFailed:
    """The Realtime connection could not be opened, was refused, or broke; `reason` is for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The provider's turn detection heard the caller (`input_audio_buffer.speech_started`)."""

    item_id: str
    audio_start_ms: int = 0


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The provider's turn detection heard the caller fall silent (`input_audio_buffer.speech_stopped`)."""

    item_id: str
    audio_end_ms: int = 0


@dataclass(frozen=True, slots=True)
class TurnCommitted:
    """The caller's audio became a conversation item (`input_audio_buffer.committed`)."""

    item_id: str


@dataclass(frozen=True, slots=True)
class InterimTranscript:
    """More of the caller's words (`conversation.item.input_audio_transcription.delta`)."""

    item_id: str
    text: str
    """All that is known of this item so far, not only the newest piece."""


@dataclass(frozen=True, slots=True)
class FinalTranscript:
    """The caller's words of one item, final (`…input_audio_transcription.completed`); may be empty."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class TranscriptFailed:
    """One item could not be transcribed (`…input_audio_transcription.failed`)."""

    item_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """The model began a response (`response.created`)."""

    response_id: str


@dataclass(frozen=True, slots=True)
class ResponseDone:
    """The model ended a response (`response.done`)."""

    response_id: str
    status: Literal["completed", "cancelled", "incomplete", "failed"] = "completed"
    reason: str = ""
    """`status_details` in a few words: `turn_detected`, `max_output_tokens`, an error's message …"""


@dataclass(frozen=True, slots=True)
class AnswerAudioStarted:
    """The first audio of a spoken item arrived and was queued for playout (`response.output_audio.delta`)."""

    response_id: str
    item_id: str


@dataclass(frozen=True, slots=True)
class AnswerTranscript:
    """The model's spoken words (`response.output_audio_transcript.delta` and `.done`)."""

    response_id: str
    item_id: str
    text: str
    """All that is known of this item so far."""
    final: bool = False


@dataclass(frozen=True, slots=True)
class AnswerPlayed:
    """The playout queue ran empty after `response.done` or the item's end: the caller heard all of it."""

    item_id: str
    heard_ms: int


@dataclass(frozen=True, slots=True)
class HeardItem:
    """How much of one spoken item had been sent to the caller when playout was stopped."""

    item_id: str
    heard_ms: int
    """From the clock of the RTP packets really sent; never more than `received_ms`."""
    received_ms: int


@dataclass(frozen=True, slots=True)
class PlayoutStopped:
    """Playout was cut (`StopPlayout` was carried out); `items` are those not heard to their end, in order."""

    items: tuple[HeardItem, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolRequested:
    """The model calls a function (`response.output_item.done` with a `function_call`)."""

    response_id: str
    tool_call_id: str
    name: str
    arguments: str
    """JSON text exactly as the model wrote it; it may be malformed."""


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool's function returned, failed or ran out of time; `output` is the text for the model."""

    tool_call_id: str
    name: str
    output: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class ProviderError:
    """The provider sent an `error` event. It does not end the session by itself."""

    code: str
    message: str


# --- The host and the operator -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OperatorHangup:
    """Somebody ended the call from the console or the API."""

    cause: Literal["operator", "shutdown"] = "operator"


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """The operator changed session settings of this running call."""

    settings: Settings
    """All settings of the call, the changes among them."""
    changes: tuple[tuple[str, Any], ...]
    """What was changed: leaf name → value."""


@dataclass(frozen=True, slots=True)
class EndRequested:
    """A tool or the program that runs the host asked for the call's end, once the answer that is being spoken has
    been heard."""

    cause: Literal["tool", "transfer"] = "tool"
    context: str = ""
    extension: str = ""
    """Where the dialplan goes on; empty: at the step after `Stasis()`."""
    by_program: bool = False
    """It holds where the keypad has taken over, too, while what the model wants then does not."""


@dataclass(frozen=True, slots=True)
class SayRequested:
    """The program that runs the host wants the model to speak a text."""

    text: str


@dataclass(frozen=True, slots=True)
class PluginEvent:
    """A plugin heard something on the caller's audio (`audio_tap`): what its name and data say."""

    name: str
    data: Any = None
    plugin: str = ""


@dataclass(frozen=True, slots=True)
class WorkFinished:
    """Work that a part had started ended: with a result, or with an error in words."""

    work_id: int
    result: Any = None
    error: str = ""


# --- What only parts see -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Started:
    """The audio stands and the greeting, if any, was asked for: an activation mode's first event."""

    greeting: bool
    """True if a greeting is about to play; its `GreetingFinished` will come."""


@dataclass(frozen=True, slots=True)
class GreetingFinished:
    """The greeting ended: heard to its end, stopped, or failed."""

    failed: bool = False


@dataclass(frozen=True, slots=True)
class Activated:
    """The activation mode decided to listen; the stream opens, or is open already."""


@dataclass(frozen=True, slots=True)
class TimerExpired:
    """A timer ran out. A part sees only those that it started itself."""

    name: str


@dataclass(frozen=True, slots=True)
class Ran:
    """Work that this part had started with `Run` is done."""

    name: str
    result: Any = None
    error: str = ""
    """Why there is no result, in words: it raised, took too long, or was cancelled from within. Else empty."""


Event = (
    Arrived
    | MediaReady
    | MediaFailed
    | PlaybackStarted
    | PlaybackFinished
    | TalkingStarted
    | TalkingFinished
    | Digit
    | CallerHungUp
    | StreamOpened
    | StreamFailed
    | SpeechStarted
    | SpeechStopped
    | TurnCommitted
    | InterimTranscript
    | FinalTranscript
    | TranscriptFailed
    | ResponseStarted
    | ResponseDone
    | AnswerAudioStarted
    | AnswerTranscript
    | AnswerPlayed
    | PlayoutStopped
    | ToolRequested
    | ToolFinished
    | ProviderError
    | OperatorHangup
    | SettingsChanged
    | EndRequested
    | SayRequested
    | PluginEvent
    | WorkFinished
    | Started
    | GreetingFinished
    | Activated
    | TimerExpired
    | Ran
)
"""Everything that can happen on a call; a part sees what comes after `Started`."""

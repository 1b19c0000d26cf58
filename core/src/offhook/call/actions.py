"""Everything the host can do about a call.

Two kinds, one type: *requests* are what a part (an activation mode, a keypad handler) asks of the call, and
only the call knows what each entails; *commands* are what the call asks of the adapters. A request never
reaches an adapter, except `StartTimer` and `ClearTimer`, which the call carries out itself and passes on for
the console and the journal to show. `PartAction` is what a plugin's part may answer with: the requests, and
those commands that harm nobody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from .outcome import EndCause, Outcome

# --- Requests of parts -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Activate:
    """Start listening: open the Realtime stream, flush the buffer, go on live. Later ones are ignored."""


@dataclass(frozen=True, slots=True)
class Buffer:
    """Keep the caller's audio from now on, bounded in seconds, for the flush that `Activate` brings."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The keypad takes over: stop prompts, answer and stream, drop the buffer, clear all speech timers."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Stop whatever the caller is hearing (prompts and the model's answer); the stream stays open."""


@dataclass(frozen=True, slots=True)
class Collected:
    """The keypad's digits so far: they are part of the result, however the call ends."""

    digits: str


@dataclass(frozen=True, slots=True)
class Finish:
    """End the call for this cause."""

    cause: EndCause
    reason: str = ""
    """A sentence about what went wrong, for people."""
    digits: str = ""
    """What the keypad collected, terminator left out."""
    context: str = ""
    extension: str = ""
    """Where the dialplan goes on; empty: at the step after `Stasis()`."""


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Start a timer, or start it again; 0 seconds or less disables it: nothing happens."""

    name: str
    seconds: float
    owner: str = ""
    """Who is told; filled in by the call."""


@dataclass(frozen=True, slots=True)
class ClearTimer:
    """Clear a timer; one that does not run is not an error."""

    name: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """Start work that takes time, such as a question to a web service; the same part is told with `Ran`.

    Work of the same name that still runs is cancelled first. It is cancelled too when the call ends, and when
    its part is asked no more: an activation mode's at `Activate`, and at `Interrupt`.
    """

    name: str
    work: Callable[[], Awaitable[Any]]
    """An async function without arguments; what it returns is `Ran.result`."""
    timeout_seconds: float = 10.0
    """More than 0. What takes longer is cancelled, and `Ran.error` says so."""


@dataclass(frozen=True, slots=True)
class PartBroke:
    """The part that was asked cannot go on (a plugin's fault): never asked for by a part itself."""

    reason: str


@dataclass(frozen=True, slots=True)
class EndGreeting:
    """The greeting that the model spoke is over: asked for by the core itself."""

    failed: bool = False


# --- Commands to Asterisk ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConnectMedia:
    """Answer the channel if need be and connect its audio; ends in `MediaReady` or `MediaFailed`."""

    topology: Literal["split", "bridge"]


@dataclass(frozen=True, slots=True)
class Play:
    """Play an Asterisk media URI to the caller; ends in `PlaybackFinished` whatever happens."""

    playback_id: str
    media: str


@dataclass(frozen=True, slots=True)
class StopPlayback:
    """Stop one prompt; its `PlaybackFinished` still comes."""

    playback_id: str


@dataclass(frozen=True, slots=True)
class SetTalkDetect:
    """Have Asterisk report the caller's talking (dialplan function TALK_DETECT)."""

    silence_ms: int
    threshold: int
    """An amplitude, 256 by default."""


@dataclass(frozen=True, slots=True)
class RemoveTalkDetect:
    """Stop Asterisk's reports of the caller's talking."""


@dataclass(frozen=True, slots=True)
class SetResult:
    """Set the result variables to this outcome, should the caller hang up before there is another."""

    outcome: Outcome


# --- Commands to the media ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetGate:
    """The caller's audio: `closed` drops it, `buffer` keeps it, `open` flushes it and passes on."""

    mode: Literal["closed", "buffer", "open"]


@dataclass(frozen=True, slots=True)
class HoldPlayout:
    """Keep what the model says: Asterisk lets a bridged caller hear nothing else while it plays a prompt."""


@dataclass(frozen=True, slots=True)
class ReleasePlayout:
    """Speak what was kept, and go on live."""


@dataclass(frozen=True, slots=True)
class StopPlayout:
    """Stop speaking to the caller at once and drop what is queued; answered by `PlayoutStopped`."""


# --- Commands to the Realtime session ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenStream:
    """Connect and configure the Realtime session; ends in `StreamOpened` or `StreamFailed`."""


@dataclass(frozen=True, slots=True)
class CloseStream:
    """Close the Realtime session; no event of it comes any more."""


@dataclass(frozen=True, slots=True)
class UpdateStream:
    """Send the session's settings again (`session.update`), after the operator changed some."""


@dataclass(frozen=True, slots=True)
class CommitInput:
    """Make the caller's audio so far an item (`input_audio_buffer.commit`)."""


@dataclass(frozen=True, slots=True)
class CreateResponse:
    """Ask the model to answer (`response.create`)."""


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """Cancel the response that is under way (`response.cancel`)."""

    response_id: str = ""


@dataclass(frozen=True, slots=True)
class TruncateItem:
    """Tell the model how much of its item was heard (`conversation.item.truncate`)."""

    item_id: str
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class DeleteItem:
    """Take out an item of which nothing was heard (`conversation.item.delete`)."""

    item_id: str


@dataclass(frozen=True, slots=True)
class SendText:
    """Add a message to the conversation (`conversation.item.create`) as the given role."""

    text: str
    role: Literal["user", "system"] = "user"
    respond: bool = True
    """Ask for a response as well, as soon as none is under way."""
    sensitive: bool = False
    """Masked in log, console and journal."""


@dataclass(frozen=True, slots=True)
class Say:
    """Have the model speak a text to the caller (`response.create` with instructions), as soon as it is free."""

    text: str


@dataclass(frozen=True, slots=True)
class SendToolOutput:
    """Answer a function call (`conversation.item.create` of a `function_call_output`)."""

    tool_call_id: str
    output: str


# --- Commands to the host ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunTool:
    """Run a tool's function; ends in `ToolFinished` whatever happens."""

    tool_call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class StartWork:
    """Start what a part asked for with `Run`; ends in `WorkFinished` unless it is cancelled."""

    work_id: int
    """Counts up within a call."""
    owner: str
    name: str
    work: Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class CancelWork:
    """Cancel work that nobody waits for any more."""

    work_id: int


@dataclass(frozen=True, slots=True)
class End:
    """The last action of every call: set the result, leave Stasis, free everything."""

    outcome: Outcome
    leave: Literal["continue", "hangup"] = "continue"
    context: str = ""
    extension: str = ""


PartAction = (
    Activate
    | Buffer
    | Interrupt
    | Silence
    | Collected
    | Finish
    | StartTimer
    | ClearTimer
    | Run
    | Play
    | StopPlayback
    | SetTalkDetect
    | SendText
    | Say
)
"""What a plugin's part may answer with."""

Action = (
    PartAction
    | PartBroke
    | EndGreeting
    | ConnectMedia
    | RemoveTalkDetect
    | SetResult
    | SetGate
    | HoldPlayout
    | ReleasePlayout
    | StopPlayout
    | OpenStream
    | CloseStream
    | UpdateStream
    | CommitInput
    | CreateResponse
    | CancelResponse
    | TruncateItem
    | DeleteItem
    | SendToolOutput
    | RunTool
    | StartWork
    | CancelWork
    | End
)
"""Everything that can be done about a call, asked for by parts or decided by the call."""

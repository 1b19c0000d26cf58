"""The facts of one call, as its events tell them: what stands, who speaks, what was said.

`CallState.note` takes each event in before anybody decides about it, so that every part looks at the same
facts. Decisions are made elsewhere (`setup.py`, `listening.py`, `conversation.py` …); parts from plugins see
the facts through the read-only `CallView`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from . import events as ev
from .actions import Say, SendText, SetTalkDetect
from .info import CallInfo
from .timers import Timers
from .works import Works

if TYPE_CHECKING:
    from offhook.settings import Settings

GREETING = "greeting"
"""The playback id of the greeting."""


class Phase(StrEnum):
    """Where a call stands. It only ever moves forward."""

    ARRIVING = "arriving"
    """Answering the channel and connecting its audio."""
    WAITING = "waiting"
    """The audio stands; the activation mode has not decided to listen yet."""
    OPENING = "opening"
    """The mode has decided; the Realtime session is not open yet. The caller's audio is kept."""
    LISTENING = "listening"
    """The caller's audio goes to the provider live."""
    KEYPAD = "keypad"
    """The keypad took over: digits are collected, nobody listens."""
    ENDED = "ended"


@dataclass(slots=True)
class CallState:
    """Everything that is known of a call; changed by `note` and by `Call` alone."""

    info: CallInfo
    settings: Settings
    recognition: bool = field(init=False)
    """One utterance is recognised; a conversation otherwise. Fixed for the call, whatever settings change."""
    now: float = 0.0
    phase: Phase = Phase.ARRIVING
    timers: Timers = field(default_factory=Timers)
    works: Works = field(default_factory=Works)

    playing: set[str] = field(default_factory=set)
    """Ids of the prompts that Asterisk plays or was asked to play."""
    greeting_spoken: bool = False
    """The model speaks the greeting, or is about to."""
    talk_detect: SetTalkDetect | None = None
    """What Asterisk's TALK_DETECT is set to."""
    talking: bool = False
    """Asterisk hears the caller."""

    stream: Literal["closed", "opening", "open"] = "closed"
    gate: Literal["closed", "buffer", "open"] = "closed"

    speaking: bool = False
    """The provider hears the caller."""
    caller_heard: bool = False
    """The caller was heard at least once by whoever finds the turns (`endpointing`), or pressed a key."""
    turn_open: bool = False
    """The caller has said something that is no committed item yet."""
    turns: dict[str, str] = field(default_factory=dict)
    """What the caller said, in the order of speaking: item id → text so far."""
    final: list[str] = field(default_factory=list)
    """The items whose transcript is final."""
    held_texts: list[SendText | Say] = field(default_factory=list)
    """Messages for the model that wait for the stream to open."""

    response_id: str = ""
    """The response that the model is making, or empty."""
    tool_calls: set[str] = field(default_factory=set)
    """Function calls that run or whose response is still to be asked for."""
    unheard: dict[str, str] = field(default_factory=dict)
    """Spoken items not yet played to their end: item id → response id."""

    doubted: bool = False
    """The answer pauses: the caller made a sound that may be no speech."""

    digits: str = ""

    def __post_init__(self) -> None:
        self.recognition = self.settings.call.session_kind == "recognition"

    @property
    def call_id(self) -> str:
        return self.info.call_id

    @property
    def answering(self) -> bool:
        """The model is making a response, or the caller is still hearing one."""
        return bool(self.response_id or self.unheard)

    @property
    def activated(self) -> bool:
        return self.phase in (Phase.OPENING, Phase.LISTENING)

    def spoken_turns(self) -> list[str]:
        """The caller's turns so far, oldest first; a turn that is still interim counts as it stands."""
        return [text for text in self.turns.values() if text.strip()]

    def result(self) -> list[str]:
        """What of it is the call's result: in a recognition the final transcript comes before any interim one."""
        if self.recognition and self.final:
            return [self.turns[self.final[-1]]]
        return self.spoken_turns()

    def note(self, event: ev.Event) -> None:
        """Take in what happened."""
        match event:
            case ev.PlaybackFinished(playback_id=playback_id):
                self.playing.discard(playback_id)
            case ev.TalkingStarted():
                self.talking = True
            case ev.TalkingFinished():
                self.talking = False
            case ev.StreamOpened() if self.stream == "opening":
                self.stream = "open"
            case ev.StreamFailed():
                self.stream = "closed"
                self.speaking = False
                self.response_id = ""
            case ev.SpeechStarted(item_id=item_id):
                self.speaking = self.turn_open = True
                self.turns.setdefault(item_id, "")
            case ev.SpeechStopped():
                self.speaking = False
            case ev.TurnCommitted(item_id=item_id):
                self.turns.setdefault(item_id, "")
            case ev.InterimTranscript(item_id=item_id, text=text):
                if item_id not in self.final:
                    self.turns[item_id] = text
            case ev.FinalTranscript(item_id=item_id, text=text):
                self.turns[item_id] = text
                self.final.append(item_id)
            case ev.TranscriptFailed(item_id=item_id):
                if item_id not in self.final:
                    self.turns[item_id] = ""
            case ev.ResponseStarted(response_id=response_id):
                self.response_id = response_id
            case ev.ResponseDone(response_id=response_id):
                if self.response_id == response_id:
                    self.response_id = ""
            case ev.AnswerAudioStarted(response_id=response_id, item_id=item_id):
                self.unheard[item_id] = response_id
            case ev.AnswerPlayed(item_id=item_id):
                self.unheard.pop(item_id, None)
            case ev.PlayoutStopped():
                self.unheard.clear()
            case ev.SettingsChanged(settings=settings):
                self.settings = settings
            case _:
                pass


class CallEnded(Exception):
    """Something was asked of a call that has ended; whoever asked has kept a reference to it for too long."""


class CallView:
    """What a part may know of its call: read-only, and always up to date.

    It is good for as long as the call lives; later on everything but `call_id` and `info` raises `CallEnded`.
    """

    __slots__ = ("_info", "_live")

    def __init__(self, state: CallState) -> None:
        self._info = state.info
        self._live: CallState | None = state

    def _release(self) -> None:
        """The call has ended and everything that it held is free."""
        self._live = None

    @property
    def _state(self) -> CallState:
        if self._live is None:
            raise CallEnded(f"the call {self.call_id} has ended: nothing may be asked of its view any more")
        return self._live

    @property
    def call_id(self) -> str:
        """The id in logs, console and journal, and in `OFFHOOK_CALL_ID`."""
        return self._info.call_id

    @property
    def info(self) -> CallInfo:
        """Who calls whom."""
        return self._info

    @property
    def settings(self) -> Settings:
        """The settings of this call, all layers merged."""
        return self._state.settings

    @property
    def now(self) -> float:
        """The time of the event at hand, in seconds on a monotonic clock."""
        return self._state.now

    @property
    def phase(self) -> Phase:
        """Where the call stands."""
        return self._state.phase

    @property
    def greeting_playing(self) -> bool:
        """The caller hears the greeting: Asterisk plays it, or the model speaks it."""
        return GREETING in self._state.playing or self._state.greeting_spoken

    @property
    def prompts_playing(self) -> bool:
        """Asterisk plays a prompt to the caller, the greeting included."""
        return bool(self._state.playing)

    @property
    def answering(self) -> bool:
        """The model is making a response, or the caller is still hearing one."""
        return self._state.answering

    @property
    def caller_speaking(self) -> bool:
        """The provider, or Asterisk where TALK_DETECT is set, hears the caller."""
        return self._state.speaking or self._state.talking

    @property
    def transcripts(self) -> Sequence[str]:
        """The caller's turns so far, oldest first."""
        return self._state.spoken_turns()

    def timer_runs(self, name: str) -> bool:
        """True if a timer of this name runs, whoever started it."""
        return any(name == running for _, running in self._state.timers.running())

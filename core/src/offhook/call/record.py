"""The live facts of one call for people to look at: the console, `GET /calls`, the conversation history.

A record decides nothing. The host hands it every event with the actions that followed (`apply`), and anyone
may read it at any time. It is bounded in memory: old entries go, long texts are cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from . import actions as ac
from . import events as ev
from .entries import CallStatus, Digits, Entry, FunctionCall, Note, RunningTimer, Turn, bounded
from .masking import MASK, MASKED, without_digits
from .outcome import Outcome, Status
from .timers import KEYPAD

ENTRY_LIMIT: Final = 300
"""Turns, function calls, digits and notes kept for one call; the oldest go first."""
PROBLEM_LIMIT: Final = 50
DELAY_LIMIT: Final = 100
DIGIT_LIMIT: Final = 100
"""Digits kept of one run of keys."""


class CallRecord:
    """What is known of one call, for people.

    Args:
        started_at: the wall-clock time of the first `apply`; all timestamps are counted from it.
        mode, session_kind: `recognitionActivationMode` and `sessionKind` of this call.
        digits_sensitive: the caller's digits are shown as dots wherever they appear (`dtmfSensitive`). A
            `SendText` that is sensitive sets it too.
    """

    def __init__(
        self,
        call_id: str,
        channel_id: str,
        caller_id: str,
        caller_name: str,
        dialed: str,
        started_at: datetime,
        mode: str,
        session_kind: str,
        *,
        digits_sensitive: bool = False,
    ) -> None:
        self.call_id = call_id
        self.channel_id = channel_id
        self.caller_id = caller_id
        self.caller_name = caller_name
        self.dialed = dialed
        self.started_at = started_at.astimezone(UTC)
        self._started_posix = started_at.timestamp()
        self.mode = mode
        self.session_kind = session_kind
        self.digits_sensitive = digits_sensitive

        self.status = CallStatus.RINGING
        self.outcome: Outcome | None = None
        self.timers: dict[tuple[str, str], RunningTimer] = {}
        self.expired: tuple[RunningTimer, ...] = ()
        """The timers that ran out with the newest `apply`."""
        self.changed: tuple[Entry, ...] = ()
        """The entries that are new or different since the newest `apply` or `problem`."""
        self.problems: deque[Note] = deque(maxlen=PROBLEM_LIMIT)
        self.answered_ms: int | None = None
        """From arrival until audio flowed both ways."""
        self.stream_opened_ms: int | None = None
        """From the wish to listen until the Realtime session took audio; the latest stream."""
        self.first_audio_ms: deque[int] = deque(maxlen=DELAY_LIMIT)
        """For each turn of the caller: from its known end to the first audio of the answer."""

        self._began: float | None = None
        self._now = 0.0
        self._ended: float | None = None
        self._entries: deque[Entry] = deque()
        self._numbers = 0
        self._touched: dict[int, Entry] = {}
        self._turns: dict[str, Turn] = {}
        self._functions: dict[str, FunctionCall] = {}
        self._media: dict[str, str] = {}
        self._playing: set[str] = set()
        self._sounding: set[str] = set()
        self._response = ""
        self._stream: Literal["closed", "opening", "open"] = "closed"
        self._listening = False
        self._stream_asked = 0.0
        self._silent_since: float | None = None
        self._speaking = False
        self._talking = False

    # --- Reading ---------------------------------------------------------------------------------------

    @property
    def entries(self) -> list[Entry]:
        """All that happened and is worth showing, oldest first."""
        return list(self._entries)

    @property
    def ended_at(self) -> datetime | None:
        """The time of day of its end; None while it lives."""
        return None if self._ended is None else self.when(self._ended)

    @property
    def live(self) -> bool:
        """The call has not ended."""
        return self._ended is None

    @property
    def activity(self) -> str:
        """What goes on just now, in a few words for people."""
        if self._ended is not None:
            return "ended"
        if self.answered_ms is None:
            return "connecting"
        if any(owner == KEYPAD for owner, _ in self.timers):
            return "collecting digits"
        if self._speaking or self._talking:
            return "caller speaking"
        if self._playing:
            return "prompt playing"
        if self._sounding:
            return "model speaking"
        if running := [f.name for f in self._functions.values() if f.output is None]:
            return f"running {running[-1]}"
        if self._response:
            return "model thinking"
        if self._stream == "opening":
            return "opening the stream"
        return "listening" if self._listening else "waiting to listen"

    def when(self, at: float) -> datetime:
        """The wall-clock time (UTC) of a moment on the host's monotonic clock."""
        return datetime.fromtimestamp(self.posix_seconds(at), UTC)

    def posix_seconds(self, at: float) -> float:
        """The same moment in seconds since 1970."""
        return self._started_posix + at - (at if self._began is None else self._began)

    def masked_digits(self, digits: str) -> str:
        """Digits of the caller as people may see them."""
        return MASK * len(digits) if self.digits_sensitive else digits

    def shown(self, text: str) -> str:
        """A text as people may see it: bounded, and with dots for sensitive digits, which the model may
        repeat to a tool."""
        if self.digits_sensitive:
            pressed = "|".join(entry.digits for entry in self._entries if isinstance(entry, Digits))
            text = without_digits(text, pressed)
        return bounded(text)

    # --- Taking in -----------------------------------------------------------------------------------

    def apply(self, now: float, event: ev.Event | None, actions: Sequence[ac.Action]) -> None:
        """Take in one event (None: time passed) and the actions that the call answered with.

        `now` is the host's monotonic clock in seconds. After `End` the record no longer changes.
        """
        self.expired, self.changed = (), ()
        self._touched.clear()
        if self._ended is not None:
            return
        if self._began is None:
            self._began = now
        self._now = now
        if event is None or isinstance(event, ev.TimerExpired):
            self._expire(actions)
        if event is not None:
            self._happened(event)
        for action in actions:
            self._did(action)
        self.changed = tuple(self._touched.values())

    def problem(self, now: float, text: str) -> None:
        """Show something that went wrong beside the events (a channel variable with a bad value, a plugin
        that failed …). `Feed.publish` with no event and no action then shows it at once."""
        self.expired = ()
        self._touched.clear()
        if self._began is None:
            self._began = now
        self._now = max(self._now, now)
        self._problem(text)
        self.changed = tuple(self._touched.values())

    def _expire(self, actions: Sequence[ac.Action]) -> None:
        cleared = {(a.owner, a.name) for a in actions if isinstance(a, ac.ClearTimer)}
        due = [k for k, t in self.timers.items() if t.at + t.seconds <= self._now and k not in cleared]
        self.expired = tuple(self.timers.pop(key) for key in due)

    def _happened(self, event: ev.Event) -> None:
        match event:
            case ev.Arrived(channel_up=True):
                self.status = CallStatus.ACTIVE
            case ev.MediaReady():
                self.status = CallStatus.ACTIVE
                self.answered_ms = self._ms_since(self._began)
            case ev.PlaybackStarted(playback_id=playback_id):
                self._playing.add(playback_id)
            case ev.PlaybackFinished(playback_id=playback_id, failed=failed):
                self._playing.discard(playback_id)
                media = self._media.pop(playback_id, playback_id)
                if failed:
                    self._problem(f"Asterisk could not play {media}")
            case ev.TalkingStarted():
                self._talking = True
            case ev.TalkingFinished():
                self._talking = False
            case ev.Digit(digit=digit):
                self._digit(digit)
            case ev.StreamOpened():
                self._stream = "open"
                self.stream_opened_ms = self._ms_since(self._stream_asked)
            case ev.SettingsChanged(changes=changes):
                self._note("system_message", "Settings changed: " + ", ".join(name for name, _ in changes))
            case ev.ToolRequested(tool_call_id=tool_call_id, name=name, arguments=arguments):
                call = FunctionCall(self._now, tool_call_id, name, bounded(arguments))
                self._functions[tool_call_id] = call
                self._keep(call)
            case ev.ToolFinished(tool_call_id=tool_call_id, output=output, failed=failed):
                if done := self._functions.get(tool_call_id):
                    done.output, done.failed, done.finished_at = bounded(output), failed, self._now
                    self._touch(done)
            case _:
                self._spoke(event)
                self._failed(event)

    def _spoke(self, event: ev.Event) -> None:
        match event:
            case ev.SpeechStarted(item_id=item_id):
                self._speaking, self._silent_since = True, None
                self._turn("caller", item_id)
            case ev.SpeechStopped():
                self._speaking, self._silent_since = False, self._now
            case ev.TurnCommitted(item_id=item_id):
                self._turn("caller", item_id)
                if self._silent_since is None:
                    self._silent_since = self._now
            case ev.InterimTranscript(item_id=item_id, text=text):
                turn = self._turn("caller", item_id)
                if not turn.final:
                    turn.text = bounded(text)
            case ev.FinalTranscript(item_id=item_id, text=text):
                turn = self._turn("caller", item_id)
                turn.text, turn.final = bounded(text), True
            case ev.ResponseStarted(response_id=response_id):
                self._response = response_id
            case ev.ResponseDone(response_id=response_id, status=status):
                self._response = "" if self._response == response_id else self._response
                if status == "cancelled":
                    self._never_sounded(response_id)
            case ev.AnswerAudioStarted(response_id=response_id, item_id=item_id):
                turn = self._turn("bot", item_id, response_id)
                turn.sounded = True
                self._sounding.add(item_id)
                if self._silent_since is not None:
                    turn.delay_ms = self._ms_since(self._silent_since)
                    self.first_audio_ms.append(turn.delay_ms)
                    self._silent_since = None
            case ev.AnswerTranscript(response_id=response_id, item_id=item_id, text=text, final=final):
                turn = self._turn("bot", item_id, response_id)
                turn.text, turn.final = bounded(text), final
            case ev.AnswerPlayed(item_id=item_id):
                self._sounding.discard(item_id)
            case ev.PlayoutStopped(items=items):
                self._sounding.clear()
                for item in items:
                    self._cut(self._turn("bot", item.item_id), item.heard_ms, item.received_ms)
            case _:
                pass

    def _failed(self, event: ev.Event) -> None:
        match event:
            case ev.StreamFailed(reason=reason):
                self._stream, self._speaking, self._response = "closed", False, ""
                self._problem(f"Realtime: {reason}")
            case ev.TranscriptFailed(item_id=item_id, reason=reason):
                turn = self._turn("caller", item_id)
                turn.failed = turn.final = True
                self._problem(f"A turn of the caller could not be transcribed: {reason}")
            case ev.ResponseDone(status=("failed" | "incomplete") as status, reason=reason):
                self._problem(f"The model's answer is {status}: {reason or 'no reason given'}")
            case ev.ProviderError(code=code, message=message):
                self._problem(f"Realtime: {message} ({code})")
            case ev.MediaFailed(reason=reason):
                self._problem(f"Audio: {reason}")
            case _:
                pass

    def _did(self, action: ac.Action) -> None:
        match action:
            case ac.StartTimer(name=name, seconds=seconds, owner=owner) if seconds > 0:
                self.timers[owner, name] = RunningTimer(owner, name, seconds, self._now)
            case ac.ClearTimer(name=name, owner=owner):
                self.timers.pop((owner, name), None)
            case ac.Play(playback_id=playback_id, media=media):
                self._media[playback_id] = media
                self._note("tts_prompt", media)
            case ac.SetGate(mode=mode):
                self._listening = mode == "open"
            case ac.OpenStream():
                self._stream, self._stream_asked = "opening", self._now
            case ac.CloseStream():
                self._stream, self._speaking, self._response = "closed", False, ""
                self._sounding.clear()
            case ac.DeleteItem(item_id=item_id):
                turn = self._turns.get(item_id)
                if turn is not None and turn.actor == "bot":
                    self._cut(turn, 0, turn.received_ms)
            case ac.SendText(text=text, role=role, sensitive=sensitive):
                self.digits_sensitive = self.digits_sensitive or sensitive
                who = "the caller" if role == "user" else "the host"
                self._note("system_message", f"Told the model for {who}: {MASKED if sensitive else text}")
            case ac.PartBroke(reason=reason):
                self._problem(reason)
            case ac.End(outcome=outcome):
                self._end(outcome)
            case _:
                pass

    def _end(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.status = CallStatus.ERROR if outcome.status is Status.ERROR else CallStatus.ENDED
        if outcome.error:
            self._problem(outcome.error)
        self._note("system_message", f"Call ended: {outcome.cause.value}")
        self._ended = self._now
        self.timers.clear()
        self._media.clear()

    def _turn(self, actor: Literal["caller", "bot"], item_id: str, response_id: str = "") -> Turn:
        # A turn is made when its side begins, not when its words arrive: the caller's transcript often comes
        # after the answer's, and the two must not change places.
        turn = self._turns.get(item_id)
        if turn is None:
            turn = self._turns[item_id] = Turn(self._now, actor, item_id)
            self._keep(turn)
        turn.response_id = response_id or turn.response_id
        self._touch(turn)
        return turn

    def _cut(self, turn: Turn, heard_ms: int, received_ms: int) -> None:
        turn.cut, turn.heard_ms, turn.received_ms = True, heard_ms, received_ms
        self._touch(turn)

    def _never_sounded(self, response_id: str) -> None:
        for turn in self._turns.values():
            if turn.response_id == response_id and not turn.sounded:
                self._cut(turn, 0, 0)

    def _digit(self, digit: str) -> None:
        last = self._entries[-1] if self._entries else None
        if not isinstance(last, Digits):
            last = Digits(self._now, "")
            self._keep(last)
        last.digits = (last.digits + digit)[:DIGIT_LIMIT]
        self._touch(last)

    def _problem(self, text: str) -> None:
        self.problems.append(self._note("error_message", text))

    def _note(self, kind: Literal["tts_prompt", "system_message", "error_message"], text: str) -> Note:
        note = Note(self._now, kind, bounded(text))
        self._keep(note)
        return note

    def _touch(self, entry: Entry) -> None:
        self._touched[entry.number] = entry

    def _keep(self, entry: Entry) -> None:
        self._numbers += 1
        entry.number = self._numbers
        self._touch(entry)
        self._entries.append(entry)
        if len(self._entries) > ENTRY_LIMIT:
            match self._entries.popleft():
                case Turn(item_id=item_id):
                    self._turns.pop(item_id, None)
                case FunctionCall(tool_call_id=tool_call_id):
                    self._functions.pop(tool_call_id, None)
                case _:
                    pass

    def _ms_since(self, then: float | None) -> int:
        return round((self._now - (self._now if then is None else then)) * 1000)

"""One call, decided: `handle(event, now) -> actions`, `tick(now) -> actions`, `deadline`. No I/O, no clock.

How an event travels:
1. `CallState.note` takes the fact in.
2. Each part answers with actions, in this order: the activation mode (until it has activated), the keypad
   handler, then the core's own parts. A part is asked again only after its last action was carried out.
3. Requests (`Activate`, `Interrupt`, `Silence`, `Collected`, `Run`, `Finish`) are turned into commands here and
   nowhere else; commands change the state at once and go out to the runner.

The two rules of the house: after `End` there is silence (no action, no timer), and an action is emitted only
while what it needs is there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from . import actions as do
from . import events as ev
from .answering import Answering, silence, stop_prompts
from .conversation import Conversation
from .endpointing import together
from .false_alarm import FalseAlarm
from .info import CallInfo
from .listening import Listening, activate
from .outcome import EndCause, Outcome
from .part import Part
from .recognition import Recognition
from .result import Result, if_hung_up_now, outcome_of
from .setup import Setup, UnknownMode
from .spoken_greeting import SpokenGreeting, spoken
from .state import GREETING, CallState, CallView, Phase
from .timers import ACTIVATION, CALL, KEYPAD, SPEECH
from .tool_calls import ToolCalls

if TYPE_CHECKING:
    from offhook.settings import Settings


class _CorePart(Protocol):
    def on(self, event: ev.Event, state: CallState) -> Iterable[do.Action]: ...


class Call:
    """The deciding half of one call.

    `activation` holds the mode's part and those that may take its place, one after the other, should it break
    (empty: no installed plugin has the mode, and the call ends with `config_error`); `keypad` handles digits (None:
    digits are ignored). `problems` is what was wrong with this call's settings; it is told with the outcome, should
    the call fail. Times are seconds on one monotonic clock of the caller's choice.
    """

    def __init__(
        self,
        info: CallInfo,
        settings: Settings,
        *,
        activation: Sequence[Part],
        keypad: Part | None = None,
        problems: Sequence[str] = (),
    ) -> None:
        self.state = CallState(info, settings)
        self.view = CallView(self.state)
        self.outcome: Outcome | None = None
        self._problems = tuple(problems)
        self._activation, *self._next_in_line = activation or [UnknownMode()]
        self._keypad = keypad
        kind: _CorePart = Recognition() if self.state.recognition else Conversation()
        self._setup = Setup()
        self._core: tuple[_CorePart, ...] = (
            self._setup,
            Listening(),
            FalseAlarm(),
            Answering(),
            SpokenGreeting(),
            ToolCalls(),
            kind,
            Result(),
        )
        self._waiting: deque[ev.Event] = deque()

    # --- The contract -----------------------------------------------------------------------------

    def handle(self, event: ev.Event, now: float) -> list[do.Action]:
        """Take in one event at time `now`; the actions are to be carried out in order."""
        self.state.now = now
        out: list[do.Action] = []
        self._waiting.append(event)
        self._work_off(out)
        return out

    def tick(self, now: float) -> list[do.Action]:
        """Let every timer that is due by `now` expire; the actions are to be carried out in order."""
        self.state.now = now
        out: list[do.Action] = []
        while not self.ended and (key := self.state.timers.pop_expired(now)):
            owner, name = key
            expired = ev.TimerExpired(name)
            self._ask_parts(expired, out, owner)
            self._waiting.extend(self._following(expired))
            self._work_off(out)
        return out

    @property
    def deadline(self) -> float | None:
        """When `tick` is due next, or None."""
        return self.state.timers.deadline

    @property
    def ended(self) -> bool:
        return self.outcome is not None

    @property
    def asked(self) -> list[Part]:
        """The plugins' parts that the next event is put to."""
        activation = [self._activation] if self._activating else []
        return activation + ([self._keypad] if self._keypad else [])

    @property
    def _activating(self) -> bool:
        return self.state.phase in (Phase.ARRIVING, Phase.WAITING)

    # --- Asking -----------------------------------------------------------------------------------

    def _work_off(self, out: list[do.Action]) -> None:
        while self._waiting and not self.ended:
            event = self._waiting.popleft()
            if isinstance(event, ev.WorkFinished):
                if key := self.state.works.pop(event.work_id):
                    owner, name = key
                    self._ask_parts(ev.Ran(name, event.result, event.error), out, owner)
                continue
            following = list(self._following(event))
            self.state.note(event)
            self._ask_parts(event, out)
            self._waiting.extend(following)

    def _ask_parts(self, event: ev.Event, out: list[do.Action], only: str = "") -> None:
        """Put an event to everybody, or only to the owner of the timer or the work that it is about."""
        state = self.state
        if only in ("", ACTIVATION) and self._activating:
            self._ask_activation(event, out)
        if self._keypad and only in ("", KEYPAD) and not self.ended:
            self._perform(self._keypad.on(event, self.view), KEYPAD, out)
        # The model's words, several times a second, are for people: no rule of ours depends on them.
        if only in ("", SPEECH, CALL) and not isinstance(event, ev.AnswerTranscript):
            # Where the keypad took over, what the model or the caller still says decides nothing any more.
            for part in (self._setup,) if state.phase is Phase.KEYPAD else self._core:
                if self.ended:
                    return
                self._perform(part.on(event, state), "", out)

    def _ask_activation(self, event: ev.Event, out: list[do.Action]) -> None:
        asked = self._activation
        self._perform(asked.on(event, self.view), ACTIVATION, out)
        if self._activation is asked or not self._activating or self.state.phase is Phase.ARRIVING:
            return
        # It broke, and the next provider of the mode begins where the call stands.
        self._ask_activation(ev.Started(greeting=self.view.greeting_playing), out)
        if self._activating and not isinstance(
            event, ev.Started | ev.GreetingFinished | ev.TimerExpired | ev.Ran
        ):
            self._ask_activation(event, out)

    def _following(self, event: ev.Event) -> Iterable[ev.Event]:
        """Events that follow from this one by themselves; to be asked before it is noted."""
        state = self.state
        match event:
            case ev.MediaReady() if state.phase is Phase.ARRIVING:
                recorded = bool(state.settings.recognition.greeting_audio_path)
                yield ev.Started(greeting=recorded or spoken(state))
            case ev.PlaybackFinished(playback_id="greeting", failed=failed) if GREETING in state.playing:
                yield ev.GreetingFinished(failed)
            case ev.TimerExpired(name="greetingLimit"):
                # Its end may never be told, and whoever waits for it must not wait for ever.
                yield ev.PlaybackFinished(GREETING, failed=True)
            case _:
                pass

    # --- Carrying out -----------------------------------------------------------------------------

    def _perform(self, actions: Iterable[do.Action], owner: str, out: list[do.Action]) -> None:
        for action in actions:
            match action:
                case do.Activate():
                    if self.state.phase is Phase.WAITING:
                        self._perform(activate(self.state), "", out)
                        self._cancel(self.state.works.of(ACTIVATION), out)
                        self._waiting.append(ev.Activated())
                case do.Buffer():
                    if self.state.gate == "closed" and self.state.phase is Phase.WAITING:
                        self._perform([do.SetGate("buffer")], "", out)
                case do.Interrupt():
                    self._cancel(self.state.works.of(ACTIVATION), out)
                    self._perform(self._interrupt(), "", out)
                case do.Silence():
                    self._perform(silence(self.state), "", out)
                case do.Collected(digits=digits):
                    self.state.digits = digits
                    self._command(do.SetResult(if_hung_up_now(self.state)), "", out)
                case do.Run(name=name, work=work):
                    self._cancel(self.state.works.named(owner, name), out)
                    work_id = self.state.works.start(owner, name)
                    out.append(do.StartWork(work_id, owner, name, work))
                case do.EndGreeting(failed=failed):
                    if self.state.greeting_spoken:
                        self.state.greeting_spoken = False
                        self._waiting.append(ev.GreetingFinished(failed))
                case do.PartBroke(reason=reason):
                    self._part_broke(reason, owner, out)
                    return
                case do.Finish():
                    self._finish(action, out)
                case _:
                    self._command(action, owner, out)
            if self.ended:
                return

    def _command(self, action: do.Action, owner: str, out: list[do.Action]) -> None:
        """Let a command change the state, and send it out."""
        state = self.state
        match action:
            case do.StartTimer(name=name, seconds=seconds, owner=given):
                action = do.StartTimer(name, seconds, given or owner)
                if seconds <= 0:
                    return
                state.timers.start(action.owner, name, now=state.now, seconds=seconds)
            case do.ClearTimer(name=name, owner=given):
                action = do.ClearTimer(name, given or owner)
                if not state.timers.clear(action.owner, name):
                    return
            case do.SetGate(mode=mode):
                if state.gate == mode:
                    return
                state.gate = mode
            case do.Play(playback_id=playback_id):
                if not state.playing:
                    out.append(do.HoldPlayout())
                state.playing.add(playback_id)
            case do.StopPlayback(playback_id=playback_id):
                if playback_id not in state.playing:
                    return
            case do.SetTalkDetect():
                action = together(state.talk_detect, action)
                if action == state.talk_detect:
                    return
                state.talk_detect = action
            case do.RemoveTalkDetect():
                state.talk_detect = None
                state.talking = False
            case do.OpenStream():
                state.stream = "opening"
            case do.CloseStream():
                state.stream = "closed"
                state.response_id = ""
                state.speaking = False
            case do.SendText() | do.Say() if state.stream != "open":
                if state.phase in (Phase.ARRIVING, Phase.WAITING, Phase.OPENING):
                    state.held_texts.append(action)
                return
            case (
                do.UpdateStream()
                | do.CommitInput()
                | do.CreateResponse()
                | do.CancelResponse()
                | do.TruncateItem()
                | do.DeleteItem()
                | do.SendToolOutput()
            ):
                if state.stream != "open":
                    return
            case _:
                pass
        out.append(action)

    def _cancel(self, work_ids: Iterable[int], out: list[do.Action]) -> None:
        for work_id in work_ids:
            self.state.works.pop(work_id)
            out.append(do.CancelWork(work_id))

    def _part_broke(self, reason: str, owner: str, out: list[do.Action]) -> None:
        """Drop a plugin's part with all that it waited for. The mode's next provider takes over, or the call ends."""
        out.append(do.PartBroke(reason))
        if owner == ACTIVATION and self._next_in_line:
            for name in self.state.timers.of(owner):
                self._command(do.ClearTimer(name, owner), owner, out)
            self._cancel(self.state.works.of(owner), out)
            self._activation = self._next_in_line.pop(0)
        else:
            self._finish(do.Finish(EndCause.PLUGIN_ERROR, reason), out)

    def _interrupt(self) -> Iterable[do.Action]:
        """The keypad takes over (the original's DTMF mode): nobody listens, no speech timer runs."""
        state = self.state
        if state.phase in (Phase.KEYPAD, Phase.ENDED):
            return
        state.phase = Phase.KEYPAD
        for owner, name in state.timers.running():
            if owner in (ACTIVATION, SPEECH) or name in ("conversationIdle", "goodbye", "spokenGreeting"):
                yield do.ClearTimer(name, owner)
        yield do.SetGate("closed")
        yield from stop_prompts(state)
        if state.stream != "closed":
            yield do.CloseStream()
        if state.unheard:
            yield do.StopPlayout()
        if state.talk_detect:
            yield do.RemoveTalkDetect()

    def _finish(self, finish: do.Finish, out: list[do.Action]) -> None:
        """End the call: no timer is left, and `End` is the last action that ever comes."""
        state = self.state
        if finish.digits:
            state.digits = finish.digits
        for owner, name in state.timers.running():
            self._command(do.ClearTimer(name, owner), owner, out)
        self._cancel(state.works.of(), out)
        self._command(do.SetGate("closed"), "", out)
        if state.unheard:
            self._command(do.StopPlayout(), "", out)
        if state.stream != "closed":
            self._command(do.CloseStream(), "", out)
        reason = "; ".join(filter(None, (finish.reason, *self._problems)))
        self.outcome = outcome_of(state, finish.cause, reason)
        state.phase = Phase.ENDED
        settings = state.settings.call
        out.append(
            do.End(
                self.outcome,
                # A transfer names where the dialplan goes on, whatever endAction says.
                "continue" if finish.cause is EndCause.TRANSFER else settings.end_action,
                finish.context or settings.result_context,
                finish.extension or settings.result_extension,
            )
        )

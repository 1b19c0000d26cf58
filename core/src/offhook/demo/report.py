"""Shows the demonstration as it goes: on a terminal for people, or as one JSON object a line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offhook.call import actions as do
from offhook.call import events as ev
from offhook.call.entries import Turn
from offhook.plugins.hookspecs import hookimpl
from offhook.simulators.asterisk import LeftStasis, SimulatedCaller

from .verdict import Verdict

if TYPE_CHECKING:
    from offhook.host import Host

RESULTS = (
    "RECOG_STATUS",
    "RECOG_COMPLETION_CAUSE",
    "FINAL_TRANSCRIPTION",
    "DTMF_RESULT",
    "RECOGNITION_ERROR",
    "OFFHOOK_END_CAUSE",
    "OFFHOOK_CALL_ID",
)


class OutputLost(Exception):
    """What the demonstration shows cannot be written; `reason` says why."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Report:
    """A plugin of the demonstration's host: it watches the call by the hook `call_event`."""

    def __init__(self, *, as_json: bool, stop: Callable[[], object]) -> None:
        """stop: cancels the demonstration when the call's events can no longer be shown."""
        self.lost: OutputLost | None = None
        """Set once what it shows cannot be written; from then on no event is shown."""
        self._json = as_json
        self._stop = stop
        self._start = time.monotonic()
        self._host: Host | None = None
        self._shown: set[tuple[str, bool]] = set()

    def watch(self, host: Host) -> None:
        """The host whose call is shown."""
        self._host = host

    # --- Lines ------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Something about the demonstration itself."""
        self._put({"event": "note", "text": text}, text)

    def tell(self, event: str, text: str, **facts: Any) -> None:
        """Something that has just happened."""
        seconds = time.monotonic() - self._start
        self._put(
            {"event": event, "seconds": round(seconds, 3), "text": text, **facts}, f"{seconds:7.2f} s  {text}"
        )

    def stopped(self, recording: Path, seconds: float) -> None:
        """The person wants no more of it."""
        heard = (
            f"what the caller heard ({seconds:.1f} s): {recording}" if seconds else "nothing was heard yet"
        )
        facts = {"recording": str(recording) if seconds else "", "recording_seconds": round(seconds, 2)}
        self.tell("stopped", f"stopped by hand; {heard}", **facts)

    def _put(self, facts: dict[str, Any], line: str) -> None:
        """Raises OutputLost."""
        try:
            print(json.dumps(facts, ensure_ascii=False) if self._json else line, flush=True)
        except OSError as error:
            self.lost = OutputLost(error)
            raise self.lost from None

    # --- The call ---------------------------------------------------------------------------------------

    @hookimpl
    def call_event(self, call_id: str, event: ev.Event | None, actions: Sequence[do.Action]) -> None:
        if self.lost:
            return
        try:
            self._show(call_id, event, actions)
        except OutputLost:  # the host would take it for a fault of a plugin, and go on
            self._stop()

    def _show(self, call_id: str, event: ev.Event | None, actions: Sequence[do.Action]) -> None:
        match event:
            case ev.MediaReady():
                self.tell("media_ready", "the audio is connected, both ways")
            case ev.PlaybackStarted():
                self.tell("greeting", "the greeting plays")
            case ev.StreamOpened():
                self.tell("stream_opened", "the Realtime session is open")
            case ev.FinalTranscript(item_id=item_id, text=text):
                self.tell("caller_said", f"caller  “{text}”", words=text, item=item_id)
            case ev.AnswerAudioStarted():
                delay = self._delay_ms(call_id, event.item_id)
                late = "" if delay is None else f", {delay} ms after the caller's end was known"
                self.tell("answer_begins", f"the model begins to speak{late}", delay_ms=delay)
            case ev.AnswerTranscript(final=True, item_id=item_id, text=text):
                self.tell("model_said", f"model   “{text}”", words=text, item=item_id)
            case ev.PlayoutStopped():
                for turn in self._cut_turns(call_id):
                    self.tell(
                        "interrupted",
                        f"interrupted: {turn.heard_ms} of {turn.received_ms} ms were heard; "
                        f"not heard: “{turn.unheard.strip()}”",
                        heard_ms=turn.heard_ms,
                        received_ms=turn.received_ms,
                        unheard=turn.unheard,
                    )
            case ev.ToolRequested(name=name):
                self.tell("tool", f"the model calls the tool {name}", name=name)
            case _:
                pass
        for action in actions:
            match action:
                case do.SetGate(mode="open"):
                    self.tell("listening", "listening: the caller's audio goes to the model")
                case do.End(outcome=outcome):
                    self.tell("ended", f"the call ends: {outcome.cause.value}", cause=outcome.cause.value)
                case _:
                    pass

    def _turns(self, call_id: str) -> list[Turn]:
        record = self._host.records.get(call_id) if self._host else None
        return [entry for entry in record.entries if isinstance(entry, Turn)] if record else []

    def _delay_ms(self, call_id: str, item_id: str) -> int | None:
        return next((turn.delay_ms for turn in self._turns(call_id) if turn.item_id == item_id), None)

    def _cut_turns(self, call_id: str) -> list[Turn]:
        fresh = [t for t in self._turns(call_id) if t.cut and (t.item_id, True) not in self._shown]
        self._shown |= {(turn.item_id, True) for turn in fresh}
        return fresh

    def interruption(self, caller: SimulatedCaller, silent_at: float) -> None:
        """How long the answer went on after the caller had begun to speak over it."""
        began = caller.speech_started_at or silent_at
        took = max(0, round((silent_at - began) * 1000))
        text = f"the answer fell silent {took} ms after the caller had begun to speak"
        self.tell("silent", text, milliseconds=took)

    # --- The end ----------------------------------------------------------------------------------------

    def conclude(
        self, *, left: LeftStasis, recording: Path, seconds: float, understood: str, verdict: Verdict
    ) -> int:
        """Show the result; returns the exit status."""
        results = {name: left.variables.get(name, "") for name in RESULTS}
        if self._json:
            facts = {
                "event": "result",
                "left": left.how,
                "variables": results,
                "recording": str(recording),
                "recording_seconds": round(seconds, 2),
                "recording_understood": understood,
                "failures": list(verdict.failures),
            }
            self._put(facts, "")
        else:
            lines = ["\nWhat the dialplan finds after Stasis():"]
            lines += [f"  {name:<24}{value}" for name, value in results.items()]
            lines.append(f"\nWhat the caller heard ({seconds:.1f} s): {recording}")
            if understood:
                lines.append(f"The recogniser understands it as: “{understood}”")
            lines.append(
                "\nNot as it should be:" if verdict.failures else "\nEverything was as it should be."
            )
            lines += [f"  - {failure}" for failure in verdict.failures]
            self._put({}, "\n".join(lines))
        return 1 if verdict.failures else 0

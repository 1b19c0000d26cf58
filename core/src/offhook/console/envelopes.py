"""What happened on a call, in the words that pages made for the original know (`WS /logs`).

Names and payload fields are the original's where it has them; the rest is named alike. `call_changed` is ours
and enough to draw a whole page from: it carries the call's facts and every entry that is new or different.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from offhook.call import actions as ac
from offhook.call import events as ev
from offhook.call.entries import Digits
from offhook.call.masking import MASKED
from offhook.call.outcome import EndCause, Outcome
from offhook.call.record import CallRecord
from offhook.call.state import GREETING
from offhook.call.timers import KEYPAD

from .record_json import whole_call

ARI = "ARI"
REALTIME = "OPENAI"
CALL = "CALL"
OPERATOR = "OPERATOR"


class Told(NamedTuple):
    """The middle of an envelope: what is said of an event, before call id and time are put on it."""

    type: str
    source: str
    payload: Any
    level: Literal["DEBUG", "INFO", "WARN", "ERROR"] = "INFO"


def tell(event: ev.Event | None, actions: Sequence[ac.Action], record: CallRecord) -> Iterator[Told]:
    """Say what an event (None: time passed) and the call's answer to it mean to somebody who watches.

    `record` has taken in both.
    """
    for timer in record.expired:
        yield _timer(timer.name, "expired", timer.seconds)
    if event is not None:
        yield from _from_asterisk(event, record)
        yield from _from_provider(event, record)
        yield from _from_people(event)
    if isinstance(event, ev.Digit) and _keypad_began(actions, record):
        yield Told("dtmf_mode_activated", CALL, {"reason": "digit"})
    for action in actions:
        yield from _done(action, record)
    yield Told("call_changed", CALL, whole_call(record, record.changed), "DEBUG")


def status_update(record: CallRecord) -> Told:
    """The original's `ari_call_status_update`, with the reason once the call has ended."""
    payload = {"status": record.status.value, "callId": record.call_id, "callerId": record.caller_id}
    if outcome := record.outcome:
        payload["reason"] = outcome.cause.value
        if outcome.error:
            payload["errorMessage"] = outcome.error
    return Told("ari_call_status_update", CALL, payload)


def changes_status(event: ev.Event | None, actions: Sequence[ac.Action]) -> bool:
    """True if the list of active calls may look different after this event."""
    ended = bool(actions) and isinstance(actions[-1], ac.End)
    return ended or isinstance(event, ev.Arrived | ev.MediaReady)


def _from_asterisk(event: ev.Event, record: CallRecord) -> Iterable[Told]:
    match event:
        case ev.Arrived():
            yield Told(
                "call_stasis_start",
                ARI,
                {
                    "callerId": record.caller_id,
                    "callerName": record.caller_name,
                    "dialed": record.dialed,
                    "channelId": record.channel_id,
                    "mode": record.mode,
                },
            )
        case ev.MediaReady():
            yield Told("call_answered", ARI, {})
            yield Told("call_resources_initialized", ARI, {"answeredMs": record.answered_ms})
        case ev.MediaFailed(reason=reason):
            yield Told("call_resources_failed", ARI, {"errorMessage": reason}, "ERROR")
        case ev.PlaybackStarted(playback_id=playback_id):
            yield Told("playback_started", ARI, _playback(playback_id))
        case ev.PlaybackFinished(playback_id=playback_id, failed=True):
            payload = _playback(playback_id) | {"errorMessage": "Asterisk could not play it"}
            yield Told("playback_failed_to_start", ARI, payload, "WARN")
        case ev.PlaybackFinished(playback_id=playback_id):
            yield Told("playback_finished", ARI, _playback(playback_id))
        case ev.TalkingStarted():
            yield Told("vad_speech_detected_start", ARI, {})
        case ev.TalkingFinished(duration_ms=duration_ms):
            yield Told("vad_speech_detected_end", ARI, {"durationMs": duration_ms})
        case ev.Digit(digit=digit, duration_ms=duration_ms):
            shown = record.masked_digits(digit)
            yield Told("dtmf_received", ARI, {"digit": shown, "durationMs": duration_ms})
        case ev.CallerHungUp():
            yield Told("call_hangup_request", ARI, {})
        case _:
            pass


def _from_provider(event: ev.Event, record: CallRecord) -> Iterable[Told]:
    match event:
        case ev.StreamOpened(session_id=session_id):
            payload = {"sessionId": session_id, "openedMs": record.stream_opened_ms}
            yield Told("openai_session_established", REALTIME, payload)
        case ev.StreamFailed(reason=reason):
            payload = {"reason": "provider", "errorMessage": reason}
            yield Told("openai_stream_activation_failed", REALTIME, payload, "ERROR")
        case ev.SpeechStarted(item_id=item_id):
            yield Told("openai_speech_started", REALTIME, {"itemId": item_id})
        case ev.SpeechStopped(item_id=item_id):
            yield Told("openai_speech_stopped", REALTIME, {"itemId": item_id})
        case ev.InterimTranscript(item_id=item_id, text=text):
            payload = {"transcript": record.shown(text), "itemId": item_id}
            yield Told("openai_interim_transcript", REALTIME, payload, "DEBUG")
        case ev.FinalTranscript(item_id=item_id, text=text):
            payload = {"transcript": record.shown(text), "itemId": item_id}
            yield Told("openai_final_transcript", REALTIME, payload)
        case ev.TranscriptFailed(item_id=item_id, reason=reason):
            payload = {"errorMessage": reason, "itemId": item_id}
            yield Told("openai_transcript_failed", REALTIME, payload, "WARN")
        case ev.ResponseStarted(response_id=response_id):
            yield Told("openai_response_started", REALTIME, {"responseId": response_id}, "DEBUG")
        case ev.ResponseDone(response_id=response_id, status=status, reason=reason):
            payload = {"responseId": response_id, "status": status, "reason": reason}
            level: Literal["WARN", "DEBUG"] = "WARN" if status in ("failed", "incomplete") else "DEBUG"
            yield Told("openai_response_done", REALTIME, payload, level)
        case ev.AnswerAudioStarted(item_id=item_id):
            yield Told("openai_answer_started", REALTIME, {"itemId": item_id})
        case ev.AnswerTranscript(item_id=item_id, text=text, final=final):
            payload = {"transcript": record.shown(text), "itemId": item_id, "final": final}
            yield Told("openai_answer_transcript", REALTIME, payload, "INFO" if final else "DEBUG")
        case ev.AnswerPlayed(item_id=item_id, heard_ms=heard_ms):
            yield Told("openai_answer_played", CALL, {"itemId": item_id, "heardMs": heard_ms})
        case ev.PlayoutStopped(items=items) if items:
            heard = [{"itemId": i.item_id, "heardMs": i.heard_ms, "receivedMs": i.received_ms} for i in items]
            yield Told("tts_playback_interrupted", CALL, {"reason": "barge-in", "items": heard})
        case ev.ToolRequested(tool_call_id=tool_call_id, name=name, arguments=arguments):
            payload = {"toolCallId": tool_call_id, "name": name, "arguments": record.shown(arguments)}
            yield Told("function_call", REALTIME, payload)
        case ev.ToolFinished(tool_call_id=tool_call_id, name=name, output=output, failed=failed):
            payload = {"toolCallId": tool_call_id, "name": name, "output": record.shown(output)}
            yield Told(
                "function_call_output", CALL, payload | {"failed": failed}, "WARN" if failed else "INFO"
            )
        case ev.ProviderError(code=code, message=message):
            yield Told("openai_error", REALTIME, {"code": code, "errorMessage": message}, "WARN")
        case _:
            pass


def _from_people(event: ev.Event) -> Iterable[Told]:
    match event:
        case ev.OperatorHangup(cause=cause):
            yield Told("call_hangup_by_operator", OPERATOR, {"reason": cause})
        case ev.SettingsChanged(changes=changes):
            # Names only: a value may be a secret.
            yield Told("call_settings_changed", OPERATOR, {"settings": [name for name, _ in changes]})
        case ev.EndRequested(cause=cause, context=context, extension=extension):
            payload = {"reason": cause, "context": context, "extension": extension}
            yield Told("call_end_requested", CALL, payload)
        case _:
            pass


def _done(action: ac.Action, record: CallRecord) -> Iterable[Told]:
    match action:
        case ac.StartTimer(name=name, seconds=seconds) if seconds > 0:
            yield _timer(name, "started", seconds)
        case ac.ClearTimer(name=name):
            yield _timer(name, "cleared")
        case ac.SetGate(mode="open"):
            yield Told("openai_stream_activated", CALL, {"reason": record.mode})
        case ac.CloseStream():
            reason = record.outcome.cause.value if record.outcome else "keypad"
            yield Told("openai_session_ended", CALL, {"reason": reason})
        case ac.SendText(text=text, role=role, sensitive=sensitive):
            shown = MASKED if sensitive else record.shown(text)
            yield Told("openai_message_sent", CALL, {"role": role, "text": shown})
        case ac.End(outcome=outcome):
            yield from _ended(outcome, record)
        case _:
            pass


def _ended(outcome: Outcome, record: CallRecord) -> Iterable[Told]:
    if outcome.cause is EndCause.DTMF:
        digits = record.masked_digits(outcome.digits)
        yield Told("dtmf_input_finalized", CALL, {"finalDigits": digits, "reason": outcome.cause.value})
    payload = {
        "reason": outcome.cause.value,
        "status": outcome.status.value,
        "errorMessage": outcome.error,
    }
    yield Told("call_cleanup_started", CALL, payload, "ERROR" if outcome.error else "INFO")


def _keypad_began(actions: Sequence[ac.Action], record: CallRecord) -> bool:
    """True for the first digit of a collection: it is alone so far, and the collection's timers start."""
    first = any(isinstance(entry, Digits) and len(entry.digits) == 1 for entry in record.changed)
    return first and any(isinstance(a, ac.StartTimer) and a.owner == KEYPAD for a in actions)


def _timer(name: str, action: Literal["started", "cleared", "expired"], seconds: float = 0.0) -> Told:
    payload: dict[str, Any] = {"timerName": name, "action": action}
    if seconds:
        payload["durationSeconds"] = seconds
    return Told("timer_event", CALL, payload, "DEBUG")


def _playback(playback_id: str) -> dict[str, Any]:
    purpose = "main_greeting" if playback_id == GREETING else "prompt"
    return {"playbackId": playback_id, "purpose": purpose}

"""A call's record as JSON: for `GET /calls`, the live feed and the original's conversation history.

Sensitive digits leave this file as dots.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from offhook.call.entries import Digits, Entry, FunctionCall, Note, RunningTimer, Turn
from offhook.call.outcome import Outcome
from offhook.call.record import CallRecord

Json = dict[str, Any]

DELAYS_SHOWN = 20
"""The newest first-audio delays in a call's facts."""


def timestamp(posix_seconds: float) -> str:
    """ISO 8601 in UTC with milliseconds, as JavaScript writes it."""
    seconds, milliseconds = divmod(round(posix_seconds * 1_000_000) // 1000, 1000)
    return f"{_second(seconds)}.{milliseconds:03}Z"


@lru_cache(maxsize=64)
def _second(posix_seconds: int) -> str:
    """A second as text; what is shown is mostly of the same few."""
    return datetime.fromtimestamp(posix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def listed(record: CallRecord) -> Json:
    """One element of the original's `active_calls_list`."""
    return {
        "callId": record.call_id,
        "callerId": record.caller_id,
        "startTime": timestamp(record.started_at.timestamp()),
        "status": record.status.value,
    }


def facts(record: CallRecord) -> Json:
    """How a call stands, without what was said."""
    return {
        **listed(record),
        "channelId": record.channel_id,
        "callerName": record.caller_name,
        "dialed": record.dialed,
        "mode": record.mode,
        "sessionKind": record.session_kind,
        "activity": record.activity,
        "endTime": timestamp(record.ended_at.timestamp()) if record.ended_at else None,
        "timers": [_timer(record, timer) for timer in record.timers.values()],
        "delays": {
            "answeredMs": record.answered_ms,
            "streamOpenedMs": record.stream_opened_ms,
            "firstAudioMs": list(record.first_audio_ms)[-DELAYS_SHOWN:],
        },
        "outcome": _outcome(record, record.outcome) if record.outcome else None,
    }


def whole_call(record: CallRecord, entries: Iterable[Entry] | None = None) -> Json:
    """A call's facts with its entries, or only with some of them: those that changed."""
    shown = record.entries if entries is None else entries
    return {"call": facts(record), "entries": [entry_json(record, entry) for entry in shown]}


def entry_json(record: CallRecord, entry: Entry) -> Json:
    """One entry of a call. `number` stays the same when it changes, so that a reader can replace it."""
    head: Json = {"number": entry.number, "timestamp": timestamp(record.posix_seconds(entry.at))}
    match entry:
        case Turn():
            return head | {
                "kind": "turn",
                "actor": entry.actor,
                "heard": record.shown(entry.heard),
                "unheard": record.shown(entry.unheard),
                "final": entry.final,
                "failed": entry.failed,
                "cut": entry.cut,
                "delayMs": entry.delay_ms,
            }
        case FunctionCall():
            took = None if entry.finished_at is None else round((entry.finished_at - entry.at) * 1000)
            return head | {
                "kind": "function_call",
                "name": entry.name,
                "arguments": record.shown(entry.arguments),
                "output": None if entry.output is None else record.shown(entry.output),
                "failed": entry.failed,
                "tookMs": took,
            }
        case Digits():
            return head | {"kind": "digits", "digits": record.masked_digits(entry.digits)}
        case Note():
            return head | {"kind": entry.kind, "text": record.shown(entry.text)}
        case _:
            raise TypeError(f"an entry of a kind that is not known here: {type(entry).__name__}")


def conversation_history(record: CallRecord) -> list[Json]:
    """What was said and done, as the original answers `get_conversation_history`."""
    history: list[Json] = []
    for entry in record.entries:
        at = timestamp(record.posix_seconds(entry.at))
        for actor, kind, content in _told(record, entry):
            history.append({"actor": actor, "type": kind, "content": content, "timestamp": at})
    return history


def _told(record: CallRecord, entry: Entry) -> Iterable[tuple[str, str, str]]:
    match entry:
        case Turn(text=""):
            return
        case Turn(actor=actor):
            unheard = f"[not heard: {entry.unheard}]" if entry.unheard else ""
            yield actor, "transcript", record.shown(entry.heard + unheard)
        case FunctionCall(name=name, arguments=arguments, output=output):
            yield "tool", "tool_log", record.shown(f"{name}({arguments})")
            if output is not None:
                yield "tool", "tool_log", record.shown(f"{name} → {output}")
        case Digits(digits=digits):
            yield "dtmf", "dtmf_input", record.masked_digits(digits)
        case Note(kind=kind, text=text):
            yield "bot" if kind == "tts_prompt" else "system", kind, record.shown(text)
        case _:
            return


def _timer(record: CallRecord, timer: RunningTimer) -> Json:
    return {
        "name": timer.name,
        "owner": timer.owner,
        "seconds": timer.seconds,
        "dueAt": timestamp(record.posix_seconds(timer.at + timer.seconds)),
    }


def _outcome(record: CallRecord, outcome: Outcome) -> Json:
    return {
        "cause": outcome.cause.value,
        "status": outcome.status.value,
        "completionCause": outcome.completion_cause,
        "transcription": record.shown(outcome.transcription),
        "digits": record.masked_digits(outcome.digits),
        "error": outcome.error,
    }

"""What a Realtime server's messages mean to a call: JSON in, call events out.

Audio, the session's configuration and the bookkeeping of responses are not its matter (`session.py`). It
keeps what the API sends in pieces: transcripts, which function calls were seen already.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

from offhook.call import events as ev
from offhook.recent import Recent

log = logging.getLogger("offhook.realtime")

Message = Mapping[str, Any]
Status = Literal["completed", "cancelled", "incomplete", "failed"]

HARMLESS_ERRORS = frozenset(
    {
        "conversation_already_has_active_response",
        "response_cancel_not_active",
        "input_audio_buffer_commit_empty",
    }
)
"""Error codes that only say that a request came too early or too late; nothing is lost by them."""

HARMLESS_REQUESTS = frozenset({"conversation.item.truncate", "conversation.item.delete"})
"""Client messages whose refusal costs nothing but the model's exact memory."""

SESSION_EXPIRED = "session_expired"
"""Error code of a session that reached its greatest age (60 minutes); the connection closes after it."""

_STATUSES = ("completed", "cancelled", "incomplete", "failed")


class Translator:
    """Turns server messages into events of the call, in order. One for each session."""

    def __init__(self, call_id: str = "") -> None:
        self._extra = {"call_id": call_id}
        self._interim: dict[str, str] = {}
        """The caller's items that are being transcribed: item id → text so far."""
        self._spoken: dict[str, dict[int, str]] = {}
        """The model's items of the response at hand: item id → content index → text so far."""
        self._tool_calls = Recent()
        """Function calls that were reported."""
        self._readers: dict[str, Callable[[Message], list[ev.Event]]] = {
            "input_audio_buffer.speech_started": self._speech_started,
            "input_audio_buffer.speech_stopped": self._speech_stopped,
            "input_audio_buffer.committed": self._committed,
            "conversation.item.input_audio_transcription.delta": self._interim_transcript,
            "conversation.item.input_audio_transcription.completed": self._final_transcript,
            "conversation.item.input_audio_transcription.failed": self._transcript_failed,
            "response.created": self._response_started,
            "response.output_audio_transcript.delta": self._answer_delta,
            "response.output_audio_transcript.done": self._answer_done,
            "response.output_text.delta": self._answer_delta,
            "response.output_text.done": self._answer_done,
            "response.output_item.done": self._item_done,
            "response.done": self._response_done,
            "error": self._error,
        }

    def translate(self, message: Message) -> list[ev.Event]:
        """The events that one message stands for; none for a message that the call has no use for.

        A message of an unknown type passes by; a malformed one of a known type is logged and left out.
        """
        name = message.get("type")
        reader = self._readers.get(name) if isinstance(name, str) else None
        if reader is None:
            return []
        try:
            return reader(message)
        except (KeyError, TypeError, ValueError) as error:
            log.warning("a malformed %s from the provider was skipped: %r", name, error, extra=self._extra)
            return []

    # The caller

    def _speech_started(self, message: Message) -> list[ev.Event]:
        return [ev.SpeechStarted(_text(message, "item_id"), _number(message, "audio_start_ms"))]

    def _speech_stopped(self, message: Message) -> list[ev.Event]:
        return [ev.SpeechStopped(_text(message, "item_id"), _number(message, "audio_end_ms"))]

    def _committed(self, message: Message) -> list[ev.Event]:
        return [ev.TurnCommitted(_text(message, "item_id"))]

    def _interim_transcript(self, message: Message) -> list[ev.Event]:
        item_id, delta = _text(message, "item_id"), message.get("delta") or ""
        if not isinstance(delta, str):
            raise TypeError("delta is no text")
        if not delta:
            return []
        text = self._interim[item_id] = self._interim.get(item_id, "") + delta
        return [ev.InterimTranscript(item_id, text)]

    def _final_transcript(self, message: Message) -> list[ev.Event]:
        item_id, transcript = _text(message, "item_id"), _text(message, "transcript")
        self._interim.pop(item_id, None)
        return [ev.FinalTranscript(item_id, transcript.strip())]

    def _transcript_failed(self, message: Message) -> list[ev.Event]:
        item_id = _text(message, "item_id")
        self._interim.pop(item_id, None)
        return [ev.TranscriptFailed(item_id, _error_text(message.get("error")))]

    # The model

    def _response_started(self, message: Message) -> list[ev.Event]:
        return [ev.ResponseStarted(_text(_object(message, "response"), "id"))]

    def _answer_delta(self, message: Message) -> list[ev.Event]:
        return self._answer(message, _text(message, "delta"), final=False)

    def _answer_done(self, message: Message) -> list[ev.Event]:
        spoken = message["type"] == "response.output_audio_transcript.done"
        return self._answer(message, _text(message, "transcript" if spoken else "text"), final=True)

    def _answer(self, message: Message, text: str, *, final: bool) -> list[ev.Event]:
        response_id, item_id = _text(message, "response_id"), _text(message, "item_id")
        parts = self._spoken.setdefault(item_id, {})
        index = _number(message, "content_index")
        parts[index] = text if final else parts.get(index, "") + text
        return [ev.AnswerTranscript(response_id, item_id, "".join(parts.values()), final)]

    def _item_done(self, message: Message) -> list[ev.Event]:
        return self._tool_call(_object(message, "item"), _text(message, "response_id"))

    def _response_done(self, message: Message) -> list[ev.Event]:
        response = _object(message, "response")
        response_id, status = _text(response, "id"), response.get("status")
        if status not in _STATUSES:
            # Done is done: a call that went on waiting for this response would be dead air.
            status = "completed"
        self._spoken.clear()
        events: list[ev.Event] = []
        output = response.get("output")
        for item in output if isinstance(output, list) else []:
            try:
                events += self._tool_call(item, response_id)
            except (KeyError, TypeError, AttributeError) as error:
                log.warning("a malformed item of a response was skipped: %r", error, extra=self._extra)
        events.append(ev.ResponseDone(response_id, cast("Status", status), _status_reason(response)))
        return events

    def _tool_call(self, item: Message, response_id: str) -> list[ev.Event]:
        """A function call, once, from `response.output_item.done` or `response.done`, whichever comes first.

        One that the model did not finish writing (its response was cancelled) is not to be carried out.
        """
        if item.get("type") != "function_call" or item.get("status", "completed") not in ("completed", None):
            return []
        tool_call_id, name = _text(item, "call_id"), _text(item, "name")
        if tool_call_id in self._tool_calls:
            return []
        self._tool_calls.note(tool_call_id)
        arguments = item.get("arguments")
        return [
            ev.ToolRequested(response_id, tool_call_id, name, arguments if isinstance(arguments, str) else "")
        ]

    def _error(self, message: Message) -> list[ev.Event]:
        return [ev.ProviderError(*error_of(message))]


def error_of(message: Message) -> tuple[str, str]:
    """Code and text of an `error` message; the code is the error's type where it has none."""
    error = message.get("error")
    if not isinstance(error, dict):
        return "", "the provider reported an error without saying which"
    code = error.get("code") or error.get("type") or ""
    return str(code), _error_text(error)


def response_id_of(message: Message) -> str:
    """The id of the response that a message carries, or empty."""
    response = message.get("response")
    found = response.get("id") if isinstance(response, dict) else None
    return found if isinstance(found, str) else ""


def _error_text(error: object) -> str:
    if isinstance(error, dict):
        for key in ("message", "code", "type"):
            if error.get(key):
                return " ".join(str(error[key]).split())
    return "no reason given"


def _status_reason(response: Message) -> str:
    """Why a response ended as it did, in a few words (`response.status_details`)."""
    details = response.get("status_details")
    if not isinstance(details, dict):
        return ""
    if details.get("error"):
        return _error_text(details["error"])
    return str(details.get("reason") or "")


def _text(message: Message, key: str) -> str:
    value = message[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is no text")
    return value


def _number(message: Message, key: str) -> int:
    value = message.get(key, 0)
    if not isinstance(value, int | float):
        raise TypeError(f"{key} is no number")
    return int(value)


def _object(message: Message, key: str) -> Message:
    value = message[key]
    if not isinstance(value, dict):
        raise TypeError(f"{key} is no object")
    return value

"""What a client says: one function for each Realtime client event that the host sends.

Each returns the message as a dict, without an `event_id`: `Sent.stamp` adds that when it is sent.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Literal

Json = dict[str, Any]

REMEMBERED = 64
"""How many of the newest messages an `error` can be traced back to."""

_APPEND_HEAD = b'{"type":"input_audio_buffer.append","audio":"'
_APPEND_TAIL = b'"}'


def append_payload(audio: bytes) -> bytes:
    """The JSON text of an `input_audio_buffer.append`, fit to be sent as it is.

    audio: caller audio in the session's input format. Built by hand: this runs 50 times a second for each
    call.
    """
    return _APPEND_HEAD + b2a_base64(audio, newline=False) + _APPEND_TAIL


def session_update(session: Mapping[str, Any]) -> Json:
    return {"type": "session.update", "session": dict(session)}


def commit() -> Json:
    return {"type": "input_audio_buffer.commit"}


def text_item(text: str, role: Literal["user", "system"], item_id: str = "") -> Json:
    """A message of the caller's, or of the operator's, put into the conversation as text."""
    item: Json = {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}
    if item_id:
        item["id"] = item_id
    return {"type": "conversation.item.create", "item": item}


def function_call_output(tool_call_id: str, output: str) -> Json:
    return {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": tool_call_id, "output": output},
    }


def create_response(say: str = "") -> Json:
    """say: a text to speak; without one the model answers as it sees fit."""
    if not say:
        return {"type": "response.create"}
    instructions = f"Say this to the caller, word for word, and nothing else: {say}"
    return {"type": "response.create", "response": {"instructions": instructions}}


def cancel_response(response_id: str = "") -> Json:
    """Without an id, the server cancels the response of the conversation that is under way."""
    message: Json = {"type": "response.cancel"}
    if response_id:
        message["response_id"] = response_id
    return message


def truncate(item_id: str, audio_end_ms: int) -> Json:
    """Tell how much of a spoken item was heard; its first content part is the spoken one."""
    return {
        "type": "conversation.item.truncate",
        "item_id": item_id,
        "content_index": 0,
        "audio_end_ms": audio_end_ms,
    }


def delete(item_id: str) -> Json:
    return {"type": "conversation.item.delete", "item_id": item_id}


class Sent:
    """The newest messages that were sent, so that an `error` can be traced to its cause."""

    def __init__(self) -> None:
        self._count = 0
        self._types: OrderedDict[str, str] = OrderedDict()

    def stamp(self, message: Json) -> None:
        """Give a message that is about to be sent its `event_id`, and remember it."""
        self._count += 1
        message["event_id"] = event_id = f"offhook_{self._count}"
        self._types[event_id] = message["type"]
        if len(self._types) > REMEMBERED:
            self._types.popitem(last=False)

    def culprit(self, error_message: Mapping[str, Any]) -> str:
        """The type of the client message that an `error` is about, or "" where it does not say."""
        error = error_message.get("error")
        return self._types.get(str(error.get("event_id")), "") if isinstance(error, dict) else ""

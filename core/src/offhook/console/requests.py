"""What a page may ask over `WS /logs`: the original's three requests, and their answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from .console_host import ConsoleHost
from .record_json import conversation_history

REQUESTS: Final = ("session.update", "get_call_configuration", "get_conversation_history")

SESSION_NAMES: Final = {"ttsVoice": "voice"}
"""Names that the original's pages send, where the setting's leaf is named otherwise."""

Json = dict[str, Any]


class BadRequestError(Exception):
    """A request that cannot be answered; the text says why."""


async def answer(host: ConsoleHost, text: str) -> Json:
    """Answer one message; anything wrong is answered with `{"type": "error", "message", "callId"?}`."""
    call_id: str | None = None
    try:
        request = _parsed(text)
        call_id = _call_id(request)
        match request.get("type"):
            case "session.update":
                return await _update(host, request, call_id)
            case "get_call_configuration":
                return _configuration(host, call_id)
            case "get_conversation_history":
                return _history(host, call_id)
            case other:
                raise BadRequestError(f"type is {other!r}; it must be one of {', '.join(REQUESTS)}")
    except BadRequestError as error:
        return _error(str(error), call_id)


async def _update(host: ConsoleHost, request: Json, call_id: str | None) -> Json:
    session = request.get("session")
    if not isinstance(session, dict) or not session:
        raise BadRequestError("session must be an object with at least one setting")
    if call_id is not None and call_id not in host.records:
        raise BadRequestError(f"there is no call {call_id!r}")
    changes: Json = {SESSION_NAMES.get(str(name), str(name)): value for name, value in session.items()}
    try:
        applied = await host.update_session(changes, call_id)
    except ValueError as error:
        raise BadRequestError(str(error)) from error
    return {
        "type": "config_update_ack",
        "status": "processed",
        "callId": call_id,
        "appliedConfig": dict(applied),
    }


def _configuration(host: ConsoleHost, call_id: str | None) -> Json:
    settings: Mapping[str, Any] | None = host.call_settings(call_id)
    if settings is None:
        raise BadRequestError(f"there is no call {call_id!r}")
    return {"type": "call_configuration", "callId": call_id, "payload": dict(settings)}


def _history(host: ConsoleHost, call_id: str | None) -> Json:
    if call_id is None:
        raise BadRequestError("callId is missing")
    record = host.records.get(call_id)
    if record is None:
        raise BadRequestError(f"there is no call {call_id!r}")
    return {"type": "conversation_history", "callId": call_id, "payload": conversation_history(record)}


def _parsed(text: str) -> Json:
    try:
        request = json.loads(text)
    except (ValueError, RecursionError):
        raise BadRequestError("a request must be JSON") from None
    if not isinstance(request, dict):
        raise BadRequestError("a request must be a JSON object")
    return request


def _call_id(request: Json) -> str | None:
    call_id = request.get("callId")
    if call_id is None or call_id == "":
        return None
    if not isinstance(call_id, str):
        raise BadRequestError("callId must be text")
    return call_id


def _error(message: str, call_id: str | None) -> Json:
    error = {"type": "error", "message": message}
    return error if call_id is None else {**error, "callId": call_id}

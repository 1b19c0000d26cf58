"""The outside check of the Realtime protocol: the pydantic models of the official `openai` package.

`validate_client` and `validate_server` take one message as a dict and raise `AssertionError` if the package's
types refuse it, or do not know one of its keys at any depth. The package is a dependency of the tests alone.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_args

from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from openai.types.realtime.realtime_session_create_response import RealtimeSessionCreateResponse
from openai.types.realtime.realtime_transcription_session_create_response import (
    RealtimeTranscriptionSessionCreateResponse,
)
from pydantic import BaseModel, TypeAdapter, ValidationError


def validate_client(message: Mapping[str, Any]) -> None:
    """Assert that a client may send this message (`RealtimeClientEvent`)."""
    _validate(message, _client_models())


def validate_server(message: Mapping[str, Any]) -> None:
    """Assert that a server may send this message (`RealtimeServerEvent`).

    The package types `session.created` and `session.updated` as the client's request, without the `id`, `object` and
    `expires_at` that the service adds; these are checked by the types of a session that was made by HTTP.
    """
    if message.get("type") in ("session.created", "session.updated"):
        message = copy.deepcopy(dict(message))
        session = message["session"]
        added = {name: session.pop(name) for name in ("id", "object", "expires_at") if name in session}
        if added:
            realtime = session["type"] == "realtime"
            model = RealtimeSessionCreateResponse if realtime else RealtimeTranscriptionSessionCreateResponse
            try:
                model.model_validate_json(json.dumps({**added, "type": session["type"]}), strict=True)
            except ValidationError as error:
                raise AssertionError(f"the session is refused by the openai package: {error}") from error
    _validate(message, _server_models())


def client_types() -> frozenset[str]:
    """The `type` of every message that a client may send."""
    return frozenset(_client_models())


def server_types() -> frozenset[str]:
    """The `type` of every message that a server may send."""
    return frozenset(_server_models())


@cache
def _client_models() -> dict[str, TypeAdapter[Any]]:
    return _by_type(RealtimeClientEvent)


@cache
def _server_models() -> dict[str, TypeAdapter[Any]]:
    return _by_type(RealtimeServerEvent)


def _by_type(annotated_union: Any) -> dict[str, TypeAdapter[Any]]:
    union = get_args(annotated_union)[0]
    return {
        name: TypeAdapter(model)
        for model in get_args(union)
        for name in get_args(model.model_fields["type"].annotation)
    }


def _validate(message: Mapping[str, Any], models: Mapping[str, TypeAdapter[Any]]) -> None:
    name = message.get("type")
    assert isinstance(name, str), f"a message without a type: {message!r}"
    assert name in models, f"no message of this direction has the type {name!r}"
    try:
        # Strict, from JSON: "5" is no number, and what json cannot write is no message.
        parsed = models[name].validate_json(json.dumps(message), strict=True)
    except ValidationError as error:
        raise AssertionError(f"{name} is refused by the openai package: {error}") from error
    unknown = sorted(_unknown_keys(parsed, name))
    assert not unknown, f"keys that the openai package does not know: {', '.join(unknown)}"


def _unknown_keys(value: object, path: str) -> Iterator[str]:
    """Paths of keys that no model field took: the models of the package let extras pass."""
    if isinstance(value, BaseModel):
        for key in value.model_extra or {}:
            yield f"{path}.{key}"
        for field in value.model_fields_set & type(value).model_fields.keys():
            yield from _unknown_keys(getattr(value, field), f"{path}.{field}")
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _unknown_keys(element, f"{path}[{index}]")

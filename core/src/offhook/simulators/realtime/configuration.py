"""The session object: its defaults, and what a `session.update` may change.

A field that an update leaves out keeps its value, except inside `turn_detection`, `transcription` and the formats:
such an object replaces the old one as a whole and takes the API's defaults for what it leaves out.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable

from offhook.media.formats import FORMATS, AudioFormat, format_named
from offhook.simulators.realtime import checks as c
from offhook.simulators.realtime.errors import Json, RequestError, invalid_value, missing, wrong_type

VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
MODELS_WITHOUT_TURN_DETECTION = ("gpt-realtime-whisper", "gpt-live-transcribe")
"""Transcription models whose sessions take no `turn_detection` but null."""

_REASONING_MODEL = re.compile(r"gpt-realtime-([2-9]|\d\d)(\.\d+)?(-|$)")
_SERVER_VAD: Json = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "create_response": True,
    "interrupt_response": True,
    "idle_timeout_ms": None,
}
_SEMANTIC_VAD: Json = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}
_PCM: Json = {"type": "audio/pcm", "rate": 24000}


def conversation_session(session_id: str, model: str, expires_at: int) -> Json:
    """A new session of type `realtime`, as `session.created` shows it. expires_at: seconds since 1970."""
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "expires_at": expires_at,
        "output_modalities": ["audio"],
        "instructions": "You are a helpful voice assistant. Be friendly and brief.",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "truncation": "auto",
        "tracing": None,
        "prompt": None,
        "include": None,
        "audio": {
            "input": {
                "format": dict(_PCM),
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": dict(_SERVER_VAD),
            },
            "output": {"format": dict(_PCM), "voice": "marin", "speed": 1.0},
        },
    }


def transcription_session(session_id: str, expires_at: int) -> Json:
    """A new session of type `transcription`."""
    detection = {
        name: _SERVER_VAD[name] for name in ("type", "threshold", "prefix_padding_ms", "silence_duration_ms")
    }
    return {
        "type": "transcription",
        "object": "realtime.transcription_session",
        "id": session_id,
        "expires_at": expires_at,
        "include": None,
        "audio": {
            "input": {
                "format": dict(_PCM),
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": detection,
            }
        },
    }


def updated(session: Json, update: object, *, has_spoken: bool = False) -> Json:
    """The session after a `session.update`; the one given is left as it is.

    has_spoken: whether the model has produced audio, after which its voice is fixed. Raises `RequestError`.
    """
    if not isinstance(update, dict):
        raise missing("session") if update is None else wrong_type(update, "session", "an object")
    kind = session["type"]
    given = update.get("type")
    if given is None:
        raise missing("session.type")
    if given != kind:
        raise _other_kind(given, kind)
    check = _REALTIME if kind == "realtime" else _TRANSCRIPTION
    result: Json = check(update, "session", copy.deepcopy(session))
    if kind == "realtime":
        _check_conversation(session, result, update, has_spoken)
    else:
        _check_transcription(result, update)
    return result


def with_24_khz(session: Json) -> Json:
    """The session with linear audio at 24 kHz both ways."""
    result = copy.deepcopy(session)
    for way in result["audio"].values():
        way["format"] = dict(_PCM)
    return result


def input_format(session: Json) -> AudioFormat:
    """The format of the audio that the client appends."""
    return format_named(session["audio"]["input"]["format"]["type"])


def output_format(session: Json) -> AudioFormat:
    """The format of the audio that the model answers with."""
    return format_named(session["audio"]["output"]["format"]["type"])


def _other_kind(given: object, kind: str) -> RequestError:
    if given not in ("realtime", "transcription"):
        return invalid_value(given, "session.type", ("realtime", "transcription"))
    name = "a transcription" if given == "transcription" else "a realtime"
    message = f"Passing {name} session update event to a {kind} session is not allowed."
    return RequestError("invalid_model", message, "session.type", close_code=4000)


def _check_conversation(session: Json, result: Json, update: Json, has_spoken: bool) -> None:
    if result["model"] != session["model"]:
        raise RequestError("cannot_update_model", "Cannot update a conversation's model.", "session.model")
    if has_spoken and result["audio"]["output"]["voice"] != session["audio"]["output"]["voice"]:
        raise RequestError(
            "cannot_update_voice",
            "Cannot update a conversation's voice if assistant audio is present.",
            "session.audio.output.voice",
        )
    for name in ("parallel_tool_calls", "reasoning"):
        if name in update and not _REASONING_MODEL.match(result["model"]):
            raise RequestError(
                "unsupported_parameter",
                f"Unsupported parameter: 'session.{name}' is not supported with the '{result['model']}' model.",
                f"session.{name}",
            )
    check_tool_choice(result["tool_choice"], result["tools"], "session.tool_choice")


def check_tool_choice(choice: object, tools: list[Json], param: str) -> None:
    """Refuse a choice of a tool that is not offered."""
    names = [tool.get("name") for tool in tools]
    if choice == "required" and not tools:
        raise RequestError("invalid_value", "Tool choice 'required' must be specified with 'tools'.", param)
    if isinstance(choice, dict) and choice.get("type") == "function" and choice.get("name") not in names:
        raise RequestError(
            "invalid_value", f"Tool choice '{choice.get('name')}' not found in 'tools'.", param
        )


def _check_transcription(result: Json, update: Json) -> None:
    listening = result["audio"]["input"]
    for name in ("create_response", "interrupt_response", "idle_timeout_ms"):
        if listening["turn_detection"] is not None:
            listening["turn_detection"].pop(name, None)  # taken, but there is nothing to answer
    model = (listening["transcription"] or {}).get("model")
    if model not in MODELS_WITHOUT_TURN_DETECTION or listening["turn_detection"] is None:
        return
    given = update.get("audio", {}).get("input", {})
    if given.get("turn_detection") is not None:
        raise RequestError(
            "invalid_value",
            f"Turn detection is not supported with the '{model}' model. Set 'turn_detection' to null.",
            "session.audio.input.turn_detection",
        )
    listening["turn_detection"] = None


def _modalities(value: object, param: str, current: object) -> list[str]:
    names: list[str] = c.list_of(c.one_of("text", "audio"))(value, param, current)
    if len(names) != 1:
        raise RequestError(
            "invalid_value",
            f"Invalid modalities: {names}. Supported combinations are: ['text'] and ['audio'].",
            param,
        )
    return names


def _format(value: object, param: str, current: object) -> Json:
    kinds: dict[str, c.Check] = {
        audio.realtime_name: c.whole({"type": c.text}) for audio in FORMATS if audio.rate == 8000
    }
    rate: Callable[[object, str, object], object] = c.number(24000, 24000, whole=True)
    kinds["audio/pcm"] = c.whole({"type": c.text, "rate": rate}, defaults={"rate": 24000})
    result: Json = c.by_type(kinds)(value, param, current)
    return result


def _voice(value: object, param: str, current: object) -> object:
    if isinstance(value, dict):
        return c.whole({"id": c.text}, "id")(value, param, current)
    return c.one_of(*VOICES)(value, param, current)


_TURN_DETECTION = c.nullable(
    c.by_type(
        {
            "server_vad": c.whole(
                {
                    "type": c.text,
                    "threshold": c.number(0, 1),
                    "prefix_padding_ms": c.number(0, 10_000, whole=True),
                    "silence_duration_ms": c.number(0, 60_000, whole=True),
                    "create_response": c.boolean,
                    "interrupt_response": c.boolean,
                    "idle_timeout_ms": c.nullable(c.number(5000, 30_000, whole=True)),
                },
                defaults=_SERVER_VAD,
            ),
            "semantic_vad": c.whole(
                {
                    "type": c.text,
                    "eagerness": c.one_of("low", "medium", "high", "auto"),
                    "create_response": c.boolean,
                    "interrupt_response": c.boolean,
                },
                defaults=_SEMANTIC_VAD,
            ),
        }
    )
)
_INPUT = c.merged(
    {
        "format": _format,
        "noise_reduction": c.nullable(
            c.merged({"type": c.one_of("near_field", "far_field"), "strength": c.number(0, 1)})
        ),
        "transcription": c.nullable(
            c.whole(
                {
                    "model": c.text,
                    "language": c.text,
                    "languages": c.list_of(c.text),
                    "keywords": c.list_of(c.text),
                    "prompt": c.text,
                    "delay": c.one_of("minimal", "low", "medium", "high", "xhigh"),
                }
            )
        ),
        "turn_detection": _TURN_DETECTION,
    }
)
_OUTPUT_FIELDS: dict[str, c.Check] = {"format": _format, "voice": _voice, "speed": c.number(0.25, 1.5)}
_TOOLS = c.list_of(
    c.by_type(
        {
            "function": c.whole(
                {
                    "type": c.text,
                    "name": c.pattern(r"[a-zA-Z0-9_-]+"),
                    "description": c.text,
                    "parameters": c.anything,
                },
                "name",
            ),
            "mcp": c.anything,
        }
    )
)


def _tool_choice(value: object, param: str, current: object) -> object:
    if isinstance(value, dict):
        return c.by_type({"function": c.whole({"type": c.text, "name": c.text}, "name"), "mcp": c.anything})(
            value, param, current
        )
    return c.one_of("none", "auto", "required")(value, param, current)


SHARED_FIELDS: dict[str, c.Check] = {
    "output_modalities": _modalities,
    "instructions": c.text,
    "tools": _TOOLS,
    "tool_choice": _tool_choice,
    "max_output_tokens": c.or_word("inf", c.number(1, 4096, whole=True)),
    "parallel_tool_calls": c.boolean,
    "prompt": c.anything,
    "reasoning": c.anything,
}
"""Fields that a session and a `response.create` have in common."""

_REALTIME = c.merged(
    {
        **SHARED_FIELDS,
        "type": c.text,
        "model": c.text,
        "include": c.anything,
        "tracing": c.anything,
        "truncation": c.anything,
        "audio": c.merged({"input": _INPUT, "output": c.merged(_OUTPUT_FIELDS)}),
    }
)
_TRANSCRIPTION = c.merged({"type": c.text, "include": c.anything, "audio": c.merged({"input": _INPUT})})
_RESPONSE = c.whole(
    {
        **SHARED_FIELDS,
        "audio": c.whole({"output": c.whole({"format": _format, "voice": _voice})}),
        "conversation": c.one_of("auto", "none"),
        "input": c.list_of(c.anything),
        "metadata": c.anything,
    }
)


def response_request(value: object) -> Json:
    """The `response` object of a `response.create`, checked. Raises `RequestError`."""
    result: Json = _RESPONSE({} if value is None else value, "response", None)
    return result

"""What is asked of a Realtime session (`session.update`), and whether the server gave it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from offhook.call.false_alarm import waits_for_words

if TYPE_CHECKING:
    from offhook.settings import Settings
    from offhook.settings.app_config import McpServer

Json = dict[str, Any]

PCM_RATE = 24_000
"""The only rate that the API knows for `audio/pcm`, in samples a second."""

_GENERATION = re.compile(r"gpt-realtime-(\d{1,2})(?:\.\d+)?(?:-|$)")


def session_object(settings: Settings, tools: Sequence[Json], detects_turns: bool) -> Json:
    """The `session` of a `session.update`.

    tools: function definitions (`{"type": "function", "name": …}`) to offer in a conversation; remote MCP
    servers come from the settings. detects_turns: whether the provider is to say when the caller speaks
    (`offhook.call.endpointing.provider_detects_turns`, and the setting `endpointing`).
    """
    if settings.call.session_kind == "recognition":
        return {"type": "transcription", "audio": {"input": _input(settings, detects_turns)}}
    options = settings.openai
    offered = [*tools, *(_mcp_tool(server) for server in settings.tools.mcp_servers)]
    session: Json = {
        "type": "realtime",
        "output_modalities": list(options.response_modalities),
        "instructions": options.instructions,
        "audio": {
            "input": _input(settings, detects_turns),
            "output": {
                "format": audio_format(options.output_audio_format),
                "voice": options.voice,
                "speed": options.speed,
            },
        },
        "tools": offered,
        # To require a tool where none is offered is an error.
        "tool_choice": options.tool_choice if offered else "auto",
        "max_output_tokens": options.max_output_tokens or "inf",
        "truncation": "auto",
    }
    if reasons(settings):
        session["parallel_tool_calls"] = True
    return session


def reasons(settings: Settings) -> bool:
    """True for a reasoning model (`gpt-realtime-2` on); only these take `parallel_tool_calls`."""
    options = settings.openai
    model = options.azure_deployment_id if options.ai_provider == "azure" else options.model
    generation = _GENERATION.match(model)
    return generation is not None and int(generation[1]) >= 2


def audio_format(name: str) -> Json:
    """`audio/pcmu`, `audio/pcma` or `audio/pcm` as the API writes a format."""
    return {"type": name, "rate": PCM_RATE} if name == "audio/pcm" else {"type": name}


def bytes_per_ms(name: str) -> int:
    """Size of a millisecond of audio in this format: 8 kHz with a byte each, or 24 kHz with two."""
    return PCM_RATE * 2 // 1000 if name == "audio/pcm" else 8


def _input(settings: Settings, detects_turns: bool) -> Json:
    options = settings.openai
    transcription: Json | None = {"model": options.transcription_model}
    if not options.transcription_model:
        transcription = None
    elif options.language:
        transcription = {"model": options.transcription_model, "language": options.language}
    return {
        "format": audio_format(options.input_audio_format),
        "noise_reduction": None if options.noise_reduction == "none" else {"type": options.noise_reduction},
        "transcription": transcription,
        "turn_detection": _turn_detection(settings) if detects_turns else None,
    }


def _turn_detection(settings: Settings) -> Json | None:
    """Every field is sent: the server fills a partial object with defaults of its own."""
    options = settings.openai
    conversation = settings.call.session_kind == "conversation"
    detection: Json
    match options.turn_detection:
        case "server_vad":
            detection = {
                "type": "server_vad",
                "threshold": options.threshold,
                "prefix_padding_ms": options.prefix_padding_ms,
                "silence_duration_ms": options.silence_duration_ms,
            }
            if conversation:
                detection["idle_timeout_ms"] = options.idle_timeout_ms or None
        case "semantic_vad":
            detection = {"type": "semantic_vad", "eagerness": options.eagerness}
        case _:
            return None
    if conversation:
        wait = waits_for_words(settings)
        barge_in = settings.barge_in
        detection["create_response"] = not wait
        detection["interrupt_response"] = (
            barge_in.barge_in_mode_enabled and barge_in.barge_in_source != "asterisk" and not wait
        )
    return detection


def _mcp_tool(server: McpServer) -> Json:
    """A remote MCP server as the API takes it. Nobody on a call could approve its use: the operator did."""
    tool: Json = {
        "type": "mcp",
        "server_label": server.server_label,
        "server_url": server.server_url,
        "require_approval": "never",
    }
    authorization = server.authorization.get_secret_value()
    if authorization:
        tool["authorization"] = authorization
    if server.allowed_tools:
        tool["allowed_tools"] = list(server.allowed_tools)
    return tool


def with_formats_of(session: Json, asked: Json) -> Json:
    """`session` with the kind and the audio formats of `asked`, which the road of the audio depends on."""
    result = {**session, "type": asked["type"]}
    given = session.get("audio")
    audio: Json = dict(given) if isinstance(given, dict) else {}
    for way, part in asked["audio"].items():
        own = audio.get(way)
        audio[way] = {**(own if isinstance(own, dict) else {}), "format": part["format"]}
    result["audio"] = audio
    return result


def format_difference(asked: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """Compare the audio formats of a session as asked for with those of `session.updated`.

    Returns "" where they are the same, else a sentence that names both. A session that does not say its
    format counts as different: the caller would hear noise if it were.
    """
    ways = ["input"]
    if "output" in asked["audio"] and "audio" in asked.get("output_modalities", ["audio"]):
        ways.append("output")
    differences = []
    for way in ways:
        wanted, got = asked["audio"][way]["format"], _format_of(given, way)
        if got != wanted:
            differences.append(f"{way} {_show(wanted)} was asked for and {_show(got)} given")
    return (
        f"the provider's audio format is not the one asked for: {', '.join(differences)}"
        if differences
        else ""
    )


def _format_of(session: Mapping[str, Any], way: str) -> Json | None:
    audio = session.get("audio")
    part = audio.get(way) if isinstance(audio, dict) else None
    # The second is the beta protocol's shape, `input_audio_format: g711_ulaw`, for the sake of the sentence.
    found = part.get("format") if isinstance(part, dict) else session.get(f"{way}_audio_format")
    if isinstance(found, str):
        return {"type": found}
    if not isinstance(found, dict) or not isinstance(found.get("type"), str):
        return None
    if found["type"] == "audio/pcm":
        return {"type": "audio/pcm", "rate": found.get("rate") or PCM_RATE}
    return {"type": found["type"]}


def _show(audio: Mapping[str, Any] | None) -> str:
    if audio is None:
        return "no format"
    return f"{audio['type']} at {audio['rate']} Hz" if "rate" in audio else str(audio["type"])

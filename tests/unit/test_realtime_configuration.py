"""What is asked of a Realtime session, and whether it was given."""

from __future__ import annotations

import json
from typing import Any

import pytest

from offhook.realtime import messages
from offhook.realtime.configuration import bytes_per_ms, format_difference, session_object, with_formats_of
from offhook.settings import Settings
from openai_types import validate_client

Json = dict[str, Any]
TOOL = {"type": "function", "name": "end_call", "description": "Hang up.", "parameters": {"type": "object"}}


def session(
    offered: list[Json] | None = None,
    *,
    detects_turns: bool = True,
    openai: Json | None = None,
    **config: Any,
) -> Json:
    """The session object for these settings, once the openai package has agreed to it."""
    settings = Settings.model_validate({"openai": openai or {}, "app_config": config})
    found = session_object(settings, offered or [], detects_turns)
    validate_client(messages.session_update(found))
    return found


RECOGNITION = {"session_kind": "recognition"}


def test_a_conversation_as_it_is_by_default() -> None:
    found = session(openai={"instructions": "Be kind."})
    assert found == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "Be kind.",
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "noise_reduction": None,
                "transcription": {"model": "gpt-transcribe"},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                    "idle_timeout_ms": None,
                    "create_response": True,
                    "interrupt_response": True,
                },
            },
            "output": {"format": {"type": "audio/pcmu"}, "voice": "marin", "speed": 1.0},
        },
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "truncation": "auto",
        "parallel_tool_calls": True,
    }


def test_a_recognition_as_it_is_by_default() -> None:
    assert session([TOOL], call=RECOGNITION) == {
        "type": "transcription",
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "noise_reduction": None,
                "transcription": {"model": "gpt-transcribe"},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                },
            }
        },
    }


@pytest.mark.parametrize("kind", ["conversation", "recognition"])
def test_without_detection_of_turns_it_is_null(kind: str) -> None:
    found = session(detects_turns=False, call={"session_kind": kind})
    assert found["audio"]["input"]["turn_detection"] is None
    found = session(openai={"turn_detection": "none"}, call={"session_kind": kind})
    assert found["audio"]["input"]["turn_detection"] is None


def test_semantic_turn_detection_sends_every_field() -> None:
    found = session(openai={"turn_detection": "semantic_vad", "eagerness": "low"})
    assert found["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
        "create_response": True,
        "interrupt_response": True,
    }


@pytest.mark.parametrize(
    ("barge_in", "interrupts"),
    [
        ({"barge_in_mode_enabled": False}, False),
        ({"barge_in_source": "asterisk"}, False),
        ({"barge_in_source": "either"}, True),
        ({"barge_in_source": "provider"}, True),
    ],
)
@pytest.mark.parametrize("detection", ["server_vad", "semantic_vad"])
def test_the_provider_interrupts_only_where_it_may(barge_in: Json, interrupts: bool, detection: str) -> None:
    found = session(openai={"turn_detection": detection}, barge_in=barge_in)
    assert found["audio"]["input"]["turn_detection"]["interrupt_response"] is interrupts
    assert found["audio"]["input"]["turn_detection"]["create_response"] is True


@pytest.mark.parametrize(
    ("name", "expected", "size"),
    [
        ("audio/pcmu", {"type": "audio/pcmu"}, 8),
        ("audio/pcma", {"type": "audio/pcma"}, 8),
        ("audio/pcm", {"type": "audio/pcm", "rate": 24_000}, 48),
    ],
)
def test_audio_formats(name: str, expected: Json, size: int) -> None:
    found = session(
        openai={
            "input_audio_format": name,
            "output_audio_format": name,
            "input_audio_sample_rate": 24_000 if name == "audio/pcm" else 8000,
            "output_audio_sample_rate": 24_000 if name == "audio/pcm" else 8000,
        }
    )
    assert found["audio"]["input"]["format"] == found["audio"]["output"]["format"] == expected
    assert bytes_per_ms(name) == size


def test_the_other_settings_have_their_places() -> None:
    found = session(
        [TOOL],
        openai={
            "language": "de",
            "noise_reduction": "far_field",
            "idle_timeout_ms": 6000,
            "max_output_tokens": 500,
            "tool_choice": "required",
            "response_modalities": ["text"],
            "voice": "cedar",
            "speed": 1.2,
        },
    )
    assert found["audio"]["input"]["transcription"] == {"model": "gpt-transcribe", "language": "de"}
    assert found["audio"]["input"]["noise_reduction"] == {"type": "far_field"}
    assert found["audio"]["input"]["turn_detection"]["idle_timeout_ms"] == 6000
    assert found["audio"]["output"]["voice"] == "cedar"
    assert found["audio"]["output"]["speed"] == 1.2
    assert found["max_output_tokens"] == 500
    assert found["tool_choice"] == "required"
    assert found["tools"] == [TOOL]
    assert found["output_modalities"] == ["text"]


def test_no_tool_is_required_where_there_is_none() -> None:
    assert session(openai={"tool_choice": "required"})["tool_choice"] == "auto"


@pytest.mark.parametrize(
    ("openai", "reasons"),
    [
        ({"model": "gpt-realtime-2.1"}, True),
        ({"model": "gpt-realtime-2.1-mini"}, True),
        ({"model": "gpt-realtime-2"}, True),
        ({"model": "gpt-realtime-3"}, True),
        ({"model": "gpt-realtime-1.5"}, False),
        ({"model": "gpt-realtime-2025-08-28"}, False),
        ({"model": "my-own"}, False),
        ({"ai_provider": "azure", "azure_deployment_id": "voice"}, False),
        ({"ai_provider": "azure", "azure_deployment_id": "gpt-realtime-2"}, True),
    ],
)
def test_parallel_tool_calls_are_for_reasoning_models_alone(openai: Json, reasons: bool) -> None:
    assert ("parallel_tool_calls" in session(openai=openai)) is reasons


def test_remote_mcp_servers_are_offered_as_tools() -> None:
    servers = [
        {"server_label": "crm", "server_url": "https://crm.example/mcp"},
        {
            "server_label": "erp",
            "server_url": "https://erp.example/mcp",
            "authorization": "hush",
            "allowed_tools": ["find_order"],
        },
    ]
    assert session([TOOL], tools={"mcp_servers": servers})["tools"] == [
        TOOL,
        {
            "type": "mcp",
            "server_label": "crm",
            "server_url": "https://crm.example/mcp",
            "require_approval": "never",
        },
        {
            "type": "mcp",
            "server_label": "erp",
            "server_url": "https://erp.example/mcp",
            "require_approval": "never",
            "authorization": "hush",
            "allowed_tools": ["find_order"],
        },
    ]


# What was given


ULAW, ALAW, PCM = {"type": "audio/pcmu"}, {"type": "audio/pcma"}, {"type": "audio/pcm", "rate": 24_000}


def given(into: Any, out: Any) -> Json:
    return {"type": "realtime", "audio": {"input": {"format": into}, "output": {"format": out}}}


def test_the_formats_asked_for_are_fine() -> None:
    asked = session()
    assert format_difference(asked, json.loads(json.dumps(asked))) == ""
    assert format_difference(asked, given("audio/pcmu", {**ULAW, "rate": 8000})) == ""


def test_pcm_has_one_rate_whether_it_is_said_or_not() -> None:
    asked = given(PCM, PCM)
    assert format_difference(asked, given({"type": "audio/pcm"}, PCM)) == ""
    assert "24000 Hz was asked for and audio/pcm at 16000 Hz given" in format_difference(
        asked, given({"type": "audio/pcm", "rate": 16_000}, PCM)
    )


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (given(ALAW, ULAW), "input audio/pcmu was asked for and audio/pcma given"),
        (given(ULAW, PCM), "output audio/pcmu was asked for and audio/pcm at 24000 Hz given"),
        (
            given(ALAW, PCM),
            "input audio/pcmu was asked for and audio/pcma given, "
            "output audio/pcmu was asked for and audio/pcm at 24000 Hz given",
        ),
        ({"type": "realtime"}, "input audio/pcmu was asked for and no format given"),
        (given(None, ULAW), "input audio/pcmu was asked for and no format given"),
        (given(7, ULAW), "input audio/pcmu was asked for and no format given"),
        ({"audio": {"input": 1}}, "input audio/pcmu was asked for and no format given"),
        (
            {"input_audio_format": "pcm16", "output_audio_format": "pcm16"},
            "input audio/pcmu was asked for and pcm16 given",
        ),
    ],
)
def test_another_format_is_named_with_the_one_asked_for(answer: Json, sentence: str) -> None:
    assert sentence in format_difference(session(), answer)


def test_the_output_of_a_session_without_a_voice_does_not_matter() -> None:
    assert format_difference(session(openai={"response_modalities": ["text"]}), given(ULAW, PCM)) == ""


def test_a_recognition_has_an_input_only() -> None:
    asked = session(call=RECOGNITION)
    assert format_difference(asked, {"audio": {"input": {"format": ULAW}}}) == ""
    assert format_difference(asked, {"audio": {"input": {"format": PCM}}}) != ""


@pytest.mark.parametrize("changed", [{}, {"audio": None}, {"audio": {"input": None}}, {"type": "other"}])
def test_a_hooks_session_keeps_kind_and_formats(changed: Json) -> None:
    asked = session()
    result = with_formats_of(changed, asked)
    assert result["type"] == "realtime"
    assert format_difference(asked, result) == ""

"""What the simulated Realtime server refuses, and what it takes: addresses, keys, the session object, messages."""

import base64
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from offhook.simulators.realtime import Quirks, SimulatedRealtime
from plain_realtime import PCMU, Hears, PlainRealtime, Tones, loud, quiet

TOOL = {"type": "function", "name": "look_up", "parameters": {}}


def server_with(**options: Any) -> SimulatedRealtime:
    return SimulatedRealtime(recognizer=Hears("Yes."), voice=Tones(), **options)


# Connecting


@pytest.mark.asyncio
@pytest.mark.parametrize("headers", [{"Authorization": "Bearer sk-right"}, {"api-key": "sk-right"}])
async def test_the_right_key_is_taken_as_openai_and_as_azure_send_it(headers: dict[str, str]) -> None:
    async with server_with(api_key="sk-right") as server, PlainRealtime(server, **headers) as client:
        await client.event("session.created")


@pytest.mark.asyncio
async def test_a_wrong_key_is_refused_without_showing_it() -> None:
    async with server_with(api_key="sk-right") as server:
        with pytest.raises(InvalidStatus) as caught:
            async with PlainRealtime(server, Authorization="Bearer sk-wrong-key"):
                pass
    assert caught.value.response.status_code == 401
    body = caught.value.response.body
    assert body is not None
    assert b"invalid_api_key" in body
    assert b"wrong-key" not in body


@pytest.mark.asyncio
async def test_another_path_is_not_found() -> None:
    async with server_with() as server:
        with pytest.raises(InvalidStatus) as caught:
            async with PlainRealtime(server, path="/chat/completions"):
                pass
    assert caught.value.response.status_code == 404


@pytest.mark.asyncio
async def test_a_conversation_needs_a_model() -> None:
    async with server_with() as server, PlainRealtime(server, query="") as client:
        assert await client.closed() == 4000
        assert client.errors[0]["code"] == "missing_model"


@pytest.mark.asyncio
async def test_a_session_expires() -> None:
    async with server_with(session_age_limit_seconds=0.05) as server, PlainRealtime(server) as client:
        assert await client.closed() == 1001
        assert client.errors[0]["code"] == "session_expired"


@pytest.mark.asyncio
async def test_the_service_can_fail() -> None:
    async with server_with() as server, PlainRealtime(server) as client:
        await client.event("session.created")
        await server.sessions[0].drop(1011, "the service has a problem")
        assert await client.closed() == 1011
        assert client.socket.close_reason == "the service has a problem"


# The session object


@pytest.mark.asyncio
async def test_a_new_session_has_the_apis_defaults() -> None:
    async with server_with() as server, PlainRealtime(server) as client:
        session = (await client.event("session.created"))["session"]
    assert session["id"].startswith("sess_")
    assert session["model"] == "gpt-realtime-2.1"
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert session["audio"]["input"]["transcription"] is None
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "create_response": True,
        "interrupt_response": True,
        "idle_timeout_ms": None,
    }


@pytest.mark.asyncio
async def test_an_update_changes_what_it_names() -> None:
    async with server_with() as server, PlainRealtime(server) as client:
        await client.update(instructions="Be brief.", tools=[TOOL])
        session = await client.update(audio={"output": {"speed": 1.2}})
        assert session["instructions"] == "Be brief."
        assert session["tools"] == [TOOL]
        assert session["audio"]["output"]["speed"] == 1.2
        assert session["audio"]["output"]["voice"] == "marin"
        detection = {"type": "server_vad", "silence_duration_ms": 900}
        session = await client.update(audio={"input": {"turn_detection": detection}})
        # Named in part, it is replaced as a whole.
        assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 900
        assert session["audio"]["input"]["turn_detection"]["threshold"] == 0.5


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({}, "missing_required_parameter", "session.type"),
        ({"type": "translation"}, "invalid_value", "session.type"),
        ({"type": "realtime", "modalities": ["text"]}, "unknown_parameter", "session.modalities"),
        (
            {"type": "realtime", "input_audio_format": "g711_ulaw"},
            "unknown_parameter",
            "session.input_audio_format",
        ),
        (
            {"type": "realtime", "output_modalities": ["audio", "text"]},
            "invalid_value",
            "session.output_modalities",
        ),
        (
            {"type": "realtime", "audio": {"output": {"format": {"type": "audio/opus"}}}},
            "invalid_value",
            "session.audio.output.format.type",
        ),
        (
            {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 8000}}}},
            "integer_below_min_value",
            "session.audio.input.format.rate",
        ),
        (
            {"type": "realtime", "audio": {"output": {"voice": "nova"}}},
            "invalid_value",
            "session.audio.output.voice",
        ),
        (
            {"type": "realtime", "audio": {"output": {"speed": 2}}},
            "decimal_above_max_value",
            "session.audio.output.speed",
        ),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"threshold": 0.5}}}},
            "missing_required_parameter",
            "session.audio.input.turn_detection.type",
        ),
        ({"type": "realtime", "instructions": 5}, "invalid_type", "session.instructions"),
        ({"type": "realtime", "model": "gpt-realtime-1.5"}, "cannot_update_model", "session.model"),
        (
            {"type": "realtime", "tool_choice": {"type": "function", "name": "x"}},
            "invalid_value",
            "session.tool_choice",
        ),
        (
            {"type": "realtime", "max_output_tokens": 0},
            "integer_below_min_value",
            "session.max_output_tokens",
        ),
        (
            {"type": "realtime", "tools": [{"type": "function", "name": "a b"}]},
            "invalid_value",
            "session.tools[0].name",
        ),
    ],
)
async def test_a_wrong_update_is_refused_as_a_whole(session: Any, code: str, param: str) -> None:
    async with server_with() as server, PlainRealtime(server) as client:
        before = (await client.event("session.created"))["session"]
        error = await client.refused("session.update", checked=False, session=session)
        assert (error["code"], error["param"]) == (code, param)
        assert error["type"] == "invalid_request_error"
        assert await client.update() == before


@pytest.mark.asyncio
async def test_an_older_model_takes_no_parallel_tool_calls() -> None:
    async with server_with() as server:
        async with PlainRealtime(server, query="model=gpt-realtime-1.5") as client:
            session = {"type": "realtime", "parallel_tool_calls": True}
            error = await client.refused("session.update", session=session)
            assert error["param"] == "session.parallel_tool_calls"
        async with PlainRealtime(server) as client:
            assert (await client.update(parallel_tool_calls=True))["parallel_tool_calls"] is True


@pytest.mark.asyncio
async def test_the_voice_is_fixed_once_it_was_heard() -> None:
    async with server_with() as server, PlainRealtime(server) as client:
        await client.update(audio={"output": {"voice": "cedar"}})
        await client.write("Hi.")
        await client.event("response.done")
        session = {"type": "realtime", "audio": {"output": {"voice": "ash"}}}
        error = await client.refused("session.update", session=session)
        assert error["code"] == "cannot_update_voice"


@pytest.mark.asyncio
async def test_a_conversation_is_no_transcription_session() -> None:
    async with server_with() as server, PlainRealtime(server) as client:
        await client.send("session.update", session={"type": "transcription"})
        assert await client.closed() == 4000
        (error,) = client.errors
        assert error["code"] == "invalid_model"
        assert "transcription session update event to a realtime session" in error["message"]


@pytest.mark.asyncio
async def test_the_format_given_can_be_another_than_the_one_asked_for() -> None:
    async with server_with(quirks=Quirks(other_formats=1)) as server, PlainRealtime(server) as client:
        audio = {"input": {"format": PCMU}, "output": {"format": PCMU}}
        first = await client.update(audio=audio)
        assert first["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24000}
        second = await client.update(audio=audio)
        assert second["audio"]["output"]["format"] == PCMU


# Messages


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        ("response.make", {}, "invalid_value"),
        ("input_audio_buffer.append", {}, "missing_required_parameter"),
        ("input_audio_buffer.append", {"audio": "no base64!"}, "invalid_value"),
        ("input_audio_buffer.commit", {}, "input_audio_buffer_commit_empty"),
        ("conversation.item.create", {"item": {"type": "song"}}, "invalid_value"),
        (
            "conversation.item.create",
            {"item": {"type": "message", "role": "user"}},
            "missing_required_parameter",
        ),
        (
            "conversation.item.create",
            {"item": {"type": "function_call_output", "call_id": "call_x", "output": "x"}},
            "invalid_tool_call_id",
        ),
        (
            "conversation.item.create",
            {"item": {"type": "message", "role": [], "content": []}},
            "invalid_type",
        ),
        ("conversation.item.delete", {"item_id": "item_x"}, "item_delete_invalid_item_id"),
        ("conversation.item.retrieve", {"item_id": "item_x"}, "item_retrieve_invalid_item_id"),
        ("conversation.item.truncate", {"item_id": "x", "content_index": 0}, "missing_required_parameter"),
        (
            "conversation.item.truncate",
            {"item_id": "x", "content_index": 0, "audio_end_ms": -1},
            "integer_below_min_value",
        ),
        ("response.create", {"response": {"voice": "marin"}}, "unknown_parameter"),
        ("response.cancel", {}, "response_cancel_not_active"),
        ("output_audio_buffer.clear", {}, "invalid_value"),
    ],
)
async def test_a_refused_message_ends_nothing(name: str, fields: dict[str, Any], code: str) -> None:
    async with server_with() as server, PlainRealtime(server) as client:
        error = await client.refused(name, checked=False, **fields)
        assert error["code"] == code
        await client.settled()


@pytest.mark.asyncio
@pytest.mark.parametrize("text", ["{", "[]", '"x"', '{"event_id": "e"}', '{"type": 5}', b"\xff\x00"])
async def test_what_is_no_event_ends_nothing(text: str | bytes) -> None:
    async with server_with() as server, PlainRealtime(server) as client:
        await client.socket.send(text)
        error = (await client.event("error"))["error"]
        assert error["type"] == "invalid_request_error"
        await client.settled()


@pytest.mark.asyncio
async def test_less_than_a_tenth_of_a_second_is_not_committed() -> None:
    async with server_with() as server, PlainRealtime(server) as client:
        await client.telephone(audio={"turn_detection": None})
        await client.append(loud(99))
        error = await client.refused("input_audio_buffer.commit")
        assert error["code"] == "input_audio_buffer_commit_empty"
        assert "buffer only has 99.00ms of audio" in error["message"]
        await client.append(quiet(1))
        await client.send("input_audio_buffer.commit")
        await client.event("input_audio_buffer.committed")


@pytest.mark.asyncio
async def test_items_are_put_where_they_are_asked_for() -> None:
    async with server_with() as server, PlainRealtime(server) as client:
        for item_id, previous in (("b", None), ("a", "root"), ("c", "a")):
            content = [{"type": "input_text", "text": item_id}]
            item = {"type": "message", "role": "user", "id": item_id, "content": content}
            where: dict[str, Any] = {} if previous is None else {"previous_item_id": previous}
            await client.send("conversation.item.create", item=item, **where)
        await client.settled()
        assert [item["id"] for item in server.sessions[0].items] == ["a", "c", "b"]
        assert [event["previous_item_id"] for event in client.named("conversation.item.added")] == [
            None,
            None,
            "a",
        ]
        error = await client.refused("conversation.item.create", item=item)
        assert error["code"] == "item_create_duplicate_id"


@pytest.mark.asyncio
async def test_audio_in_an_item_of_the_client_is_not_logged() -> None:
    audio = base64.b64encode(loud(100)).decode()
    async with server_with() as server, PlainRealtime(server) as client:
        item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": audio}]}
        await client.send("conversation.item.create", item=item)
        await client.event("conversation.item.done")
        logged = [message.body for message in server.sessions[0].messages if not message.from_server]
        assert logged[0]["item"]["content"][0]["audio"] == f"<{len(audio)} characters>"

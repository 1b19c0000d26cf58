"""An open Realtime session: audio both ways, actions, errors, and its end."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json

import pytest
from websockets.exceptions import ConnectionClosed

from offhook.call import events as ev
from scripted_realtime import FORMAT, FRAME, Peer, session_with

# Audio


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [1, 160, 960, 60_000, 240_000])
async def test_caller_audio_of_any_length_arrives_whole(size: int) -> None:
    audio = (FRAME * (size // 160 + 1))[:size]
    async with session_with() as (client, peer):
        client.session.append(audio)
        client.session.append(FRAME)
        await peer.expect("input_audio_buffer.append", 2)
        sent = [base64.b64decode(message["audio"]) for message in peer.sent("input_audio_buffer.append")]
        assert sent == [audio, FRAME]


@pytest.mark.asyncio
async def test_no_audio_is_sent_before_the_session_is_configured() -> None:
    async def script(peer: Peer) -> None:
        await peer.expect("session.update")
        client.session.append(b"early")
        await peer.updated()

    async with session_with(script, opened=False) as (client, peer):
        await client.event(ev.StreamOpened)
        client.session.append(FRAME)
        append = await peer.expect("input_audio_buffer.append")
        assert base64.b64decode(append["audio"]) == FRAME


@pytest.mark.asyncio
async def test_the_answers_audio_comes_in_order_with_its_item_and_end() -> None:
    async with session_with() as (client, peer):
        await peer.created()
        await peer.audio(b"one", "item_1")
        part = {"response_id": "resp_1", "output_index": 0, "content_index": 0}
        await peer.send(type="response.output_audio.done", item_id="item_1", **part)
        await peer.audio(b"two", "item_2")
        item = {"type": "message", "role": "assistant", "id": "item_2", "content": []}
        await peer.send(type="response.output_item.done", response_id="resp_1", output_index=1, item=item)
        await peer.audio(b"three", "item_3")
        await peer.done()
        await client.event(ev.ResponseDone)
        await client.until(lambda: len(client.audio_done) == 3)
        assert client.audio == [
            ("resp_1", "item_1", b"one"),
            ("resp_1", "item_2", b"two"),
            ("resp_1", "item_3", b"three"),
        ]
        assert client.audio_done == ["item_1", "item_2", "item_3"]


@pytest.mark.asyncio
async def test_a_fragmented_message_is_put_together() -> None:
    text = json.dumps(
        {
            "type": "response.output_audio.delta",
            "response_id": "resp_1",
            "item_id": "item_1",
            "delta": base64.b64encode(FRAME * 100).decode(),
        }
    )
    async with session_with() as (client, peer):
        await peer.socket.send(iter([text[:10], text[10:5000], text[5000:]]))
        await client.until(lambda: bool(client.audio))
        assert client.audio == [("resp_1", "item_1", FRAME * 100)]


@pytest.mark.asyncio
async def test_audio_on_its_way_after_an_interruption_is_not_for_the_caller() -> None:
    async with session_with() as (client, peer):
        await peer.created()
        await peer.audio(b"heard")
        await client.until(lambda: bool(client.audio))
        client.session.truncate("item_1", 400)
        await peer.audio(b"late")
        await peer.audio(b"late", "item_2")
        await peer.done(status="cancelled")
        await peer.created("resp_2")
        await peer.audio(b"next", "item_3", "resp_2")
        await client.until(lambda: len(client.audio) > 1)
        assert [audio for _, _, audio in client.audio] == [b"heard", b"next"]


@pytest.mark.asyncio
async def test_malformed_messages_are_skipped() -> None:
    async with session_with() as (client, peer):
        for text in (
            "no json",
            "[1, 2]",
            '{"type": 5}',
            "{}",
            '{"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "delta": "?"}',
            '{"type": "response.output_audio.delta"}',
            '{"type": "response.done"}',
            '{"type": "response.created", "response": null}',
            '{"type": "error", "error": null}',
        ):
            await peer.socket.send(text)
        await peer.created("resp_9")
        started = await client.event(ev.ResponseStarted)
        assert started == ev.ResponseStarted("resp_9")
        assert not any(isinstance(event, ev.StreamFailed) for event in client.events)


# Actions


@pytest.mark.asyncio
async def test_every_action_is_a_message_that_the_api_knows_with_an_id() -> None:
    async with session_with() as (client, peer):
        session = client.session
        session.append(FRAME)
        session.commit()
        session.send_text("Hello?", "user")
        session.send_tool_output("call_1", '{"ok": true}')
        session.create_response()
        session.cancel_response("resp_1")
        session.truncate("item_1", 1200)
        session.delete_item("item_2")
        session.update(client.settings)
        await peer.expect("session.update", 2)
        assert [message["type"] for message in peer.received[1:]] == [
            "input_audio_buffer.append",
            "input_audio_buffer.commit",
            "conversation.item.create",
            "conversation.item.create",
            "response.create",
            "response.cancel",
            "conversation.item.truncate",
            "conversation.item.delete",
            "session.update",
        ]
        ids = [message["event_id"] for message in peer.received if "event_id" in message]
        assert len(set(ids)) == len(peer.received) - 1


@pytest.mark.asyncio
async def test_a_response_is_asked_for_once_the_one_under_way_is_done() -> None:
    async with session_with() as (client, peer):
        await peer.created()
        await client.event(ev.ResponseStarted)
        client.session.create_response()
        client.session.create_response()
        client.session.commit()
        await peer.expect("input_audio_buffer.commit")
        assert peer.sent("response.create") == []
        await peer.done()
        await peer.expect("response.create")
        await peer.created("resp_2")
        await peer.done("resp_2")
        client.session.delete_item("item_9")
        await peer.expect("conversation.item.delete")
        assert len(peer.sent("response.create")) == 1


@pytest.mark.asyncio
async def test_a_response_refused_since_the_server_was_ahead_is_asked_for_again() -> None:
    code = "conversation_already_has_active_response"
    async with session_with() as (client, peer):
        client.session.create_response()
        create = await peer.expect("response.create")
        await peer.created("resp_of_the_server")
        await peer.error(code, "Wait.", create["event_id"])
        error = await client.event(ev.ProviderError)
        assert error == ev.ProviderError(code, "Wait.")
        assert len(peer.sent("response.create")) == 1
        await peer.done("resp_of_the_server")
        await peer.expect("response.create", 2)


@pytest.mark.asyncio
async def test_a_response_refused_since_of_one_that_has_ended_is_asked_for_again() -> None:
    async with session_with() as (client, peer):
        await peer.created()
        await peer.done()
        await client.event(ev.ResponseDone)
        client.session.create_response()
        create = await peer.expect("response.create")
        await peer.error("conversation_already_has_active_response", "Wait.", create["event_id"])
        await peer.expect("response.create", 2)


@pytest.mark.asyncio
async def test_errors_that_harm_nothing_are_reported_and_the_session_goes_on() -> None:
    async with session_with() as (client, peer):
        client.session.truncate("item_1", 5000)
        truncate = await peer.expect("conversation.item.truncate")
        await peer.error(
            "invalid_value", "Audio content of 400ms is already shorter than 5000ms", truncate["event_id"]
        )
        await peer.error("response_cancel_not_active", "Nothing to cancel.")
        await peer.error("input_audio_buffer_commit_empty", "Too short.")
        await peer.created()
        await client.event(ev.ResponseStarted)
        codes = [event.code for event in client.events if isinstance(event, ev.ProviderError)]
        assert codes == ["invalid_value", "response_cancel_not_active", "input_audio_buffer_commit_empty"]
        assert isinstance(client.events[-1], ev.ResponseStarted)


@pytest.mark.asyncio
async def test_an_update_keeps_formats_and_a_voice_that_was_heard() -> None:
    async with session_with() as (client, peer):
        await peer.audio(b"hello")
        await client.until(lambda: bool(client.audio))
        changes = {"voice": "cedar", "instructions": "Be brief.", "output_audio_format": "audio/pcm"}
        openai = client.settings.openai.model_copy(update=changes)
        client.session.update(client.settings.model_copy(update={"openai": openai}))
        session = (await peer.expect("session.update", 2))["session"]
        assert session["instructions"] == "Be brief."
        assert session["audio"]["output"]["voice"] == "marin"
        assert session["audio"]["output"]["format"] == FORMAT


@pytest.mark.asyncio
async def test_the_pace_changes_between_responses_only() -> None:
    async with session_with() as (client, peer):
        await peer.created()
        await client.event(ev.ResponseStarted)
        openai = client.settings.openai.model_copy(update={"speed": 1.25})
        client.session.update(client.settings.model_copy(update={"openai": openai}))
        client.session.create_response()
        client.session.commit()
        await peer.expect("input_audio_buffer.commit")
        assert len(peer.sent("session.update")) == 1
        await peer.done()
        await peer.expect("response.create")
        assert [message["type"] for message in peer.received[-2:]] == ["session.update", "response.create"]
        assert peer.received[-2]["session"]["audio"]["output"]["speed"] == 1.25


# Ending


@pytest.mark.asyncio
async def test_a_session_that_expired_fails_with_the_reason() -> None:
    async with session_with() as (client, peer):
        await peer.error("session_expired", "Your session hit the maximum duration of 60 minutes.")
        await peer.socket.close(1001, "expired")
        failed = await client.event(ev.StreamFailed)
        assert "with code 1001: expired" in failed.reason
        assert "greatest age: Your session hit the maximum duration" in failed.reason
        assert [type(event) for event in client.events] == [
            ev.StreamOpened,
            ev.ProviderError,
            ev.StreamFailed,
        ]


@pytest.mark.asyncio
async def test_a_connection_that_breaks_fails_once() -> None:
    async with session_with() as (client, peer):
        peer.socket.transport.abort()
        failed = await client.event(ev.StreamFailed)
        assert "broke" in failed.reason
        client.session.append(FRAME)
        client.session.create_response()
        client.session.update(client.settings)
        await client.session.close()
        assert client.events == [ev.StreamOpened(), failed]


@pytest.mark.asyncio
async def test_a_message_that_is_too_long_fails() -> None:
    async with session_with() as (client, peer):
        with contextlib.suppress(ConnectionClosed):
            await peer.socket.send("x" * (16 * 1024 * 1024 + 1))
        assert "more than 16 MiB" in (await client.event(ev.StreamFailed)).reason


@pytest.mark.asyncio
async def test_after_close_nothing_is_reported_and_nothing_is_left() -> None:
    async with session_with() as (client, peer):
        before = asyncio.all_tasks()
        for number in range(50):
            await peer.created(f"resp_{number}")
        await client.session.close()
        await client.session.close()
        seen = len(client.events)
        await peer.socket.wait_closed()
        assert peer.socket.close_code == 1000
        assert len(client.events) == seen
        client.session.append(FRAME)
        assert asyncio.all_tasks() <= before


@pytest.mark.asyncio
async def test_closing_is_prompt_where_the_server_does_not_answer() -> None:
    async def script(peer: Peer) -> None:
        await peer.expect("session.update")
        await peer.updated()
        peer.socket.transport.pause_reading()

    async with session_with(script) as (client, peer):
        started = asyncio.get_running_loop().time()
        await client.session.close()
        assert asyncio.get_running_loop().time() - started < 1
        peer.socket.transport.abort()


# Watching


@pytest.mark.asyncio
async def test_a_watcher_sees_messages_both_ways_with_lengths_for_audio_and_no_secret() -> None:
    server = {"server_label": "crm", "server_url": "https://crm.example/mcp", "authorization": "Bearer hush"}
    async with session_with(watch=True, tools={"mcp_servers": [server]}) as (client, peer):
        client.session.append(FRAME)
        client.session.send_text("1234", "user", sensitive=True)
        item = (await peer.expect("conversation.item.create"))["item"]
        await peer.send(type="conversation.item.added", item=item)
        await peer.audio(FRAME)
        await peer.created()
        await client.event(ev.ResponseStarted)
        assert item["content"][0]["text"] == "1234"
        assert peer.received[0]["session"]["tools"][0]["authorization"] == "Bearer hush"
        shown = [(direction, message["type"]) for direction, message in client.seen]
        assert shown == [
            ("out", "session.update"),
            ("in", "session.updated"),
            ("out", "input_audio_buffer.append"),
            ("out", "conversation.item.create"),
            ("in", "conversation.item.added"),
            ("in", "response.output_audio.delta"),
            ("in", "response.created"),
        ]
        assert client.seen[2][1]["audio"] == 160
        assert client.seen[5][1]["delta"] == 160
        assert "hush" not in str(client.seen)
        assert "1234" not in str(client.seen)


@pytest.mark.asyncio
async def test_debug_logging_never_writes_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with session_with() as (client, _):
        assert "sk-secret" not in repr(client.settings)
    assert any(record.name == "websockets.client" for record in caplog.records)
    ours = [record for record in caplog.records if record.name != "websockets.server"]
    assert not [record for record in ours if "sk-secret" in record.getMessage()]

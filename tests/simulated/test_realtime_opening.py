"""Opening a Realtime session: configured as asked, or one clear sentence."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from offhook.call import events as ev
from scripted_realtime import FORMAT, FRAME, Client, Json, Peer, session_with, settings_for, tcp_server


@pytest.mark.asyncio
async def test_a_conversation_opens_with_model_and_key_and_the_session_as_set() -> None:
    async with session_with() as (_, peer):
        request = peer.socket.request
        assert request is not None
        assert request.path == "/v1/realtime?model=gpt-realtime-2.1"
        assert request.headers["Authorization"] == "Bearer sk-secret"
        assert "OpenAI-Beta" not in request.headers
        assert "Sec-WebSocket-Extensions" not in request.headers
        session = peer.received[0]["session"]
        assert session["type"] == "realtime"
        assert session["audio"]["input"]["format"] == session["audio"]["output"]["format"] == FORMAT


@pytest.mark.asyncio
async def test_a_recognition_opens_by_intent_and_names_its_model_in_the_session() -> None:
    async with session_with(call={"session_kind": "recognition"}) as (_, peer):
        assert peer.socket.request is not None
        assert peer.socket.request.path == "/v1/realtime?intent=transcription"
        session = peer.received[0]["session"]
        assert session["type"] == "transcription"
        assert session["audio"]["input"]["transcription"] == {"model": "gpt-transcribe"}


@pytest.mark.asyncio
async def test_the_session_id_of_the_greeting_is_reported() -> None:
    async def script(peer: Peer) -> None:
        session = {"type": "realtime", "id": "sess_7", "object": "realtime.session"}
        await peer.socket.send(json.dumps({"type": "session.created", "event_id": "e", "session": session}))
        await peer.expect("session.update")
        await peer.updated()

    async with session_with(script, opened=False) as (client, _):
        assert (await client.event(ev.StreamOpened)).session_id == "sess_7"


@pytest.mark.asyncio
async def test_another_audio_format_is_asked_for_once_more() -> None:
    async def script(peer: Peer) -> None:
        await peer.expect("session.update")
        await peer.updated(audio__output__format={"type": "audio/pcm", "rate": 24000})
        await peer.audio(b"noise")
        await peer.expect("session.update", 2)
        await peer.updated()
        await peer.audio(b"speech")

    async with session_with(script, opened=False) as (client, peer):
        await client.until(lambda: bool(client.audio))
        assert client.events == [ev.StreamOpened()]
        assert client.audio == [("resp_1", "item_1", b"speech")]
        first, second = peer.sent("session.update")
        assert first["session"] == second["session"]
        assert first["event_id"] != second["event_id"]


@pytest.mark.asyncio
@pytest.mark.parametrize("way", ["input", "output"])
async def test_an_audio_format_that_stays_another_fails_with_both_named(way: str) -> None:
    async def script(peer: Peer) -> None:
        for nth in (1, 2):
            await peer.expect("session.update", nth)
            await peer.updated(**{f"audio__{way}__format": {"type": "audio/pcm", "rate": 24000}})
        await peer.audio(b"noise")

    async with session_with(script, opened=False) as (client, peer):
        failed = await client.event(ev.StreamFailed)
        client.session.append(FRAME)
        await peer.socket.wait_closed()
        assert client.events == [failed]
        assert f"{way} audio/pcmu was asked for and audio/pcm at 24000 Hz given" in failed.reason
        assert client.audio == []
        assert peer.sent("input_audio_buffer.append") == []


@pytest.mark.asyncio
async def test_a_recognition_compares_the_input_format_too() -> None:
    async def script(peer: Peer) -> None:
        for nth in (1, 2):
            await peer.expect("session.update", nth)
            await peer.updated(audio__input__format={"type": "audio/pcma"})

    async with session_with(script, opened=False, call={"session_kind": "recognition"}) as (client, _):
        failed = await client.event(ev.StreamFailed)
        assert "input audio/pcmu was asked for and audio/pcma given" in failed.reason


@pytest.mark.asyncio
async def test_a_refused_session_fails_with_the_servers_words() -> None:
    async def script(peer: Peer) -> None:
        update = await peer.expect("session.update")
        await peer.error("invalid_model", "No such model.", update["event_id"])
        await peer.socket.close(4000, "invalid_model")

    async with session_with(script, opened=False) as (client, _):
        failed = await client.event(ev.StreamFailed)
        assert failed.reason == "the provider refused the session: No such model. (invalid_model)"
        assert client.events == [failed]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, "OPENAI_API_KEY"),
        (403, "OPENAI_API_KEY"),
        (404, "OPENAI_STT_MODEL"),
        (429, "limit"),
        (503, "not able to serve"),
    ],
)
async def test_a_refused_handshake_fails_with_one_clear_sentence(status: int, hint: str) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        body = json.dumps({"error": {"message": "Wrong key: sk-secret"}})
        return connection.respond(HTTPStatus(status), body)

    async def never(socket: ServerConnection) -> None:
        raise AssertionError("the handshake was to be refused")

    async with serve(never, "127.0.0.1", 0, process_request=refuse) as server:
        client = Client(settings_for(server.sockets[0].getsockname()[1]))
        await client.start().open()
        [failed] = client.events
        assert isinstance(failed, ev.StreamFailed)
        assert hint in failed.reason
        assert f"HTTP {status}" in failed.reason
        assert "Wrong key" in failed.reason
        assert "sk-secret" not in failed.reason
        await client.session.close()


@pytest.mark.asyncio
async def test_nobody_there_fails_with_the_address() -> None:
    async with serve(Peer.listen, "127.0.0.1", 0) as server:  # type: ignore[arg-type]
        port = server.sockets[0].getsockname()[1]
    client = Client(settings_for(port))
    await client.start().open()
    [failed] = client.events
    assert isinstance(failed, ev.StreamFailed)
    assert f"cannot reach 127.0.0.1:{port}" in failed.reason


@pytest.mark.asyncio
async def test_a_server_that_never_answers_fails_within_the_time_limit() -> None:
    async with tcp_server(b"") as port:
        client = Client(settings_for(port, openai={"connect_timeout_seconds": 0.2}))
        await client.start().open()
        [failed] = client.events
        assert isinstance(failed, ev.StreamFailed)
        assert "did not answer within 0.2 s" in failed.reason


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", [b"HELO\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"])
async def test_what_is_no_websocket_server_fails(answer: bytes) -> None:
    async with tcp_server(answer, hang_up=True) as port:
        client = Client(settings_for(port))
        await client.start().open()
        [failed] = client.events
        assert isinstance(failed, ev.StreamFailed)
        assert f"127.0.0.1:{port}" in failed.reason


@pytest.mark.asyncio
async def test_a_server_that_never_configures_fails_within_the_time_limit() -> None:
    async def script(peer: Peer) -> None:
        await peer.expect("session.update")

    limit = {"connect_timeout_seconds": 0.2}
    async with session_with(script, opened=False, openai=limit) as (client, _):
        assert "configure the session" in (await client.event(ev.StreamFailed)).reason


@pytest.mark.asyncio
async def test_an_opening_can_be_cancelled() -> None:
    async with tcp_server(b"") as port:
        client = Client(settings_for(port))
        opening = asyncio.create_task(client.start().open())
        await asyncio.sleep(0.05)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await client.session.close()
        assert client.events == []


@pytest.mark.asyncio
async def test_closing_ends_an_opening_quietly() -> None:
    async with tcp_server(b"") as port:
        client = Client(settings_for(port))
        opening = asyncio.create_task(client.start().open())
        await asyncio.sleep(0.05)
        await client.session.close()
        await opening
        assert client.events == []


@pytest.mark.asyncio
async def test_a_closed_session_does_not_open() -> None:
    client = Client(settings_for(1))
    session = client.start()
    await session.close()
    await session.open()
    assert client.events == []


@pytest.mark.asyncio
async def test_the_hook_has_the_last_word_but_not_on_the_formats() -> None:
    async def hook(session: Json) -> Json:
        session["instructions"] = "Sing."
        session["audio"] = {"output": {"voice": "cedar", "format": {"type": "audio/pcm", "rate": 24000}}}
        return session

    async with session_with(options={"session_hook": hook}) as (_, peer):
        session = peer.received[0]["session"]
        assert session["instructions"] == "Sing."
        assert session["audio"]["output"] == {"voice": "cedar", "format": FORMAT}
        assert session["audio"]["input"] == {"format": FORMAT}


@pytest.mark.asyncio
async def test_a_hook_that_raises_fails_the_session() -> None:
    async def hook(session: Json) -> Json:
        raise KeyError("voice")

    async with session_with(opened=False, options={"session_hook": hook}) as (client, peer):
        failed = await client.event(ev.StreamFailed)
        assert failed.reason == "the session could not be set up: KeyError('voice')"
        await peer.socket.wait_closed()

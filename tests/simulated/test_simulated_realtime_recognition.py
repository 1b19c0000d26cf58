"""Transcription sessions of the simulated Realtime server."""

from typing import Any

import pytest

from offhook.simulators import g711
from offhook.simulators.realtime import SimulatedRealtime
from plain_realtime import PCMU, Hears, PlainRealtime, Tones, loud, quiet

TURN = quiet(400) + loud(600) + quiet(600)
SERVER_VAD = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500}


async def transcription(client: PlainRealtime, model: str, detection: Any) -> dict[str, Any]:
    """Configure the session; returns it as the server has it then."""
    listening = {"format": PCMU, "transcription": {"model": model}, "turn_detection": detection}
    await client.send("session.update", session={"type": "transcription", "audio": {"input": listening}})
    return dict((await client.event("session.updated"))["session"])


@pytest.mark.asyncio
async def test_a_turn_is_transcribed_and_not_answered() -> None:
    async with (
        SimulatedRealtime(recognizer=Hears("I like cheese."), voice=Tones()) as server,
        PlainRealtime(server, query="intent=transcription") as client,
    ):
        created = (await client.event("session.created"))["session"]
        assert created["type"] == "transcription"
        assert created["object"] == "realtime.transcription_session"
        session = await transcription(client, "gpt-transcribe", SERVER_VAD)
        assert session["audio"]["input"]["turn_detection"] == SERVER_VAD
        await client.append(TURN)
        completed = await client.event("conversation.item.input_audio_transcription.completed")
        assert completed["transcript"] == "I like cheese."
        assert completed["usage"]["type"] == "tokens"
        await client.settled()
        assert not [name for name in client.names if name.startswith("response.")]

        error = await client.refused("response.create")
        assert error["code"] == "invalid_event"


@pytest.mark.asyncio
@pytest.mark.parametrize("model", ["gpt-realtime-whisper", "gpt-live-transcribe"])
async def test_a_live_model_has_no_turn_detection(model: str) -> None:
    ear = Hears("I like cheese.")
    async with (
        SimulatedRealtime(recognizer=ear, voice=Tones()) as server,
        PlainRealtime(server, query="intent=transcription") as client,
    ):
        listening = {"transcription": {"model": model}, "turn_detection": SERVER_VAD}
        error = await client.refused(
            "session.update", session={"type": "transcription", "audio": {"input": listening}}
        )
        assert error["param"] == "session.audio.input.turn_detection"

        session = await transcription(client, model, None)
        assert session["audio"]["input"]["turn_detection"] is None
        await client.append(TURN)
        await client.settled()
        assert "input_audio_buffer.speech_started" not in client.names
        await client.send("input_audio_buffer.commit")
        completed = await client.event("conversation.item.input_audio_transcription.completed")
        assert completed["transcript"] == "I like cheese."
        assert ear.heard == [g711.decode_ulaw(TURN)]


@pytest.mark.asyncio
async def test_a_live_model_shows_words_before_the_commit_also_after_a_pause() -> None:
    ear = Hears("One two", "One two", "One two three four", "One two three four five six")
    async with (
        SimulatedRealtime(recognizer=ear, voice=Tones()) as server,
        PlainRealtime(server, query="intent=transcription") as client,
    ):
        await transcription(client, "gpt-live-transcribe", None)
        for looks in (1, 2, 3):
            while len(ear.heard) < looks:
                await client.append(loud(400) + quiet(700))
                await client.settled()
        deltas = "conversation.item.input_audio_transcription.delta"
        await client.event(deltas, 2)
        await client.send("input_audio_buffer.commit")
        item_id = (await client.event("input_audio_buffer.committed"))["item_id"]
        completed = await client.event("conversation.item.input_audio_transcription.completed")
        assert completed["transcript"] == "One two three four five six"
        assert "".join(event["delta"] for event in client.named(deltas)) == completed["transcript"]
        assert {event["item_id"] for event in client.named(deltas)} == {item_id}


@pytest.mark.asyncio
async def test_whisper_counts_seconds() -> None:
    async with (
        SimulatedRealtime(recognizer=Hears("Yes."), voice=Tones()) as server,
        PlainRealtime(server, query="intent=transcription") as client,
    ):
        await transcription(client, "whisper-1", SERVER_VAD)
        await client.append(TURN)
        completed = await client.event("conversation.item.input_audio_transcription.completed")
        assert completed["usage"] == {"type": "duration", "seconds": 1.4}


@pytest.mark.asyncio
async def test_it_is_no_conversation() -> None:
    async with (
        SimulatedRealtime(recognizer=Hears("Yes."), voice=Tones()) as server,
        PlainRealtime(server, query="intent=transcription") as client,
    ):
        await client.send("session.update", session={"type": "realtime"})
        assert await client.closed() == 4000
        assert client.errors[0]["code"] == "invalid_model"

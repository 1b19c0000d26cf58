"""The official client in conversation with the simulated Realtime server, which really listens and speaks."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from offhook.simulators import g711, wav
from offhook.simulators.realtime import SimulatedRealtime, audio_file, speech_available, transcribe
from offhook.simulators.realtime.dialogue import GREETING, HOURS
from openai_types import validate_server
from plain_realtime import PCMU, quiet

pytestmark = [
    pytest.mark.speech,
    pytest.mark.skipif(not speech_available(), reason="needs the extra offhook[speech]"),
]

QUESTION = "Hello. I would like to know your opening hours on Saturday, please."
SAID = {
    "question.wav": QUESTION,
    "number.wav": "My order number is four, seven, one, nine.",
    "yes.wav": "Yes, that is right.",
    "stop.wav": "Stop, please. I have another question.",
}
FIGURES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def words(text: str) -> list[str]:
    """The words as they sound: without punctuation, and each figure is a word."""
    found = re.findall(r"\d|[a-z']+", text.lower())
    return [FIGURES[int(word)] if word.isdigit() else word for word in found]


class Conversation:
    """A connection of the official client; every message that it was sent is kept and checked."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection
        self.events: list[Any] = []
        self._news = asyncio.Event()

    async def listen(self) -> None:
        async for event in self.connection:
            validate_server(event.to_dict(mode="json"))
            self.events.append(event)
            self._news.set()

    async def say(self, recording: str, *, pace: float = 0) -> bytes:
        """Send a recording and a second of silence, so many times faster than it plays (0: at once)."""
        audio = g711.encode_ulaw(audio_file(recording)) + quiet(1000)
        for start in range(0, len(audio), 160):
            data = base64.b64encode(audio[start : start + 160]).decode()
            await self.connection.input_audio_buffer.append(audio=data)
            await asyncio.sleep(0.02 / pace if pace else 0)
        return audio

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def event(self, name: str, nth: int = 1) -> Any:
        """Wait for the nth event of a type."""
        await self.until(lambda: len(self.named(name)) >= nth)
        return self.named(name)[nth - 1]

    def named(self, name: str) -> list[Any]:
        return [event for event in self.events if event.type == name]

    def audio(self, item_id: str) -> bytes:
        deltas = [event for event in self.named("response.output_audio.delta") if event.item_id == item_id]
        return b"".join(base64.b64decode(event.delta) for event in deltas)

    async def transcript(self, nth: int) -> str:
        return str(
            (await self.event("conversation.item.input_audio_transcription.completed", nth)).transcript
        )


@contextlib.asynccontextmanager
async def conversation(server: SimulatedRealtime, **audio: Any) -> AsyncIterator[Conversation]:
    client = AsyncOpenAI(base_url=server.url.replace("ws://", "http://"), api_key="sk-test")
    async with client.realtime.connect(model="gpt-realtime-2.1") as connection:
        talk = Conversation(connection)
        listening = asyncio.create_task(talk.listen())
        formats: Any = {
            "input": {"format": PCMU, "transcription": {"model": "gpt-transcribe"}, **audio.get("input", {})},
            "output": {"format": PCMU, **audio.get("output", {})},
        }
        await connection.session.update(session={"type": "realtime", "audio": formats})
        await talk.event("session.updated")
        yield talk
    await listening


@pytest.mark.asyncio
async def test_a_conversation_with_an_interruption() -> None:
    async with SimulatedRealtime(audio_pace=0.2) as server, conversation(server) as talk:
        asked = await talk.say("question.wav", pace=5)
        assert words(await talk.transcript(1)) == words(QUESTION)
        assert talk.named("conversation.item.input_audio_transcription.delta")
        await talk.event("response.output_audio.delta", 2)

        stopped = await talk.say("stop.wav", pace=5)
        first = (await talk.event("response.done")).response
        server.sessions[0].audio_pace = 0
        assert first.status == "cancelled"
        assert first.status_details.reason == "turn_detected"
        (item,) = first.output
        assert HOURS.startswith(item.content[0].transcript)
        assert item.content[0].transcript != HOURS
        await talk.connection.conversation.item.truncate(
            item_id=item.id, content_index=0, audio_end_ms=len(talk.audio(item.id)) // 8
        )
        await talk.event("conversation.item.truncated")

        assert words(await talk.transcript(2)) == words(SAID["stop.wav"])
        second = (await talk.event("response.done", 2)).response
        assert second.output[0].content[0].transcript == "Okay, I stop. What would you like to know?"

        await talk.say("number.wav", pace=5)
        assert words(await talk.transcript(3)) == words(SAID["number.wav"])
        third = (await talk.event("response.done", 3)).response
        assert third.output[0].content[0].transcript == "I heard the number 4, 7, 1, 9. Is that right?"
        assert third.status == "completed"

        (session,) = server.sessions
        assert session.received.startswith(asked + stopped)
        assert [event.event_id for event in talk.events] == [event["event_id"] for event in session.sent]


@pytest.mark.asyncio
async def test_the_answers_audio_says_what_its_transcript_says() -> None:
    async with SimulatedRealtime() as server, conversation(server) as talk:
        await talk.connection.response.create()
        await talk.event("response.done")
        for count, recording in enumerate(SAID, 1):
            await talk.say(recording)
            response = (await talk.event("response.done", count + 1)).response
            assert response.status == "completed"
    answers = [event.response.output[0] for event in talk.named("response.done")]
    transcripts = [answer.content[0].transcript for answer in answers]
    assert transcripts[:2] == [GREETING, HOURS]
    for answer, transcript in zip(answers, transcripts, strict=True):
        assert words(transcribe(g711.decode_ulaw(talk.audio(answer.id)))) == words(transcript)


@pytest.mark.asyncio
async def test_linear_audio_at_24_khz_is_understood_and_understandable() -> None:
    pcm = {"type": "audio/pcm", "rate": 24000}
    async with (
        SimulatedRealtime() as server,
        conversation(server, input={"format": pcm}, output={"format": pcm}) as talk,
    ):
        audio = wav.resample(audio_file("question.wav") + wav.silence(1), 8000, 24000)
        await talk.connection.input_audio_buffer.append(audio=base64.b64encode(audio).decode())
        assert words(await talk.transcript(1)) == words(QUESTION)
        (answer,) = (await talk.event("response.done")).response.output
        assert words(transcribe(talk.audio(answer.id), 24000)) == words(HOURS)


@pytest.mark.asyncio
async def test_a_transcription_session_of_the_official_client() -> None:
    async with SimulatedRealtime() as server:
        client = AsyncOpenAI(base_url=server.url.replace("ws://", "http://"), api_key="sk-test")
        async with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
            talk = Conversation(connection)
            listening = asyncio.create_task(talk.listen())
            transcription: Any = {"model": "gpt-live-transcribe", "language": "en"}
            await connection.session.update(
                session={
                    "type": "transcription",
                    "audio": {
                        "input": {
                            "format": {"type": "audio/pcmu"},
                            "transcription": transcription,
                            "turn_detection": None,
                        }
                    },
                }
            )
            await talk.event("session.updated")
            await talk.say("question.wav", pace=5)
            await connection.input_audio_buffer.commit()
            assert words(await talk.transcript(1)) == words(QUESTION)
            assert talk.named("conversation.item.input_audio_transcription.delta")
        await listening


@pytest.mark.asyncio
async def test_ten_callers_at_once_are_understood_each() -> None:
    async def call(server: SimulatedRealtime, recording: str) -> str:
        async with conversation(server) as talk:
            await talk.say(recording, pace=20)
            return await talk.transcript(1)

    async with SimulatedRealtime() as server:
        recordings = [list(SAID)[number % 4] for number in range(10)]
        heard = await asyncio.gather(*(call(server, recording) for recording in recordings))
    assert [words(text) for text in heard] == [words(SAID[recording]) for recording in recordings]

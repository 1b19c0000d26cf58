"""The simulated Realtime server listens: turns by voice activity, turns by commit, transcripts, idle callers."""

import asyncio
import base64
import threading
from itertools import pairwise
from typing import Literal

import pytest

from offhook.simulators import g711
from offhook.simulators.realtime import SimulatedRealtime
from plain_realtime import PCMU, Hears, PlainRealtime, Tones, loud, quiet

TURN = quiet(400) + loud(600) + quiet(600)
NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gia", "Hal", "Ida", "Jan")
SERVER_VAD = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500}


@pytest.mark.asyncio
async def test_a_spoken_turn_is_answered() -> None:
    ear, mouth = Hears("I like cheese."), Tones()
    async with SimulatedRealtime(recognizer=ear, voice=mouth) as server, PlainRealtime(server) as client:
        await client.telephone()
        await client.append(TURN)
        await client.event("response.done")

    names = [name for name in client.names if not name.endswith(".delta")]
    assert names == [
        "session.created",
        "session.updated",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "rate_limits.updated",
        "conversation.item.input_audio_transcription.completed",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    assert (await client.event("input_audio_buffer.speech_started"))["audio_start_ms"] == 100
    assert (await client.event("input_audio_buffer.speech_stopped"))["audio_end_ms"] == 1500
    # The recogniser gets the turn with its padding, sample by sample.
    assert ear.heard == [g711.decode_ulaw(TURN[8 * 100 : 8 * 1500])]

    transcript = await client.event("conversation.item.input_audio_transcription.completed")
    assert transcript["transcript"] == "I like cheese."
    caller_item = (await client.event("input_audio_buffer.committed"))["item_id"]
    assert transcript["item_id"] == caller_item
    assert (await client.event("input_audio_buffer.speech_started"))["item_id"] == caller_item

    response = (await client.event("response.done"))["response"]
    (answer,) = response["output"]
    assert response["status"] == "completed"
    assert answer["content"][0]["transcript"] == "You said: I like cheese."
    assert (await client.event("conversation.item.added", 2))["previous_item_id"] == caller_item
    deltas = client.named("response.output_audio_transcript.delta")
    assert "".join(delta["delta"] for delta in deltas) == "You said: I like cheese."
    assert len(client.audio(answer["id"])) == 5 * 300 * 8
    assert mouth.spoken == ["You said: I like cheese."]


@pytest.mark.asyncio
async def test_the_session_keeps_all_audio_it_received_and_all_messages() -> None:
    audio = bytes(range(256)) * 40
    async with SimulatedRealtime(recognizer=Hears(""), voice=Tones()) as server:
        async with PlainRealtime(server) as client:
            await client.telephone()
            await client.append(audio, piece=333)
            await client.settled()
        (session,) = server.sessions
        assert session.received == audio
        assert session.sent == client.events
        assert [message.body["type"] for message in session.messages if not message.from_server] == [
            "session.update",
            "conversation.item.retrieve",
        ]


@pytest.mark.asyncio
async def test_interim_words_come_while_the_caller_speaks() -> None:
    ear = Hears("I would", "I would like", "I would like some cheese", "I would like some cheese, please.")
    async with SimulatedRealtime(recognizer=ear, voice=Tones()) as server, PlainRealtime(server) as client:
        await client.telephone()
        for looks in (1, 2, 3):
            while len(ear.heard) < looks:
                await client.append(loud(100))
                await client.settled()
        item_id = (await client.event("input_audio_buffer.speech_started"))["item_id"]
        await client.event("conversation.item.input_audio_transcription.delta", 2)
        deltas = client.named("conversation.item.input_audio_transcription.delta")
        assert [delta["delta"] for delta in deltas] == ["I would", " like"]
        assert {delta["item_id"] for delta in deltas} == {item_id}
        await client.append(quiet(600))
        completed = await client.event("conversation.item.input_audio_transcription.completed")
        deltas = client.named("conversation.item.input_audio_transcription.delta")
        assert "".join(delta["delta"] for delta in deltas) == completed["transcript"]
        assert completed["transcript"] == "I would like some cheese, please."


@pytest.mark.asyncio
async def test_without_transcription_the_model_still_understands() -> None:
    async with (
        SimulatedRealtime(recognizer=Hears("I like cheese."), voice=Tones()) as server,
        PlainRealtime(server) as client,
    ):
        await client.telephone(audio={"transcription": None})
        await client.append(TURN)
        response = (await client.event("response.done"))["response"]
        assert response["output"][0]["content"][0]["transcript"] == "You said: I like cheese."
        assert not [name for name in client.names if "transcription" in name]


@pytest.mark.asyncio
async def test_two_turns_in_one_burst_of_audio_are_told_apart() -> None:
    ear = Hears("One.", "Two.")
    detection = {**SERVER_VAD, "create_response": False, "interrupt_response": False}
    async with SimulatedRealtime(recognizer=ear, voice=Tones()) as server, PlainRealtime(server) as client:
        await client.telephone(audio={"turn_detection": detection})
        await client.append(TURN + TURN, piece=len(TURN) * 2)
        second = await client.event("conversation.item.input_audio_transcription.completed", 2)
        first = await client.event("conversation.item.input_audio_transcription.completed")
        assert [first["transcript"], second["transcript"]] == ["One.", "Two."]
        assert first["item_id"] != second["item_id"]
        assert (await client.event("input_audio_buffer.speech_started", 2))["audio_start_ms"] == 1700
        await client.settled()
        assert "response.created" not in client.names


@pytest.mark.asyncio
async def test_an_eager_semantic_vad_ends_a_turn_sooner() -> None:
    stopped = {}
    async with SimulatedRealtime(recognizer=Hears("Yes."), voice=Tones()) as server:
        for eagerness in ("low", "medium", "high"):
            async with PlainRealtime(server) as client:
                await client.telephone(
                    audio={"turn_detection": {"type": "semantic_vad", "eagerness": eagerness}}
                )
                await client.append(loud(400) + quiet(2000))
                event = await client.event("input_audio_buffer.speech_stopped")
                stopped[eagerness] = event["audio_end_ms"]
    assert stopped == {"low": 2000, "medium": 1200, "high": 800}


@pytest.mark.asyncio
async def test_without_turn_detection_a_commit_makes_the_turn_and_a_request_the_answer() -> None:
    ear = Hears("I like cheese.")
    async with SimulatedRealtime(recognizer=ear, voice=Tones()) as server, PlainRealtime(server) as client:
        await client.telephone(audio={"turn_detection": None})
        await client.append(TURN)
        await client.settled()
        assert "input_audio_buffer.speech_started" not in client.names
        await client.send("input_audio_buffer.commit")
        await client.event("conversation.item.input_audio_transcription.completed")
        assert ear.heard == [g711.decode_ulaw(TURN)]
        assert "response.created" not in client.names
        await client.send("response.create")
        response = (await client.event("response.done"))["response"]
        assert response["output"][0]["content"][0]["transcript"] == "You said: I like cheese."


@pytest.mark.asyncio
async def test_without_turn_detection_no_audio_is_forgotten() -> None:
    ear = Hears("Long.")
    async with SimulatedRealtime(recognizer=ear, voice=Tones()) as server, PlainRealtime(server) as client:
        await client.telephone(audio={"turn_detection": None, "transcription": None})
        await client.append(loud(1000) + quiet(90_000), piece=8000)
        await client.send("input_audio_buffer.commit")
        item_id = (await client.event("input_audio_buffer.committed"))["item_id"]
        await client.send("conversation.item.retrieve", item_id=item_id)
        retrieved = await client.event("conversation.item.retrieved")
        assert len(base64.b64decode(retrieved["item"]["content"][0]["audio"])) == 91_000 * 8


@pytest.mark.asyncio
async def test_cleared_audio_is_not_heard() -> None:
    ear = Hears("Two.")
    async with SimulatedRealtime(recognizer=ear, voice=Tones()) as server, PlainRealtime(server) as client:
        await client.telephone(audio={"turn_detection": None})
        await client.append(loud(500))
        await client.send("input_audio_buffer.clear")
        await client.event("input_audio_buffer.cleared")
        await client.append(loud(200, 880))
        await client.send("input_audio_buffer.commit")
        await client.event("conversation.item.input_audio_transcription.completed")
        assert ear.heard == [g711.decode_ulaw(loud(200, 880))]


@pytest.mark.asyncio
async def test_the_model_speaks_up_when_nobody_does() -> None:
    detection = {**SERVER_VAD, "idle_timeout_ms": 5000}
    async with (
        SimulatedRealtime(recognizer=Hears(""), voice=Tones()) as server,
        PlainRealtime(server) as client,
    ):
        await client.telephone(audio={"turn_detection": detection})
        await client.write("Hi.")
        await client.event("response.done")
        answer_ms = 11 * 300
        await client.append(quiet(answer_ms + 4980))
        await client.settled()
        assert "input_audio_buffer.timeout_triggered" not in client.names
        await client.append(quiet(20))
        timeout = await client.event("input_audio_buffer.timeout_triggered")
        assert (timeout["audio_start_ms"], timeout["audio_end_ms"]) == (answer_ms, answer_ms + 5000)
        response = (await client.event("response.done", 2))["response"]
        assert response["output"][0]["content"][0]["transcript"] == "Are you still there?"


@pytest.mark.asyncio
async def test_a_failing_recogniser_is_told_and_answered() -> None:
    class Deaf(Hears):
        def transcribe(self, pcm: bytes, rate: int) -> str:
            raise RuntimeError("no ear")

    async with SimulatedRealtime(recognizer=Deaf(), voice=Tones()) as server, PlainRealtime(server) as client:
        await client.telephone()
        await client.append(TURN)
        failed = await client.event("conversation.item.input_audio_transcription.failed")
        assert failed["error"]["message"] == "the recogniser failed: no ear"
        response = (await client.event("response.done"))["response"]
        assert response["output"][0]["content"][0]["transcript"].startswith("I did not understand you.")


class Slow(Hears):
    """Understands nothing until `go_on` is set."""

    def __init__(self, *texts: str) -> None:
        super().__init__(*texts)
        self.go_on = threading.Event()

    def transcribe(self, pcm: bytes, rate: int) -> str:
        self.go_on.wait(60)
        return super().transcribe(pcm, rate)


@pytest.mark.asyncio
async def test_an_answer_cancelled_before_the_words_are_known_takes_no_words_away() -> None:
    ear = Slow("I like cheese.")
    async with SimulatedRealtime(recognizer=ear, voice=Tones()) as server, PlainRealtime(server) as client:
        await client.telephone()
        await client.append(TURN)
        await client.event("response.created")
        await client.send("response.cancel")
        response = (await client.event("response.done"))["response"]
        assert (response["status"], response["output"]) == ("cancelled", [])
        ear.go_on.set()
        completed = await client.event("conversation.item.input_audio_transcription.completed")
        assert completed["transcript"] == "I like cheese."
        await client.send("response.create")
        response = (await client.event("response.done", 2))["response"]
        assert response["output"][0]["content"][0]["transcript"] == "You said: I like cheese."


@pytest.mark.asyncio
async def test_interim_words_are_left_out_while_a_transcript_is_waited_for() -> None:
    ear = Slow("Yes.")
    async with (
        SimulatedRealtime(recognizer=ear, voice=Tones()) as server,
        PlainRealtime(server) as client,
        PlainRealtime(server) as other,
    ):
        await client.telephone()
        await client.append(TURN)
        await client.event("response.created")
        await other.telephone()
        await other.append(loud(3000) + quiet(600))
        await other.settled()
        ear.go_on.set()
        await other.event("conversation.item.input_audio_transcription.completed")
        assert [len(pcm) // 16 for pcm in ear.heard] == [1400, 3500]


@pytest.mark.asyncio
async def test_a_slow_recognition_holds_up_nothing_else() -> None:
    ear = Slow("I like cheese.")
    async with (
        SimulatedRealtime(recognizer=ear, voice=Tones()) as server,
        PlainRealtime(server) as client,
        PlainRealtime(server) as other,
    ):
        await client.telephone()
        await client.append(TURN)
        await client.event("response.created")
        await other.telephone()
        await other.write("Hi.")
        await other.event("response.done")
        await client.settled()
        assert "response.output_item.added" not in client.names
        ear.go_on.set()
        await client.event("response.done")


@pytest.mark.asyncio
async def test_ten_sessions_at_once_do_not_mix() -> None:
    class CountsWaves(Hears):
        def transcribe(self, pcm: bytes, rate: int) -> str:
            samples = [int.from_bytes(pcm[i : i + 2], "little", signed=True) for i in range(0, len(pcm), 2)]
            ups = sum(1 for a, b in pairwise(samples[2400:4000]) if a < 0 <= b)  # in 200 ms
            return f"I am {NAMES[round(ups / 10) - 6]}."

    async def talk(server: SimulatedRealtime, number: int) -> None:
        audio = loud(1000, 300 + 50 * number) + quiet(600)
        async with PlainRealtime(server) as client:
            await client.telephone()
            await client.append(audio)
            heard = await client.event("conversation.item.input_audio_transcription.completed")
            response = (await client.event("response.done"))["response"]
            session = next(one for one in server.sessions if one.received == audio)
        assert heard["transcript"] == f"I am {NAMES[number]}."
        assert response["output"][0]["content"][0]["transcript"] == f"You said: I am {NAMES[number]}."
        assert [event["event_id"] for event in session.sent] == [event["event_id"] for event in client.events]

    async with SimulatedRealtime(recognizer=CountsWaves(), voice=Tones()) as server:
        await asyncio.gather(*(talk(server, number) for number in range(10)))
        assert len({session.id for session in server.sessions}) == 10


@pytest.mark.asyncio
@pytest.mark.parametrize("speech", ["auto", False])
async def test_without_speech_it_says_why_and_answers_with_a_recording(
    speech: Literal["auto", False], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offhook.simulators.realtime.server.speech_available", lambda: False)
    async with SimulatedRealtime(speech=speech) as server, PlainRealtime(server) as client:
        assert not server.transcribes
        await client.telephone()
        await client.append(TURN)
        failed = await client.event("conversation.item.input_audio_transcription.failed")
        reason = "does not transcribe: install offhook[speech]" if speech else "was asked not to listen"
        assert reason in failed["error"]["message"]
        response = (await client.event("response.done"))["response"]
        (answer,) = response["output"]
        assert "open from nine in the morning" in answer["content"][0]["transcript"]
        assert len(client.audio(answer["id"])) / 8000 == pytest.approx(7.1, abs=0.1)


@pytest.mark.asyncio
async def test_audio_in_both_formats_of_linear_kind() -> None:
    pcm = {"type": "audio/pcm", "rate": 24000}
    async with (
        SimulatedRealtime(recognizer=Hears("Yes, sir."), voice=Tones()) as server,
        PlainRealtime(server) as client,
    ):
        session = await client.update(
            audio={"input": {"format": PCMU}, "output": {"format": pcm, "voice": "cedar"}}
        )
        assert session["audio"]["output"] == {"format": pcm, "voice": "cedar", "speed": 1.0}
        await client.append(TURN)
        response = (await client.event("response.done"))["response"]
        words = len(response["output"][0]["content"][0]["transcript"].split())
        assert len(client.audio(response["output"][0]["id"])) == words * 300 * 48

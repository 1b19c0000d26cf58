"""Offhook's own Realtime session against the simulated server."""

from typing import Any

import pytest

from offhook.call import events as ev
from offhook.simulators.realtime import Quirks, SimulatedRealtime
from plain_realtime import Hears, Tones, loud, quiet
from scripted_realtime import Client, settings_for

TURN = loud(600) + quiet(600)


async def opened(server: SimulatedRealtime, client: Client, **options: Any) -> None:
    """Open the client's session; what it reports is in `client.events`."""
    await client.start(**options).open()
    assert client.events == [ev.StreamOpened(server.sessions[0].id)]


@pytest.mark.asyncio
async def test_a_call_is_heard_answered_and_interrupted() -> None:
    ear, mouth = Hears("Tell me a story.", "I like cheese."), Tones(stops_after=3)
    async with SimulatedRealtime(recognizer=ear, voice=mouth) as server:
        client = Client(settings_for(server.port))
        await opened(server, client)
        client.session.append(TURN)
        await client.until(lambda: sum(len(audio) for *_, audio in client.audio) == 3 * 300 * 8)
        _, item_id, _ = client.audio[0]
        mouth.stops_after = None

        client.session.append(loud(200))
        done = await client.event(ev.ResponseDone)
        assert (done.status, done.reason) == ("cancelled", "turn_detected")
        client.session.truncate(item_id, 450)
        mouth.go_on.set()
        client.session.append(TURN)
        await client.until(lambda: sum(isinstance(event, ev.ResponseDone) for event in client.events) == 2)
        finals = [event.text for event in client.events if isinstance(event, ev.FinalTranscript)]
        assert finals == ["Tell me a story.", "I like cheese."]
        answers = [event for event in client.events if isinstance(event, ev.AnswerTranscript) and event.final]
        assert [answer.text for answer in answers] == ["Let me tell", "You said: I like cheese."]
        assert client.audio_done[-1] == answers[-1].item_id
        heard = sum(len(audio) for _, item, audio in client.audio if item == answers[-1].item_id)
        assert heard == 5 * 300 * 8
        assert server.sessions[0].heard_truncations == [(item_id, 450)]
        assert server.sessions[0].received == TURN + loud(200) + TURN
        assert not [event for event in client.events if isinstance(event, ev.ProviderError)]
        await client.session.close()


@pytest.mark.asyncio
async def test_a_tool_is_asked_for_and_its_output_told() -> None:
    async with SimulatedRealtime(recognizer=Hears("What time is it?"), voice=Tones()) as server:
        client = Client(settings_for(server.port))
        tool = {"type": "function", "name": "get_current_time", "description": "The time", "parameters": {}}
        await opened(server, client, tools=[tool])
        client.session.append(TURN)
        asked = await client.event(ev.ToolRequested)
        assert asked.name == "get_current_time"
        await client.event(ev.ResponseDone)
        client.session.send_tool_output(asked.tool_call_id, '{"time": "noon"}')
        client.session.create_response()
        await client.until(
            lambda: any(
                isinstance(event, ev.AnswerTranscript)
                and event.final
                and event.text == "The get current time tool says: time is noon."
                for event in client.events
            )
        )
        await client.session.close()


@pytest.mark.asyncio
async def test_recognition_without_turn_detection() -> None:
    async with SimulatedRealtime(recognizer=Hears("I like cheese."), voice=Tones()) as server:
        settings = settings_for(
            server.port,
            call={"session_kind": "recognition"},
            openai={"transcription_model": "gpt-live-transcribe"},
        )
        client = Client(settings)
        await opened(server, client)
        client.session.append(TURN)
        client.session.commit()
        final = await client.event(ev.FinalTranscript)
        assert final.text == "I like cheese."
        await client.session.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(("times", "outcome"), [(1, ev.StreamOpened), (2, ev.StreamFailed)])
async def test_another_format_than_asked_for_never_becomes_noise(times: int, outcome: type[ev.Event]) -> None:
    async with SimulatedRealtime(
        recognizer=Hears(""), voice=Tones(), quirks=Quirks(other_formats=times)
    ) as server:
        client = Client(settings_for(server.port))
        await client.start().open()
        assert [type(event) for event in client.events] == [outcome]
        await client.session.close()

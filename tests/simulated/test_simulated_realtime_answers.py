"""The simulated Realtime server answers: functions, scripts, written answers, limits, and what interrupts it."""

import json
from typing import Any

import pytest

from offhook.simulators.realtime import Quirks, ScriptedDialogue, SimulatedRealtime
from plain_realtime import Hears, PlainRealtime, Tones, loud, quiet

TURN = loud(600) + quiet(600)
TIME_TOOL = {"type": "function", "name": "get_current_time", "description": "The time", "parameters": {}}


def transcripts(response: dict[str, Any]) -> list[str]:
    """What each item of a finished response says."""
    return [item["content"][0].get("transcript") for item in response["output"]]


# Functions


@pytest.mark.asyncio
async def test_a_function_is_called_and_its_output_told() -> None:
    async with (
        SimulatedRealtime(recognizer=Hears("What time is it?"), voice=Tones()) as server,
        PlainRealtime(server) as client,
    ):
        await client.telephone(tools=[TIME_TOOL])
        await client.append(TURN)
        response = (await client.event("response.done"))["response"]
        (call,) = response["output"]
        assert (call["type"], call["name"], call["status"]) == (
            "function_call",
            "get_current_time",
            "completed",
        )
        done = await client.event("response.function_call_arguments.done")
        deltas = client.named("response.function_call_arguments.delta")
        assert "".join(delta["delta"] for delta in deltas) == done["arguments"] == call["arguments"] == "{}"
        assert done["call_id"] == call["call_id"]

        output = {
            "type": "function_call_output",
            "call_id": call["call_id"],
            "output": json.dumps({"time": "noon"}),
        }
        await client.send("conversation.item.create", item=output)
        await client.send("response.create")
        response = (await client.event("response.done", 2))["response"]
        assert transcripts(response) == ["The get current time tool says: time is noon."]


@pytest.mark.asyncio
async def test_a_function_that_is_not_offered_is_not_called() -> None:
    async with (
        SimulatedRealtime(recognizer=Hears("What time is it?"), voice=Tones()) as server,
        PlainRealtime(server) as client,
    ):
        await client.telephone()
        await client.append(TURN)
        response = (await client.event("response.done"))["response"]
        assert transcripts(response) == ["I am sorry, I have no clock here."]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("choice", "kind"),
    [("none", "message"), ({"type": "function", "name": "get_current_time"}, "function_call")],
)
async def test_the_tool_choice_is_kept(choice: Any, kind: str) -> None:
    async with (
        SimulatedRealtime(recognizer=Hears(""), voice=Tones()) as server,
        PlainRealtime(server) as client,
    ):
        await client.telephone(tools=[TIME_TOOL], tool_choice=choice)
        await client.write("What time is it?")
        response = (await client.event("response.done"))["response"]
        assert [item["type"] for item in response["output"]] == [kind]


# Scripts


@pytest.mark.asyncio
async def test_each_session_goes_through_the_script_by_itself() -> None:
    steps: list[dict[str, Any]] = [
        {"say": "Welcome."},
        {"say": ["One moment.", "Here it is."], "call": "get_current_time"},
    ]
    async with SimulatedRealtime(
        dialogue=ScriptedDialogue(steps), recognizer=Hears(""), voice=Tones()
    ) as server:
        for _ in range(2):
            async with PlainRealtime(server) as client:
                await client.telephone(tools=[TIME_TOOL])
                await client.send("response.create")
                first = (await client.event("response.done"))["response"]
                await client.send("response.create")
                second = (await client.event("response.done", 2))["response"]
            assert transcripts(first) == ["Welcome."]
            assert transcripts({"output": second["output"][:2]}) == ["One moment.", "Here it is."]
            assert [item["type"] for item in second["output"]] == ["message", "message", "function_call"]
            indexes = [event["output_index"] for event in client.named("response.output_item.done")]
            assert indexes == [0, 0, 1, 2]


@pytest.mark.asyncio
async def test_a_preamble_is_a_spoken_item_of_its_own() -> None:
    async with (
        SimulatedRealtime(
            recognizer=Hears(""), voice=Tones(), quirks=Quirks(preamble="One moment.")
        ) as server,
        PlainRealtime(server) as client,
    ):
        await client.telephone()
        await client.write("I like cheese.")
        response = (await client.event("response.done"))["response"]
        assert transcripts(response) == ["One moment.", "You said: I like cheese."]
        first, second = (item["id"] for item in response["output"])
        assert len(client.audio(first)) == 2 * 300 * 8
        assert len(client.audio(second)) == 5 * 300 * 8


# Kinds of answers


@pytest.mark.asyncio
async def test_a_written_answer() -> None:
    async with (
        SimulatedRealtime(recognizer=Hears(""), voice=Tones()) as server,
        PlainRealtime(server) as client,
    ):
        await client.telephone(output_modalities=["text"])
        await client.write("I like cheese.")
        response = (await client.event("response.done"))["response"]
        assert response["output"][0]["content"] == [
            {"type": "output_text", "text": "You said: I like cheese."}
        ]
        deltas = client.named("response.output_text.delta")
        assert "".join(delta["delta"] for delta in deltas) == "You said: I like cheese."
        assert "response.output_audio.delta" not in client.names


@pytest.mark.asyncio
async def test_the_words_asked_for_are_said() -> None:
    async with (
        SimulatedRealtime(recognizer=Hears(""), voice=Tones()) as server,
        PlainRealtime(server) as client,
    ):
        await client.telephone()
        await client.send(
            "response.create",
            response={"instructions": 'Say: "Good day."', "metadata": {"purpose": "greeting"}},
        )
        response = (await client.event("response.done"))["response"]
        assert transcripts(response) == ["Good day."]
        assert response["metadata"] == {"purpose": "greeting"}


@pytest.mark.asyncio
async def test_an_answer_out_of_the_conversation_leaves_no_item() -> None:
    async with (
        SimulatedRealtime(recognizer=Hears(""), voice=Tones()) as server,
        PlainRealtime(server) as client,
    ):
        await client.telephone()
        await client.send("response.create", response={"conversation": "none", "output_modalities": ["text"]})
        response = (await client.event("response.done"))["response"]
        assert response.get("conversation_id") is None
        assert "conversation.item.added" not in client.names
        assert server.sessions[0].items == []


@pytest.mark.asyncio
async def test_an_answer_ends_at_the_tokens_allowed() -> None:
    async with (
        SimulatedRealtime(recognizer=Hears(""), voice=Tones()) as server,
        PlainRealtime(server) as client,
    ):
        await client.telephone(max_output_tokens=20)
        await client.write("Tell me a story.")
        response = (await client.event("response.done"))["response"]
        assert response["status"] == "incomplete"
        assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
        assert response["output"][0]["status"] == "incomplete"


@pytest.mark.asyncio
async def test_a_failing_voice_fails_the_response_and_nothing_else() -> None:
    class Hoarse(Tones):
        def speak(self, text: str, rate: int, speed: float) -> Any:
            yield from ()
            raise RuntimeError("no voice")

    async with (
        SimulatedRealtime(recognizer=Hears(""), voice=Hoarse()) as server,
        PlainRealtime(server) as client,
    ):
        await client.telephone()
        await client.write("Hi.")
        response = (await client.event("response.done"))["response"]
        assert response["status"] == "failed"
        assert response["status_details"]["error"]["code"] == "server_error"
        await client.settled()


# Interruption


@pytest.mark.asyncio
async def test_speech_interrupts_the_answer_and_gets_another_one() -> None:
    ear, mouth = Hears("Tell me a story.", "I like cheese."), Tones(stops_after=3)
    async with SimulatedRealtime(recognizer=ear, voice=mouth) as server, PlainRealtime(server) as client:
        await client.telephone()
        await client.append(TURN)
        await client.until(lambda: len(client.named("response.output_audio.delta")) == 6)
        mouth.stops_after = None  # the answer is stuck after three words of 300 ms
        await client.append(TURN[: 8 * 200])
        response = (await client.event("response.done"))["response"]
        assert response["status"] == "cancelled"
        assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        assert response["output"][0]["status"] == "incomplete"
        assert transcripts(response) == ["Let me tell"]
        (stopped,) = client.named("response.output_item.done")
        assert client.events.index(stopped) < client.events.index(client.named("response.done")[0])

        mouth.go_on.set()
        await client.append(TURN)
        second = (await client.event("response.done", 2))["response"]
        assert transcripts(second) == ["You said: I like cheese."]
        late = client.named("response.output_audio.delta")[6:]
        assert {event["response_id"] for event in late} == {second["id"]}


@pytest.mark.asyncio
async def test_without_interrupt_response_speech_does_not_interrupt() -> None:
    ear, mouth = Hears("Tell me a story.", "Hm."), Tones(stops_after=3)
    detection = {"type": "server_vad", "silence_duration_ms": 500, "interrupt_response": False}
    async with SimulatedRealtime(recognizer=ear, voice=mouth) as server, PlainRealtime(server) as client:
        await client.telephone(audio={"turn_detection": detection})
        await client.append(TURN)
        await client.until(lambda: len(client.named("response.output_audio.delta")) == 6)
        await client.append(TURN)
        # The second turn asks for an answer while the first is under way.
        error = (await client.event("error"))["error"]
        assert error["code"] == "conversation_already_has_active_response"
        mouth.go_on.set()
        response = (await client.event("response.done"))["response"]
        assert response["status"] == "completed"


@pytest.mark.asyncio
async def test_a_client_cancels_the_answer() -> None:
    mouth = Tones(stops_after=1)
    async with (
        SimulatedRealtime(recognizer=Hears(""), voice=mouth) as server,
        PlainRealtime(server) as client,
    ):
        await client.telephone()
        await client.write("Hi.")
        await client.event("response.output_audio.delta")
        response_id = (await client.event("response.created"))["response"]["id"]
        await client.send("response.cancel", response_id=response_id)
        response = (await client.event("response.done"))["response"]
        assert response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        before = len(client.events)
        mouth.go_on.set()
        await client.settled()
        assert len(client.events) == before + 1

        error = await client.refused("response.cancel")
        assert error["code"] == "response_cancel_not_active"


@pytest.mark.asyncio
async def test_an_answer_out_of_the_conversation_is_cancelled_by_its_id_alone() -> None:
    mouth = Tones(stops_after=1)
    async with (
        SimulatedRealtime(recognizer=Hears(""), voice=mouth) as server,
        PlainRealtime(server) as client,
    ):
        await client.telephone()
        await client.send("response.create", response={"conversation": "none"})
        response_id = (await client.event("response.created"))["response"]["id"]
        error = await client.refused("response.cancel")
        assert error["code"] == "response_cancel_not_active"
        await client.send("response.cancel", response_id=response_id)
        assert (await client.event("response.done"))["response"]["status"] == "cancelled"
        mouth.go_on.set()


@pytest.mark.asyncio
async def test_a_second_answer_at_the_same_time_is_refused() -> None:
    mouth = Tones(stops_after=1)
    async with (
        SimulatedRealtime(recognizer=Hears(""), voice=mouth) as server,
        PlainRealtime(server) as client,
    ):
        await client.telephone()
        await client.write("Hi.")
        error = await client.refused("response.create")
        assert error["code"] == "conversation_already_has_active_response"
        mouth.go_on.set()
        assert (await client.event("response.done"))["response"]["status"] == "completed"
        await client.send("response.create")
        assert (await client.event("response.done", 2))["response"]["status"] == "completed"


# What was heard of an answer


@pytest.mark.asyncio
async def test_an_answer_is_truncated_to_what_was_heard() -> None:
    async with (
        SimulatedRealtime(recognizer=Hears(""), voice=Tones()) as server,
        PlainRealtime(server) as client,
    ):
        await client.telephone()
        await client.write("I like cheese.")
        (answer,) = (await client.event("response.done"))["response"]["output"]
        await client.send(
            "conversation.item.truncate", item_id=answer["id"], content_index=0, audio_end_ms=700
        )
        truncated = await client.event("conversation.item.truncated")
        assert (truncated["item_id"], truncated["audio_end_ms"]) == (answer["id"], 700)
        await client.send("conversation.item.retrieve", item_id=answer["id"])
        (part,) = (await client.event("conversation.item.retrieved"))["item"]["content"]
        assert "transcript" not in part
        assert len(part["audio"]) * 3 // 4 >= 700 * 8 > len(part["audio"]) * 3 // 4 - 3
        assert server.sessions[0].heard_truncations == [(answer["id"], 700)]

        error = await client.refused(
            "conversation.item.truncate", item_id=answer["id"], content_index=0, audio_end_ms=701
        )
        assert error["message"] == "Audio content of 700ms is already shorter than 701ms"


@pytest.mark.asyncio
async def test_before_any_audio_an_item_can_only_be_deleted() -> None:
    mouth = Tones(stops_after=0)
    async with (
        SimulatedRealtime(recognizer=Hears(""), voice=mouth) as server,
        PlainRealtime(server) as client,
    ):
        await client.telephone()
        await client.write("Hi.")
        item_id = (await client.event("response.output_item.added"))["item"]["id"]
        error = await client.refused(
            "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=0
        )
        assert error["code"] == "unsupported_content_type"
        assert error["message"] == "Only model output audio messages can be truncated"
        await client.send("response.cancel")
        await client.send("conversation.item.delete", item_id=item_id)
        assert (await client.event("conversation.item.deleted"))["item_id"] == item_id
        mouth.go_on.set()
        assert [item["role"] for item in server.sessions[0].items] == ["user"]


@pytest.mark.asyncio
async def test_the_server_can_count_less_audio_than_it_sent() -> None:
    async with (
        SimulatedRealtime(recognizer=Hears(""), voice=Tones(), quirks=Quirks(uncounted_ms=85)) as server,
        PlainRealtime(server) as client,
    ):
        await client.telephone()
        await client.write("I like cheese.")
        (answer,) = (await client.event("response.done"))["response"]["output"]
        error = await client.refused(
            "conversation.item.truncate", item_id=answer["id"], content_index=0, audio_end_ms=1500
        )
        assert error["message"] == "Audio content of 1415ms is already shorter than 1500ms"
        await client.send(
            "conversation.item.truncate", item_id=answer["id"], content_index=0, audio_end_ms=1415
        )
        await client.event("conversation.item.truncated")


@pytest.mark.asyncio
async def test_audio_can_come_at_the_pace_of_speech() -> None:
    async with (
        SimulatedRealtime(recognizer=Hears(""), voice=Tones(), audio_pace=10.0) as server,
        PlainRealtime(server) as client,
    ):
        await client.telephone()
        await client.write("I like cheese.")
        await client.event("response.done")
        at = [
            message.at_seconds
            for message in server.sessions[0].messages
            if message.body["type"] in ("response.output_audio.delta", "response.done")
        ]
        # 1500 ms of audio, ten times as fast
        assert at[-1] - at[0] >= 0.15

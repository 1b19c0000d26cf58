"""What a program that embeds the host sees of its calls, and may do with them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from call_bench import SPEECH, Bench, Mouth, bench
from offhook import (
    CallEnded,
    CallFinished,
    CallHappened,
    CallStarted,
    Digit,
    EndCause,
    EventsLost,
    HostEvent,
    LiveCall,
    SettingsError,
)
from offhook.call.entries import Turn
from offhook.calls import CallStream
from offhook.simulators.asterisk import SimulatedCaller


async def connected(calls: Bench, **variables: str) -> tuple[SimulatedCaller, LiveCall]:
    """A call that listens, and its handle."""
    caller = await calls.dial(**variables)
    await calls.listening()
    return caller, list(calls.host.calls.values())[-1]


def said(calls: Bench) -> list[str]:
    """The instructions of the responses that the host has asked for, in order."""
    return [
        message.body["response"]["instructions"]
        for message in calls.provider.sessions[-1].messages
        if not message.from_server
        and message.body["type"] == "response.create"
        and "response" in message.body
    ]


async def all_of(stream: CallStream) -> list[HostEvent]:
    return [event async for event in stream]


# --- The mapping and the stream -------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_the_running_calls_are_there_by_their_ids() -> None:
    async with bench() as calls:
        assert len(calls.host.calls) == 0
        caller, call = await connected(calls)
        assert dict(calls.host.calls) == {call.call_id: call}
        assert (call.info.caller_number, call.info.dialed, call.live) == ("100", "7000", True)
        assert call.record is calls.record
        await caller.hangup()
        outcome = await call.ended()
        assert outcome.cause is EndCause.HANGUP
        assert not call.live
        assert len(calls.host.calls) == 0


@pytest.mark.asyncio
async def test_the_stream_tells_a_call_from_its_start_to_its_end() -> None:
    async with bench() as calls:
        stream = calls.host.calls.stream()
        caller, call = await connected(calls)
        await caller.press("1#")
        await call.ended()
    events = await all_of(stream)
    assert events[0] == CallStarted(call)
    assert isinstance(events[-1], CallFinished)
    assert events[-1].outcome.digits == "1"
    keys = [event for event in events if isinstance(event, CallHappened) and isinstance(event.event, Digit)]
    assert [key.event.digit for key in keys if isinstance(key.event, Digit)] == ["1", "#"]
    assert keys[0].at < keys[1].at


@pytest.mark.asyncio
async def test_each_subscriber_sees_everything_and_may_leave() -> None:
    async with bench() as calls:
        one, other, leaves = (calls.host.calls.stream() for _ in range(3))
        async with leaves:
            assert not leaves.closed
        caller, call = await connected(calls)
        await caller.hangup()
        await call.ended()
    assert await all_of(leaves) == []
    seen = await all_of(one)
    assert seen == await all_of(other)
    assert len(seen) > 3


@pytest.mark.asyncio
async def test_a_slow_subscriber_is_told_how_many_it_lost_and_costs_the_call_nothing() -> None:
    async with bench() as calls:
        slow, quick = calls.host.calls.stream(limit=3), calls.host.calls.stream()
        caller, call = await connected(calls)
        await caller.press("1#")
        assert (await call.ended()).digits == "1"
        first = [await anext(slow) for _ in range(3)]
        second, other = await connected(calls)
        await second.hangup()
        await other.ended()
    everything = await all_of(quick)
    rest = await all_of(slow)
    assert first == everything[:3]
    lost = [event for event in rest if isinstance(event, EventsLost)]
    assert lost and isinstance(rest[0], EventsLost), "told where they are missing"
    assert sum(event.count for event in lost) + len(first) + len(rest) - len(lost) == len(everything)


@pytest.mark.asyncio
async def test_a_loop_over_the_calls_ends_when_the_host_stops() -> None:
    seen: list[HostEvent] = []

    async def watch(calls: Bench) -> None:
        async for event in calls.host.calls:
            seen.append(event)  # noqa: PERF401 - what a program would do with each, as it comes

    async with bench() as calls:
        watching = asyncio.create_task(watch(calls))
        await asyncio.sleep(0)
        _, call = await connected(calls)
        closing = asyncio.create_task(calls.host.__aexit__(None, None, None))
        await asyncio.wait_for(watching, 10)
        await closing
        assert (await call.ended()).cause is EndCause.SHUTDOWN
    assert isinstance(seen[0], CallStarted)
    assert isinstance(seen[-1], CallFinished)


def test_a_queue_of_no_events_is_refused() -> None:
    with pytest.raises(ValueError, match="limit is 0; it must be 1 or more"):
        CallStream(0)


# --- Speaking -------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_the_model_says_a_text_and_the_caller_hears_it() -> None:
    async with bench(mouth=Mouth(0.3)) as calls:
        caller, call = await connected(calls)
        call.say("Your order has arrived.")
        await caller.wait_heard()
        await caller.wait_quiet(0.3)
        turns = [entry for entry in call.record.entries if isinstance(entry, Turn)]
        assert [(turn.actor, turn.text) for turn in turns] == [("bot", "Your order has arrived.")]
        await call.end()


@pytest.mark.asyncio
async def test_several_texts_are_each_said_in_order_one_after_the_other() -> None:
    async with bench(mouth=Mouth(0.3)) as calls:
        _, call = await connected(calls)
        texts = ["One.", "Two.", "Three."]
        for text in texts:
            call.say(text)
        await calls.until(lambda: len(said(calls)) == 3, "all said")
        assert [instructions.rpartition(": ")[2] for instructions in said(calls)] == texts
        await call.end()


@pytest.mark.asyncio
async def test_what_is_to_be_said_waits_until_the_call_listens() -> None:
    async with bench(
        recognition_activation_mode="FIXED_DELAY", barge_in_delay_seconds=0.5, mouth=Mouth(0.3)
    ) as calls:
        caller = await calls.dial()
        await calls.until(lambda: len(calls.host.calls) == 1, "the call")
        (call,) = calls.host.calls.values()
        call.say("Welcome.")
        await caller.answered()
        assert calls.record.activity != "listening"
        await calls.until(lambda: call.record.stream_opened_ms is not None, "the stream")
        assert said(calls) == []
        await calls.until(lambda: said(calls), "the text")
        await caller.wait_heard()
        await call.end()


@pytest.mark.asyncio
async def test_where_nothing_can_be_said_the_error_says_why() -> None:
    async with bench() as calls:
        _, call = await connected(calls)
        with pytest.raises(ValueError, match="text is empty"):
            call.say(" ")
        await call.end()
        with pytest.raises(CallEnded, match=f"the call {call.call_id} has ended"):
            call.say("Too late.")
        _, recognition = await connected(calls, session_kind="recognition")
        with pytest.raises(ValueError, match="sessionKind is 'recognition'"):
            recognition.say("Hello.")
        await recognition.end()


# --- Changing and ending --------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_running_session_is_changed() -> None:
    async with bench() as calls:
        _, call = await connected(calls)
        call.update_session({"instructions": "Speak like a pirate."})
        session = calls.provider.sessions[0]
        await calls.until(
            lambda: session.configuration["instructions"] == "Speak like a pirate.", "the change"
        )
        assert call.settings.openai.instructions == "Speak like a pirate."
        with pytest.raises(SettingsError, match="dtmfMaxDigits cannot be changed while a call runs"):
            call.update_session({"instructions": "No.", "dtmfMaxDigits": 2})
        assert call.settings.openai.instructions == "Speak like a pirate."
        await call.end()
        with pytest.raises(CallEnded):
            call.update_session({"instructions": "Too late."})


@pytest.mark.asyncio
async def test_a_call_is_ended_and_its_outcome_returned() -> None:
    async with bench() as calls:
        caller, call = await connected(calls)
        caller.play(SPEECH)
        await caller.wait_heard()
        outcome = await call.end()
        assert (outcome.cause, outcome.transcription) == (EndCause.OPERATOR, "hello there")
        assert await call.end() == outcome, "once more changes nothing"
        left = await caller.left_stasis()
        assert left.variables["OFFHOOK_END_CAUSE"] == "operator"


@pytest.mark.asyncio
async def test_a_caller_is_transferred_once_the_answer_was_heard() -> None:
    async with bench(mouth=Mouth(0.5)) as calls:
        caller, call = await connected(calls)
        call.say("I put you through.")
        await caller.wait_heard()
        call.transfer("support", "100")
        left = await caller.left_stasis()
        assert (left.context, left.extension) == ("support", "100")
        assert left.variables["OFFHOOK_END_CAUSE"] == "transfer"
        assert (await call.ended()).cause is EndCause.TRANSFER
        heard = sum(len(packet.ulaw) for packet in caller.packets)
        assert heard >= 0.5 * 8000, "all of it"


@pytest.mark.asyncio
@pytest.mark.parametrize(("arguments", "name"), [(("", "100"), "context"), (("support", ""), "extension")])
async def test_a_transfer_to_nowhere_is_refused(arguments: Any, name: str) -> None:
    async with bench() as calls:
        _, call = await connected(calls)
        with pytest.raises(ValueError, match=f"{name} is empty"):
            call.transfer(*arguments)
        await call.end()

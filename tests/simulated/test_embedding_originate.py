"""`Host.originate`: a program calls somebody, and what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from call_bench import SPEECH, Bench, bench
from offhook import AriError, CallRecord, Host, HostError, LiveCall, NotAnswered, SettingsError
from offhook.ari import Channel, ChannelDestroyed, Dial, StasisStart
from offhook.originating import PREFIX
from offhook.simulators.asterisk.outgoing import SimulatedCallee
from offhook.simulators.caller import SimulatedCaller

ALICE = "PJSIP/alice"


@asynccontextmanager
async def ringing(calls: Bench) -> AsyncIterator[tuple[asyncio.Task[LiveCall], SimulatedCaller]]:
    """A call to somebody who does not answer, and the telephone; at the end the telephone must not ring any more."""
    callee = calls.asterisk.callee(ALICE, answers_after_seconds=None)
    asking = asyncio.create_task(calls.host.originate(ALICE))
    phone = await callee.call()
    yield asking, phone
    await phone.ended()
    assert calls.asterisk.channels == {}


def answers(calls: Bench, **options: Any) -> SimulatedCallee:
    return calls.asterisk.callee(ALICE, **{"answers_after_seconds": 0.05, **options})


async def nothing_rings(calls: Bench) -> None:
    """Asterisk was asked to take back the channel that it had made; the telephone may not have rung yet."""

    def taken_back() -> bool:
        methods = [request.method for request in calls.asterisk.requests if PREFIX in request.path]
        return methods[:1] == ["POST"] and "DELETE" in methods

    await calls.until(taken_back, "the hang-up")
    await calls.until(lambda: not calls.asterisk.channels, "no channel left")


# --- Answered -------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_somebody_who_answers_is_on_a_call_like_any_other() -> None:
    async with bench(dtmf_max_digits=5) as calls:
        callee = answers(calls)
        call = await calls.host.originate(
            ALICE,
            caller_id='"Ann" <4711>',
            settings={"dtmf_max_digits": 3, "instructions": "Remind them."},
            variables={"APP_DTMF_MAX_DIGITS": "2", "CAMPAIGN": "spring"},
        )
        phone = await callee.call()
        await phone.answered()
        assert calls.host.calls[call.call_id] is call
        assert (call.info.dialed, call.info.caller_name, call.info.caller_number) == (ALICE, "Ann", "4711")
        assert call.info.args == (), "the mark of an outbound call is nobody's argument"
        assert call.settings.openai.instructions == "Remind them."
        assert call.settings.dtmf.dtmf_max_digits == 2, "a channel variable is above the call's settings"
        channel = calls.asterisk.channels[call.info.channel_id]
        assert channel.variables["CAMPAIGN"] == "spring"

        await calls.until(lambda: call.record.activity == "listening", "listening")
        phone.play(SPEECH)
        await phone.wait_heard()
        await phone.press("12")
        assert (await phone.left_stasis()).variables["DTMF_RESULT"] == "12"
        outcome = await call.ended()
    assert (outcome.call_id, outcome.cause, outcome.digits) == (call.call_id, "dtmf", "12")


@pytest.mark.asyncio
async def test_who_hangs_up_right_after_the_answer_has_had_a_call() -> None:
    async with bench() as calls:
        callee = answers(calls)
        reading = calls.hold("read_variables", asked=True)
        asking = asyncio.create_task(calls.host.originate(ALICE))
        phone = await callee.call()
        await asyncio.wait_for(reading.reached.wait(), 10)
        await phone.hangup()
        calls.release()
        call = await asking
        assert (await call.ended()).cause == "hangup"
        assert not call.live


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", ["at once", "late"])
async def test_the_answer_may_be_told_before_asterisk_has_answered_the_request(answer: str) -> None:
    async with bench() as calls:
        answers(calls, answers_after_seconds=0.0)
        request = calls.hold("originate", asked=True)
        asking = asyncio.create_task(calls.host.originate(ALICE))
        await asyncio.wait_for(request.reached.wait(), 10)
        await calls.until(lambda: len(calls.host.calls) == 1, "the call")
        if answer == "at once":
            call = await asyncio.wait_for(asking, 5)
            calls.release()
        else:
            calls.release()
            call = await asking
        await calls.until(lambda: call.record.activity == "listening", "listening")
        assert (await call.end()).cause == "operator"


@pytest.mark.asyncio
async def test_two_can_be_called_at_once() -> None:
    async with bench() as calls:
        bob = calls.asterisk.callee("PJSIP/bob", refuses="busy", answers_after_seconds=0.1)
        answers(calls)
        call, refused = await asyncio.gather(
            calls.host.originate(ALICE), calls.host.originate("PJSIP/bob"), return_exceptions=True
        )
        assert isinstance(call, LiveCall) and isinstance(refused, NotAnswered)
        assert len(bob.calls) == 1
        await call.end()


# --- Not answered ---------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("options", "cause", "text"),
    [
        ({"refuses": "busy"}, 17, "User busy"),
        ({"refuses": "rejected"}, 21, "Call Rejected"),
        ({"refuses": "unknown"}, 1, "Unallocated"),
        ({"answers_after_seconds": None}, 19, "no answer"),
    ],
    ids=["busy", "rejected", "no such number", "no answer"],
)
async def test_who_does_not_answer_is_told_of_with_the_reason(
    options: dict[str, Any], cause: int, text: str
) -> None:
    async with bench() as calls:
        answers(calls, **options)
        with pytest.raises(NotAnswered, match=text) as refused:
            await calls.host.originate(ALICE, timeout_seconds=0.3)
        assert (refused.value.endpoint, refused.value.cause) == (ALICE, cause)
        assert refused.value.busy == (cause == 17)
        assert not calls.host.calls and not calls.host.records


def told(calls: Bench, channel_id: str, *events: Callable[[Channel], Any]) -> None:
    """Asterisk tells this, and nothing else, of a channel."""
    for event in events:
        calls.host._take(event(Channel(channel_id)))


def dial(status: str) -> Callable[[Channel], Dial]:
    return lambda channel: Dial(channel, status)


def unknown_end(channel: Channel) -> ChannelDestroyed:
    return ChannelDestroyed(channel, 0, "Unknown")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("events", "words", "status"),
    [
        ([dial(""), dial("BUSY"), unknown_end], "busy", "BUSY"),
        ([dial(""), unknown_end, dial("BUSY")], "busy", "BUSY"),
        ([dial("RINGING"), dial("NOANSWER"), unknown_end], "no answer", "NOANSWER"),
        ([unknown_end, dial("CONGESTION")], "rejected, or no line is free", "CONGESTION"),
        ([dial("CHANUNAVAIL"), unknown_end], "not available", "CHANUNAVAIL"),
        ([dial("RINGING"), unknown_end], "Unknown", ""),
        ([unknown_end], "Unknown", ""),
    ],
)
async def test_behind_a_local_channel_the_dialling_tells_why_in_whatever_order(
    events: list[Callable[[Channel], Any]], words: str, status: str
) -> None:
    async with bench() as calls:
        answers(calls, answers_after_seconds=None)
        asking = asyncio.create_task(calls.host.originate(ALICE))
        await calls.until(lambda: calls.host._reception.originating.channels, "the request")
        (channel_id,) = calls.host._reception.originating.channels
        told(calls, channel_id, *events)
        with pytest.raises(NotAnswered, match=words) as refused:
            await asyncio.wait_for(asking, 5)
        assert (refused.value.cause, refused.value.status) == (0, status)
        assert refused.value.busy == (status == "BUSY")
        await calls.host._ari.hangup(channel_id)  # it was not told to the simulated telephone


@pytest.mark.asyncio
async def test_an_endpoint_that_asterisk_does_not_know_is_an_error_in_words() -> None:
    async with bench() as calls:
        with pytest.raises(AriError, match="PJSIP/nobody cannot be called"):
            await calls.host.originate("PJSIP/nobody")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"endpoint": "alice"}, ["endpoint is 'alice'", "technology/resource"]),
        ({"endpoint": "PJSIP/"}, ["endpoint is 'PJSIP/'", "technology/resource"]),
        ({"endpoint": "PJSIP/alice\n"}, ["endpoint is", "technology/resource"]),
        ({"caller_id": "Ann <4711"}, ["caller_id is 'Ann <4711'", '"Name" <number>']),
        ({"caller_id": "4711\r\nX-Mine: 1"}, ["caller_id is", "printable"]),
        ({"caller_id": None}, ["caller_id is None"]),
        ({"timeout_seconds": 0}, ["timeout_seconds is 0", "above 0 and at most 3600"]),
        ({"timeout_seconds": -1}, ["timeout_seconds is -1", "above 0"]),
        ({"timeout_seconds": float("nan")}, ["timeout_seconds is nan"]),
        ({"timeout_seconds": float("inf")}, ["timeout_seconds is inf"]),
        ({"timeout_seconds": "30"}, ["timeout_seconds is '30'"]),
        ({"variables": {"N": 1}}, ["variables has 'N': 1", "texts"]),
        ({"settings": {"dtmfMaxDigits": 0}}, ["dtmfMaxDigits is 0", "a whole number from 1"]),
        ({"settings": {"port": 1}}, ["port", "cannot be set for one call"]),
        ({"settings": {"noSuchThing": 1}}, ["noSuchThing"]),
    ],
)
async def test_a_bad_argument_is_named_and_nobody_is_called(
    arguments: dict[str, Any], words: list[str]
) -> None:
    async with bench() as calls:
        callee = answers(calls)
        with pytest.raises(ValueError) as refused:
            await calls.host.originate(**{"endpoint": ALICE, **arguments})
        assert callee.calls == []
        assert isinstance(refused.value, SettingsError) == ("settings" in arguments)
    for word in words:
        assert word in str(refused.value)


# --- Taken back -----------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_call_that_is_cancelled_stops_ringing() -> None:
    async with bench() as calls, ringing(calls) as (asking, _):
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


@pytest.mark.asyncio
async def test_a_time_limit_of_the_program_stops_the_ringing_too() -> None:
    async with bench() as calls:
        callee = answers(calls, answers_after_seconds=None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await calls.host.originate(ALICE)
        await (await callee.call()).ended()


@pytest.mark.asyncio
async def test_a_call_that_is_cancelled_while_asterisk_is_asked_does_not_ring_on() -> None:
    async with bench() as calls:
        answers(calls, answers_after_seconds=None)
        request = calls.hold("originate")
        asking = asyncio.create_task(calls.host.originate(ALICE))
        await asyncio.wait_for(request.reached.wait(), 10)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        calls.release()
        await nothing_rings(calls)


@pytest.mark.asyncio
async def test_a_call_that_is_cancelled_in_the_moment_of_the_answer_is_hung_up() -> None:
    async with bench() as calls:
        callee = answers(calls)
        reading = calls.hold("read_variables")
        asking = asyncio.create_task(calls.host.originate(ALICE))
        phone = await callee.call()
        await asyncio.wait_for(reading.reached.wait(), 10)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await phone.ended()
        calls.release()


@pytest.mark.asyncio
async def test_an_answer_that_nobody_waits_for_any_more_is_hung_up_and_never_a_call() -> None:
    async with bench() as calls:
        answers(calls, answers_after_seconds=None)
        asking = asyncio.create_task(calls.host.originate(ALICE))
        await calls.until(lambda: calls.host._reception.originating.channels, "the request")
        (channel_id,) = calls.host._reception.originating.channels
        start = StasisStart(Channel(channel_id, state="Up"), ("offhook_outbound",))
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        calls.host._take(start)  # it was on its way when Asterisk was told to hang up
        await calls.until(lambda: not calls.asterisk.channels, "the hang-up")
        assert not calls.host.records


@pytest.mark.asyncio
async def test_one_who_was_called_and_comes_back_from_the_dialplan_is_served_again() -> None:
    async with bench(media_topology="split") as calls:
        callee = answers(calls)
        call = await calls.host.originate(ALICE)
        phone = await callee.call()
        await calls.until(lambda: call.record.activity == "listening", "listening")
        await phone.press("1#")
        assert (await phone.left_stasis()).variables["DTMF_RESULT"] == "1"
        await calls.asterisk.dial_again(phone)

        def newest() -> CallRecord:
            return list(calls.host.records.values())[-1]

        await calls.until(lambda: newest().activity == "listening" and newest().live, "the second call")
        assert newest().call_id != call.call_id
        await phone.hangup()


@pytest.mark.asyncio
async def test_a_host_that_stops_while_it_rings_says_so_and_stops_the_ringing() -> None:
    async with bench() as calls:
        callee = answers(calls, answers_after_seconds=None)
        asking = asyncio.create_task(calls.host.originate(ALICE))
        phone = await callee.call()
    with pytest.raises(NotAnswered, match="the host has stopped"):
        await asking
    assert phone.ended_at is not None


@pytest.mark.asyncio
async def test_a_host_that_stops_while_asterisk_is_asked_leaves_nothing_ringing() -> None:
    async with bench() as calls:
        answers(calls, answers_after_seconds=None)
        request = calls.hold("originate")
        asking = asyncio.create_task(calls.host.originate(ALICE))
        await asyncio.wait_for(request.reached.wait(), 10)
        asyncio.get_running_loop().call_later(0.3, calls.release)
        await calls.host.__aexit__(None, None, None)
        with pytest.raises(NotAnswered, match="the host has stopped"):
            await asking
        await nothing_rings(calls)


@pytest.mark.asyncio
async def test_who_is_gone_while_the_event_stream_was_lost_has_not_answered() -> None:
    async with bench() as calls:
        answers(calls, answers_after_seconds=None)
        asking = asyncio.create_task(calls.host.originate(ALICE))
        await calls.until(lambda: calls.host._reception.originating.channels, "the request")
        (channel_id,) = calls.host._reception.originating.channels
        assert channel_id.startswith(PREFIX)
        await calls.asterisk.disconnect_applications()
        await calls.host._ari.hangup(channel_id)
        with pytest.raises(NotAnswered):
            await asyncio.wait_for(asking, 15)


@pytest.mark.asyncio
async def test_a_host_that_does_not_run_calls_nobody() -> None:
    async with bench() as calls:
        host: Host = calls.host
    with pytest.raises(HostError, match="PJSIP/alice cannot be called"):
        await host.originate(ALICE)

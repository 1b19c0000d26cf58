"""Calling out through ARI, with the simulated Asterisk: each telephone as Asterisk 22 reports it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from offhook.ari import AriClient, AriError
from offhook.simulators.asterisk import SimulatedAsterisk
from offhook.simulators.wav import tone
from originated_calls import COURSES, NO_EXTENSION, REFUSED, Application, Course, application

ALICE = "PJSIP/alice"


@pytest_asyncio.fixture
async def asterisk() -> AsyncIterator[SimulatedAsterisk]:
    async with SimulatedAsterisk(sounds={"long": tone(500, 20)}) as simulated:
        yield simulated


@pytest_asyncio.fixture
async def app(asterisk: SimulatedAsterisk) -> AsyncIterator[Application]:
    async with application(asterisk.url, asterisk.username, asterisk.password, asterisk.app) as connected:
        yield connected


@pytest.mark.asyncio
@pytest.mark.parametrize("course", COURSES.values(), ids=COURSES)
async def test_each_telephone_is_heard_of_as_on_a_real_asterisk(
    asterisk: SimulatedAsterisk, app: Application, course: Course
) -> None:
    callee = asterisk.callee(
        ALICE,
        answers_after_seconds=0.05 if course.answers else None,
        refuses=course.refuses,
        rings=course.rings,
    )
    made = await app.client.originate(ALICE, channel_id="call-1", timeout_seconds=course.timeout_seconds)
    assert (made.id, made.state) == ("call-1", "Down")
    call = await callee.call()
    if course.is_answered:
        await app.started("call-1")
        await call.answered()
    elif course.then:
        await app.ringing("call-1")
    if course.then == "callee":
        await call.hangup()
    elif course.then == "application":
        await app.client.hangup("call-1")
    if course.is_over:
        await app.destroyed("call-1")
        await call.ended()
        assert asterisk.channels == {}
    assert app.course("call-1") == (course.dial, course.events)


@pytest.mark.asyncio
async def test_a_local_channel_to_an_extension_that_is_not_there_ends_without_a_reason(
    app: Application,
) -> None:
    await app.client.originate("Local/nobody@sales/n", channel_id="call-1")
    await app.destroyed("call-1")
    assert app.course("call-1") == (NO_EXTENSION.dial, NO_EXTENSION.events)


@pytest.mark.asyncio
@pytest.mark.parametrize("endpoint", REFUSED)
async def test_an_endpoint_that_does_not_exist_is_told_in_words(app: Application, endpoint: str) -> None:
    status, words = REFUSED[endpoint]
    with pytest.raises(AriError) as refused:
        await app.client.originate(endpoint, channel_id="call-1")
    assert refused.value.status == status
    assert words in str(refused.value)


@pytest.mark.asyncio
async def test_the_person_who_answers_is_like_a_caller(asterisk: SimulatedAsterisk, app: Application) -> None:
    callee = asterisk.callee(ALICE)
    await app.client.originate(
        ALICE,
        channel_id="call-1",
        caller_id="Ann <4711>",
        app_args="outbound,survey",
        variables={"APP_LANGUAGE": "de", "CAMPAIGN": "a, b & ü"},
    )
    call = await callee.call()
    start = await app.started("call-1")
    assert start.args == ("outbound", "survey")
    assert (start.channel.caller.name, start.channel.connected.number) == ("Ann", "4711")
    assert await app.client.read_variables("call-1", ["APP_LANGUAGE", "CAMPAIGN", "NOT_SET"]) == {
        "APP_LANGUAGE": "de",
        "CAMPAIGN": "a, b & ü",
    }

    await app.client.set_variable("call-1", "TALK_DETECT(set)", "250,256")
    await app.client.play("call-1", "sound:long", "p1")
    await call.wait_heard()
    await app.client.send_dtmf("call-1", "12#")
    assert call.digits_heard == "12#"
    await app.client.hangup("call-1")
    await call.ended()
    assert (await call.left_stasis()).how == "hung_up_by_app"


@pytest.mark.asyncio
async def test_whoever_hangs_up_the_ringing_telephone_rejects_the_call(
    asterisk: SimulatedAsterisk, app: Application
) -> None:
    callee = asterisk.callee(ALICE, answers_after_seconds=None)
    await app.client.originate(ALICE, channel_id="call-1")
    call = await callee.call()
    await call.hangup()
    assert (await app.destroyed("call-1")).cause == 21
    with pytest.raises(ConnectionError, match="without an answer"):
        await call.answered()


@pytest.mark.asyncio
async def test_a_telephone_can_be_called_more_than_once(
    asterisk: SimulatedAsterisk, app: Application
) -> None:
    callee = asterisk.callee(ALICE, answers_after_seconds=0.0)
    calls = []
    for channel_id in ("call-1", "call-2"):
        await app.client.originate(ALICE, channel_id=channel_id)
        calls.append(await callee.call())
        await app.started(channel_id)
    assert [call.channel_id for call in calls] == ["call-1", "call-2"]
    assert callee.calls == calls


@pytest.mark.asyncio
async def test_the_same_request_again_is_the_same_call(asterisk: SimulatedAsterisk, app: Application) -> None:
    callee = asterisk.callee(ALICE, answers_after_seconds=None)
    first = await app.client.originate(ALICE, channel_id="call-1")
    again = await app.client.originate(ALICE, channel_id="call-1")
    assert first.id == again.id
    await callee.call()
    with pytest.raises(TimeoutError):
        await callee.call(timeout_seconds=0.05)


@pytest.mark.asyncio
async def test_a_call_for_an_application_that_is_not_connected_ends_at_the_answer(
    asterisk: SimulatedAsterisk,
) -> None:
    callee = asterisk.callee(ALICE)
    async with AriClient(asterisk.url, asterisk.username, asterisk.password, "nobody") as client:
        await client.originate(ALICE, channel_id="call-1", timeout_seconds=-1)
        call = await callee.call()
        await call.answered()
        await call.ended()
    assert asterisk.channels == {}


@pytest.mark.asyncio
async def test_a_format_that_asterisk_does_not_know_is_named(
    asterisk: SimulatedAsterisk, app: Application
) -> None:
    asterisk.callee(ALICE)
    with pytest.raises(AriError, match=r"400.*\(nope\) was not found.*formats 'ulaw,nope'"):
        await app.client.originate(ALICE, channel_id="call-1", formats="ulaw,nope")
    assert asterisk.channels == {}

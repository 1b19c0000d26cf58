"""Calling out through ARI, with a real Asterisk: SIP telephones and Local channels, by the table that the
simulated Asterisk is held to as well (`tests/simulated/test_ari_originate.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from asterisk.lab import Lab
from asterisk.sip_callee import SipCallee
from offhook.ari import AriError
from offhook.simulators import wav
from originated_calls import (
    COURSES,
    ENTERED,
    HANG_UP,
    NO_ANSWER,
    NO_EXTENSION,
    REFUSED,
    RINGING,
    UNKNOWN,
    UP,
    Application,
    Course,
    application,
)

SIP_REFUSALS = {
    "busy": "486 Busy Here",
    "rejected": "603 Decline",
    "unavailable": "480 Temporarily Unavailable",
    "unknown": "404 Not Found",
    "congestion": "503 Service Unavailable",
}
EXTENSIONS = {
    "600": Course(("", "ANSWER"), (UP, ENTERED), rings=False),
    "604": Course(("", "RINGING"), (RINGING, NO_ANSWER), answers=False),
    "605": Course(("", "BUSY"), (f"{HANG_UP}: 17", "destroyed: 17 User busy")),
    "606": Course(("", "NOANSWER"), (f"{HANG_UP}: 21", "destroyed: 21 Call Rejected")),
    "607": Course(("", "BUSY"), (UNKNOWN,)),  # Busy() tells the channel's other half only
    "nobody": NO_EXTENSION,
}


@pytest_asyncio.fixture
async def app(asterisk: Lab) -> AsyncIterator[Application]:
    async with application(
        asterisk.ari_url, asterisk.ari_user, asterisk.ari_password, asterisk.app
    ) as connected:
        yield connected


@pytest.mark.asyncio
@pytest.mark.parametrize("course", COURSES.values(), ids=COURSES)
async def test_each_sip_telephone_is_heard_of_as_the_table_says(app: Application, course: Course) -> None:
    answer = SIP_REFUSALS[course.refuses] if course.refuses else "200 OK" if course.answers else ""
    async with SipCallee(answer, rings=course.rings, after_seconds=0.2) as phone:
        made = await app.client.originate(
            phone.endpoint, channel_id="call-1", timeout_seconds=course.timeout_seconds
        )
        assert (made.id, made.state) == ("call-1", "Down")
        if course.is_answered:
            await app.started("call-1")
        elif course.then:
            await app.ringing("call-1")
        if course.then == "callee":
            await phone.hang_up()
        elif course.then == "application":
            await app.client.hangup("call-1")
        if course.is_over:
            await app.destroyed("call-1")
        assert app.course("call-1") == (course.dial, course.events)
        await app.client.hangup("call-1", missing_ok=True)
        await phone.wait_ended()


@pytest.mark.asyncio
@pytest.mark.parametrize("extension", EXTENSIONS)
async def test_a_local_channel_goes_by_its_dialplan(app: Application, extension: str) -> None:
    course = EXTENSIONS[extension]
    await app.client.originate(
        f"Local/{extension}@lab/n",
        channel_id="call-1",
        timeout_seconds=course.timeout_seconds,
        formats="ulaw",
    )
    if course.is_answered:
        await app.started("call-1")
    else:
        await app.destroyed("call-1")
    assert app.course("call-1") == (course.dial, course.events)
    await app.client.hangup("call-1", missing_ok=True)


@pytest.mark.asyncio
@pytest.mark.parametrize("endpoint", REFUSED)
async def test_an_endpoint_that_does_not_exist_is_told_in_words(app: Application, endpoint: str) -> None:
    status, words = REFUSED[endpoint]
    with pytest.raises(AriError) as refused:
        await app.client.originate(endpoint, channel_id="call-1")
    assert refused.value.status == status
    assert words in str(refused.value)


@pytest.mark.asyncio
async def test_a_format_that_asterisk_does_not_know_is_named(app: Application) -> None:
    with pytest.raises(AriError, match=r"400.*\(nope\) was not found.*formats 'ulaw,nope'"):
        await app.client.originate("Local/600@lab", channel_id="call-1", formats="ulaw,nope")


@pytest.mark.asyncio
async def test_the_callee_sees_who_calls_and_the_application_gets_arguments_and_variables(
    app: Application,
) -> None:
    async with SipCallee() as phone:
        await app.client.originate(
            phone.endpoint,
            channel_id="call-1",
            caller_id="Ann <4711>",
            app_args="outbound,survey",
            variables={"APP_LANGUAGE": "de", "CAMPAIGN": "a, b & ü"},
        )
        start = await app.started("call-1")
        assert start.args == ("outbound", "survey")
        assert (start.channel.caller.name, start.channel.connected.number) == ("Ann", "4711")
        assert await app.client.read_variables("call-1", ["APP_LANGUAGE", "CAMPAIGN", "NOT_SET"]) == {
            "APP_LANGUAGE": "de",
            "CAMPAIGN": "a, b & ü",
        }
        assert phone.caller.startswith('"Ann" <sip:4711@')
        await app.client.play("call-1", "sound:hello-world", "p1")
        await phone.wait_heard()
        assert await phone.play(wav.tone(440, 0.2))
        await app.client.hangup("call-1")
        await phone.wait_ended()
        assert phone.ended_by == "asterisk"


NASTY = {
    "RECOG_STATUS": "OK",
    "EMPTY": "",
    "COMMAS": "one, two,, three,",
    "QUOTES": "she said \"hello, you\", 'really'",
    "OPEN": "a (b [c",
    "CLOSED": "a) b], c",
    "BACKSLASHES": "C:\\dir\\, \\\\",
    "SPACES": "  two on each side  ",
    "OTHERS": "ü € 😀 ${SHELL(id)} $[1+1] a=b; c|d & <e> ^{x}",
    "LONG": "word, " * 500,
    "LAST": "",
}
"""Variables, and values with all that a dialplan might take for its own."""


@pytest.mark.asyncio
async def test_variables_set_with_one_request_hold_what_was_given(app: Application) -> None:
    async with SipCallee() as phone:
        await app.client.originate(phone.endpoint, channel_id="call-1", variables={"EMPTY": "before"})
        await app.started("call-1")
        await app.client.set_variables("call-1", NASTY)
        for name, value in NASTY.items():
            assert (await app.client.get_variable("call-1", name) or "") == value, name
        await app.client.hangup("call-1")
        await phone.wait_ended()


@pytest.mark.asyncio
async def test_the_same_request_again_is_the_same_call_and_an_unknown_endpoint_afterwards_still_unknown(
    app: Application,
) -> None:
    async with SipCallee() as phone:
        first = await app.client.originate(phone.endpoint, channel_id="call-1")
        await app.started("call-1")
        again = await app.client.originate(phone.endpoint, channel_id="call-1")
        assert (first.id, again.id, again.state) == ("call-1", "call-1", "Up")
        # Asterisk answers 409 here, or 500 on another of the client's connections.
        with pytest.raises(AriError, match=r"PJSIP/nobody cannot be called: no such endpoint"):
            await app.client.originate("PJSIP/nobody", channel_id="call-2")
        await phone.hang_up()
    await app.destroyed("call-1")

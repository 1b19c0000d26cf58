"""The simulated Asterisk's control side, over real HTTP and WebSocket: calls, errors, events, prompts,
variables.
"""

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from offhook.simulators.asterisk import SimulatedAsterisk
from offhook.simulators.wav import tone
from plain_ari import MediaPort, PlainAri

LONG = tone(500, 20)


@pytest_asyncio.fixture
async def asterisk() -> AsyncIterator[SimulatedAsterisk]:
    async with SimulatedAsterisk(sounds={"long": LONG, "short": tone(500, 0.2)}) as simulated:
        yield simulated


@pytest_asyncio.fixture
async def ari(asterisk: SimulatedAsterisk) -> AsyncIterator[PlainAri]:
    async with PlainAri(asterisk) as application:
        yield application


@pytest.mark.asyncio
async def test_a_call_rings_until_it_is_answered(asterisk: SimulatedAsterisk, ari: PlainAri) -> None:
    call = await asterisk.dial("7001", caller_number="4711", args=["first", "second"])

    start = await ari.event("StasisStart")
    assert start["channel"]["id"] == call.channel_id
    assert start["channel"]["state"] == "Ring"
    assert start["channel"]["caller"]["number"] == "4711"
    assert start["channel"]["dialplan"]["exten"] == "7001"
    assert start["args"] == ["first", "second"]
    assert call.answered_at is None

    await ari.do(f"POST /channels/{call.channel_id}/answer")
    await call.answered()
    assert (await ari.event("ChannelStateChange"))["channel"]["state"] == "Up"


@pytest.mark.asyncio
async def test_a_dialplan_may_answer_first(asterisk: SimulatedAsterisk, ari: PlainAri) -> None:
    call = await asterisk.dial(answered=True)

    assert (await ari.event("StasisStart"))["channel"]["state"] == "Up"
    await call.answered()


@pytest.mark.asyncio
async def test_variables_are_read_one_by_one_or_all_at_once(
    asterisk: SimulatedAsterisk, ari: PlainAri
) -> None:
    call = await asterisk.dial(variables={"APP_A": "a, b & ü", "APP_B": "sound:hello-world"})
    path = f"/channels/{call.channel_id}/variable"

    assert await ari.ask(f"GET {path}", variable="APP_B") == (200, {"value": "sound:hello-world"})
    assert await ari.ask(f"GET {path}", variable="APP_C") == (
        404,
        {"message": "Provided variable was not found"},
    )
    expression = "EVAL(" + "&".join(f"${{URIENCODE(${{APP_{x}}})}}" for x in "ABC") + ")"
    expected = (200, {"value": "a%2C%20b%20%26%20%C3%BC&sound%3Ahello-world&"})
    assert await ari.ask(f"GET {path}", variable=expression) == expected
    assert await ari.ask(f"GET {path}", {"variable": expression}) == expected
    assert await ari.ask(f"GET {path}", variable="NOPE(x)") == (
        500,
        {"message": "Unable to read provided function"},
    )


@pytest.mark.asyncio
async def test_a_request_line_over_4096_bytes_is_refused_with_a_page(
    asterisk: SimulatedAsterisk, ari: PlainAri
) -> None:
    call = await asterisk.dial()
    path = f"/channels/{call.channel_id}/variable"
    names = "&".join(["${URIENCODE(${APP_SOME_LONG_VARIABLE_NAME})}"] * 100)

    status, page = await ari.ask(f"GET {path}", variable=f"EVAL({names})")
    assert (status, page.startswith("<html>")) == (400, True)
    assert await ari.ask(f"GET {path}", {"variable": f"EVAL({names})"}) == (200, {"value": "&" * 99})


@pytest.mark.asyncio
async def test_the_dialplan_sees_what_was_set_before_it_went_on(
    asterisk: SimulatedAsterisk, ari: PlainAri
) -> None:
    call = await asterisk.dial("7004")
    path = f"/channels/{call.channel_id}"
    await ari.do(f"POST {path}/variable", variable="FINAL", value='Zwölf, "ja" & 50%\nzwei')
    await ari.do(f"POST {path}/continue", context="sales", extension="9", priority="3")

    left = await call.left_stasis()
    assert (left.how, left.context, left.extension, left.priority) == ("continued", "sales", "9", 3)
    assert left.variables["FINAL"] == 'Zwölf, "ja" & 50%\nzwei'
    await call.ended()  # the dialplan hangs up in the end


@pytest.mark.asyncio
async def test_a_channel_in_the_dialplan_is_out_of_the_applications_hands(
    asterisk: SimulatedAsterisk, ari: PlainAri
) -> None:
    call = await asterisk.dial(dialplan_seconds=60)
    path = f"/channels/{call.channel_id}"
    bridge = await ari.bridge()
    await ari.do(f"POST {path}/continue")
    await call.left_stasis()

    refusal = {"message": "Channel not in Stasis application"}
    assert await ari.ask(f"POST {path}/play", media="sound:beep") == (409, refusal)
    assert await ari.ask(f"POST {path}/variable", variable="X", value="1") == (409, refusal)
    assert await ari.ask(f"POST {path}/continue") == (409, refusal)
    assert await ari.ask(f"POST /bridges/{bridge}/addChannel", channel=call.channel_id) == (422, refusal)

    await asterisk.dial_again(call)
    await ari.event("StasisStart", after=ari.kinds().index("StasisEnd"), channel=call.channel_id)
    await ari.do(f"POST {path}/play", media="sound:beep")


@pytest.mark.asyncio
async def test_a_new_external_media_channel_can_be_bridged_only_after_its_stasis_start() -> None:
    async with (
        SimulatedAsterisk(stasis_start_delay_seconds=0.3) as asterisk,
        PlainAri(asterisk) as ari,
        MediaPort() as port,
    ):
        bridge = await ari.bridge()
        made = await ari.do(
            "POST /channels/externalMedia",
            app=asterisk.app,
            external_host=f"127.0.0.1:{port.port}",
            format="ulaw",
        )
        too_early = await ari.ask(f"POST /bridges/{bridge}/addChannel", channel=made["id"])
        await ari.event("StasisStart", channel=made["id"])
        in_time = await ari.ask(f"POST /bridges/{bridge}/addChannel", channel=made["id"])

    assert too_early == (422, {"message": "Channel not in Stasis application"})
    assert in_time[0] == 204


@pytest.mark.asyncio
async def test_what_is_left_when_the_caller_hangs_up(asterisk: SimulatedAsterisk, ari: PlainAri) -> None:
    call = await asterisk.dial(answered=True)
    async with MediaPort() as port:
        external = await ari.external_media(port)
        bridge = await ari.bridge(call.channel_id, external)
        snoop = await ari.snoop(call.channel_id)
        await ari.do(f"POST /channels/{call.channel_id}/play", media="sound:long")
        await ari.event("PlaybackStarted")
        before = len(ari.events)

        await call.hangup()
        await ari.event("StasisEnd", channel=snoop)

        assert ari.kinds(after=before) == [
            "ChannelHangupRequest",
            "PlaybackFinished",
            "ChannelLeftBridge",
            "StasisEnd",
            "StasisEnd",
        ]
        assert "cause" not in await ari.event("ChannelHangupRequest")
        assert (await ari.event("PlaybackFinished"))["playback"]["state"] == "failed"
        assert list(asterisk.channels) == [external]
        assert list(asterisk.bridges) == [bridge]
        assert await ari.ask(f"DELETE /channels/{call.channel_id}") == (404, {"message": "Channel not found"})
        assert (await call.left_stasis()).how == "hung_up_by_caller"

        before = len(ari.events)
        await ari.do(f"DELETE /channels/{external}")
        await ari.do(f"DELETE /bridges/{bridge}")
        await ari.event("BridgeDestroyed")
        assert ari.kinds(after=before) == [
            "ChannelHangupRequest",
            "ChannelLeftBridge",
            "StasisEnd",
            "ChannelDestroyed",
            "BridgeDestroyed",
        ]
        assert not asterisk.channels
        assert not asterisk.bridges


@pytest.mark.asyncio
async def test_a_caller_may_give_up_before_the_answer(asterisk: SimulatedAsterisk, ari: PlainAri) -> None:
    call = await asterisk.dial()
    await ari.event("StasisStart")
    await call.hangup()

    request = await ari.event("ChannelHangupRequest")
    assert (request["cause"], request["tech_cause"]) == (127, 487)
    await ari.event("StasisEnd")
    with pytest.raises(ConnectionError):
        await call.answered()


@pytest.mark.asyncio
async def test_the_application_hangs_up(asterisk: SimulatedAsterisk, ari: PlainAri) -> None:
    call = await asterisk.dial(answered=True)
    await ari.do(f"POST /channels/{call.channel_id}/variable", variable="X", value="1")
    await ari.do(f"DELETE /channels/{call.channel_id}", reason="busy")

    left = await call.left_stasis()
    assert (left.how, left.extension, left.reason) == ("hung_up_by_app", "h", "busy")
    assert left.variables["X"] == "1"
    await call.ended()


@pytest.mark.asyncio
async def test_prompts_queue_and_report_their_end(asterisk: SimulatedAsterisk, ari: PlainAri) -> None:
    call = await asterisk.dial(answered=True)
    path = f"/channels/{call.channel_id}/play"
    for name, media in [("one", "sound:short"), ("two", "sound:no-such-sound"), ("three", "digits:1")]:
        answer = await ari.do(f"POST {path}/{name}", media=media)
        assert answer["state"] == "queued"
    await ari.event("PlaybackFinished", playback="three")

    told = [
        (event["type"], event["playback"]["id"], event["playback"]["state"])
        for event in ari.events
        if event["type"].startswith("Playback")
    ]
    assert told == [
        ("PlaybackStarted", "one", "playing"),
        ("PlaybackFinished", "one", "done"),
        ("PlaybackStarted", "two", "playing"),
        ("PlaybackFinished", "two", "failed"),
        ("PlaybackStarted", "three", "playing"),
        ("PlaybackFinished", "three", "done"),
    ]


@pytest.mark.asyncio
async def test_a_stopped_prompt_is_silent_at_once_and_done(
    asterisk: SimulatedAsterisk, ari: PlainAri
) -> None:
    call = await asterisk.dial(answered=True)
    await ari.do(f"POST /channels/{call.channel_id}/play/p", media="tone:ring")
    await call.wait_heard()
    await ari.do("DELETE /playbacks/p")
    stopped = time.monotonic()

    assert (await ari.event("PlaybackFinished"))["playback"]["state"] == "done"
    await call.wait_quiet(0.2)
    assert not call.loud_times(since=stopped)
    assert await ari.ask("DELETE /playbacks/p") == (404, {"message": "Playback not found"})


@pytest.mark.asyncio
async def test_a_media_uri_without_a_known_scheme_is_forgotten_without_a_word(
    asterisk: SimulatedAsterisk, ari: PlainAri
) -> None:
    call = await asterisk.dial(answered=True)
    path = f"/channels/{call.channel_id}/play"
    await ari.do(f"POST {path}/odd", media="hello-world")
    await ari.event("PlaybackStarted", playback="odd")
    assert await ari.ask("DELETE /playbacks/odd") == (404, {"message": "Playback not found"})
    await ari.do(f"POST {path}/next", media="sound:short")

    await ari.event("PlaybackFinished", playback="next")
    assert [e["playback"]["id"] for e in ari.events if e["type"] == "PlaybackFinished"] == ["next"]


@pytest.mark.asyncio
async def test_commands_to_the_channel_wait_for_its_prompt(
    asterisk: SimulatedAsterisk, ari: PlainAri
) -> None:
    call = await asterisk.dial(answered=True)
    path = f"/channels/{call.channel_id}"
    await ari.do(f"POST {path}/play/p", media="sound:long")
    setting = asyncio.create_task(ari.ask(f"POST {path}/variable", variable="X", value="1"))
    await ari.snoop(call.channel_id)
    assert (await ari.do(f"GET {path}/variable", variable="EXTEN"))["value"] == "7000"
    await ari.do(f"POST {path}/continue")

    assert not setting.done()
    assert "StasisEnd" not in ari.kinds()
    await ari.do("DELETE /playbacks/p")
    assert (await setting)[0] == 204
    assert (await call.left_stasis()).variables["X"] == "1"


@pytest.mark.asyncio
async def test_digits_are_reported_at_key_release(asterisk: SimulatedAsterisk, ari: PlainAri) -> None:
    call = await asterisk.dial(answered=True)
    await call.press("12#")

    await asyncio.sleep(0.05)
    digits = [event for event in ari.events if event["type"] == "ChannelDtmfReceived"]
    assert [event["digit"] for event in digits] == ["1", "2", "#"]
    assert {event["duration_ms"] for event in digits} == {120}
    await ari.do(f"POST /channels/{call.channel_id}/dtmf", dtmf="99")
    assert call.digits_heard == "99"


@pytest.mark.asyncio
async def test_pressing_no_key_is_done_at_once(asterisk: SimulatedAsterisk) -> None:
    call = await asterisk.dial(answered=True)
    async with asyncio.timeout(5):
        await call.press("")


@pytest.mark.asyncio
async def test_talking_is_detected_also_during_a_prompt(asterisk: SimulatedAsterisk, ari: PlainAri) -> None:
    call = await asterisk.dial(answered=True)
    path = f"/channels/{call.channel_id}"
    await ari.do(f"POST {path}/variable", variable="TALK_DETECT(set)", value="250,256")
    await ari.do(f"POST {path}/play", media="sound:long")
    await ari.event("PlaybackStarted")
    call.play(tone(700, 0.4, level=100) + tone(700, 0.6, level=4000) + tone(700, 0.1, level=100))

    finished = await ari.event("ChannelTalkingFinished")
    assert ari.kinds().count("ChannelTalkingStarted") == 1
    # 30 loud frames; the 250 ms of silence are not part of the talk, give or take a frame
    assert 580 <= finished["duration"] <= 620


@pytest.mark.asyncio
async def test_a_second_event_socket_replaces_the_first(asterisk: SimulatedAsterisk, ari: PlainAri) -> None:
    async with PlainAri(asterisk) as second:
        await ari.event("ApplicationReplaced")
        await asterisk.dial()
        await second.event("StasisStart")
        assert "StasisStart" not in ari.kinds()


@pytest.mark.asyncio
async def test_calls_outlive_the_event_socket(asterisk: SimulatedAsterisk, ari: PlainAri) -> None:
    call = await asterisk.dial(answered=True)
    await ari.event("StasisStart")
    await asterisk.disconnect_applications()

    assert (await ari.ask(f"GET /channels/{call.channel_id}"))[0] == 200
    refused = await asterisk.dial()
    assert (await refused.left_stasis()).variables["STASISSTATUS"] == "FAILED"
    async with PlainAri(asterisk) as again:
        await again.do(f"POST /channels/{call.channel_id}/variable", variable="X", value="1")
        assert (await again.do("GET /applications/openai-ari-app"))["channel_ids"] == [call.channel_id]
        assert "StasisStart" not in again.kinds()


@pytest.mark.asyncio
async def test_a_wrong_password_is_refused(asterisk: SimulatedAsterisk) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        async with PlainAri(asterisk, password="wrong"):
            pass
    assert refusal.value.status == 401
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{asterisk.url}/ari/asterisk/info") as nobody,
        http.get(f"{asterisk.url}/ari/asterisk/info", params={"api_key": "offhook:offhook"}) as somebody,
    ):
        assert (nobody.status, await nobody.json()) == (401, {"message": "Authentication required"})
        assert (await somebody.json())["system"]["version"].startswith("22.")


@pytest.mark.asyncio
async def test_every_exchange_is_logged(asterisk: SimulatedAsterisk, ari: PlainAri) -> None:
    await ari.ask("GET /channels/nope")

    (exchange,) = asterisk.requests
    assert (exchange.method, exchange.path, exchange.status) == ("GET", "/channels/nope", 404)
    assert exchange.response == {"message": "Channel not found"}

"""The test bench with an application in Stasis, without Offhook: what calls do is reported, what is set is seen."""

from __future__ import annotations

import asyncio
import json
import urllib.error
from datetime import datetime
from operator import eq
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
import pytest

from asterisk.lab import GREETING, Lab
from asterisk.rtp_packet import ULAW
from asterisk.sip_caller import SipCaller
from offhook.simulators import wav

Event = dict[str, Any]


class Application:
    """The smallest ARI application: the events of the application `asterisk.app`, and REST."""

    def __init__(self, asterisk: Lab) -> None:
        self.asterisk = asterisk
        self.events: list[Event] = []
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession()
        login = f"{self.asterisk.ari_user}:{self.asterisk.ari_password}"
        query = {"app": self.asterisk.app, "api_key": login}
        self._socket = await self._http.ws_connect(f"{self.asterisk.ari_url}/ari/events", params=query)
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()
        await self._reading
        await self._http.close()

    async def _read(self) -> None:
        async for message in self._socket:
            async with self._news:
                self.events.append(json.loads(message.data))
                self._news.notify_all()

    async def ask(self, request: str, **query: str) -> Any:
        """One request, for example `ask("POST /channels/1/play", media="sound:beep")`; its answer."""
        method, path = request.split()
        return await asyncio.to_thread(self.asterisk.ari, method, f"{path}?{urlencode(query)}")

    async def event(self, kind: str, caller: SipCaller) -> Event:
        """The first event of this kind on the channel of this caller."""

        def find() -> Event | None:
            for event in self.events:
                if event["type"] == kind and event["channel"]["caller"]["number"] == caller.number:
                    return event
            return None

        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(find)
        found = find()
        assert found is not None
        return found

    async def answer(self, caller: SipCaller) -> str:
        """Wait for this call in Stasis, and answer it; its channel's id."""
        start = await self.event("StasisStart", caller)
        channel: str = start["channel"]["id"]
        await self.ask(f"POST /channels/{channel}/answer")
        await caller.answered.wait()
        return channel


def seconds_of(event: Event) -> float:
    """The event's own time, on the clock of `time.time()`."""
    return datetime.strptime(event["timestamp"], "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()


@pytest.mark.asyncio
async def test_7001_asks_for_a_greeting_that_the_caller_hears_whole(asterisk: Lab) -> None:
    spoken = wav.read_wav(asterisk.sound(GREETING))
    async with Application(asterisk) as app, SipCaller(asterisk.sip_address, "7001") as caller:
        calling = asyncio.create_task(caller.call())
        channel = await app.answer(caller)
        assert await calling == 200
        greeting = await app.ask(f"GET /channels/{channel}/variable", variable="APP_GREETING_AUDIO_PATH")
        await app.ask(f"POST /channels/{channel}/play", media=greeting["value"])
        await caller.wait_heard()
        await caller.wait_quiet(1.0)
    assert caller.lost() == 0
    heard = memoryview(caller.pcm_heard()).cast("h")
    wanted = memoryview(ULAW.decode(ULAW.encode(spoken))).cast("h")
    # Asterisk leaves out as many bytes at the end of a WAV file as its header has, and rounds some samples otherwise.
    assert len(heard) >= len(wanted) - 22
    assert sum(map(eq, heard, wanted)) / len(heard) > 0.98


@pytest.mark.asyncio
async def test_7000_asks_for_no_greeting_unless_the_caller_does(asterisk: Lab) -> None:
    async with Application(asterisk) as app:
        for sent in ({}, {"APP_GREETING_AUDIO_PATH": "sound:beep"}):
            async with SipCaller(asterisk.sip_address, "7000", variables=sent) as caller:
                calling = asyncio.create_task(caller.call())
                channel = await app.answer(caller)
                await calling
                read = app.ask(f"GET /channels/{channel}/variable", variable="APP_GREETING_AUDIO_PATH")
                if sent:
                    assert (await read)["value"] == "sound:beep"
                else:
                    with pytest.raises(urllib.error.HTTPError, match="404"):
                        await read


@pytest.mark.asyncio
async def test_the_step_after_stasis_sees_what_the_application_set_for_each_of_ten_calls(
    asterisk: Lab,
) -> None:
    async def one(app: Application, digits: str) -> None:
        async with SipCaller(asterisk.sip_address, "7000") as caller:
            calling = asyncio.create_task(caller.call())
            channel = await app.answer(caller)
            await calling
            wanted = {"RECOG_STATUS": "OK", "FINAL_TRANSCRIPTION": f"Größe | {digits}", "DTMF_RESULT": digits}
            for name, value in {**wanted, "OFFHOOK_CALL_ID": channel}.items():
                await app.ask(f"POST /channels/{channel}/variable", variable=name, value=value)
            await app.ask(f"POST /channels/{channel}/continue")
            await caller.wait_ended()
        for phase in ("stasis", "hangup"):
            result = await asterisk.result(caller.number, phase)
            assert {name: result[name] for name in wanted} == wanted
            assert (result.call, result["OFFHOOK_CALL_ID"]) == (channel, channel)
            assert result["STASISSTATUS"] == "SUCCESS"
            assert result["RECOGNITION_ERROR"] is None

    async with Application(asterisk) as app:
        await asyncio.gather(*(one(app, str(number)) for number in range(1000, 1010)))


@pytest.mark.asyncio
async def test_a_caller_who_hangs_up_in_stasis_still_leaves_a_result(asterisk: Lab) -> None:
    async with Application(asterisk) as app, SipCaller(asterisk.sip_address, "7000") as caller:
        calling = asyncio.create_task(caller.call())
        channel = await app.answer(caller)
        await calling
        await app.ask(f"POST /channels/{channel}/variable", variable="OFFHOOK_END_CAUSE", value="hangup")
        await caller.hang_up()
        assert (await asterisk.result(caller.number, "hangup"))["OFFHOOK_END_CAUSE"] == "hangup"
        assert [result.phase for result in asterisk.results(caller.number)] == ["hangup"]


@pytest.mark.asyncio
async def test_asterisk_records_every_sample_that_the_caller_says(asterisk: Lab) -> None:
    said = wav.tone(440, 0.5) + wav.tone(1000, 0.5) + wav.tone(300, 0.75, level=12000)
    async with Application(asterisk) as app, SipCaller(asterisk.sip_address, "7000") as caller:
        calling = asyncio.create_task(caller.call())
        channel = await app.answer(caller)
        await calling
        await app.ask(f"POST /channels/{channel}/record", name="said", format="wav")
        assert await caller.play(said)
        await app.ask("POST /recordings/live/said/stop")
        recorded = wav.read_wav(asterisk.directory / "spool/recording/said.wav")
    assert ULAW.decode(ULAW.encode(said)) in recorded


@pytest.mark.asyncio
async def test_digits_and_talking_are_reported_as_they_happened(asterisk: Lab) -> None:
    async with Application(asterisk) as app, SipCaller(asterisk.sip_address, "7000") as caller:
        calling = asyncio.create_task(caller.call())
        channel = await app.answer(caller)
        await calling
        await app.ask(f"POST /channels/{channel}/variable", variable="TALK_DETECT(set)", value="300,256")
        assert await caller.play(wav.tone(500, 1.0))
        finished = await app.event("ChannelTalkingFinished", caller)
        await caller.press("19*#")
    started = await app.event("ChannelTalkingStarted", caller)
    loud = [packet.at for packet in caller.sent if packet.is_loud]
    assert len(loud) == 50
    assert loud[0] <= seconds_of(started) + 0.001 < loud[-1], "ARI's times are whole milliseconds"
    assert seconds_of(finished) > loud[-1]
    digits = [event["digit"] for event in app.events if event["type"] == "ChannelDtmfReceived"]
    assert digits == ["1", "9", "*", "#"]

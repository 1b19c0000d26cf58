"""The simulated Asterisk's audio: RTP to and from external media, snoops, bridges, prompts, and what the
caller hears.

Times are taken loosely: these tests count packets and look at what is in them, so that a slow machine passes
too.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from offhook.simulators.asterisk import SimulatedAsterisk
from offhook.simulators.g711 import decode_alaw, encode_alaw, encode_ulaw, ulaw_level
from offhook.simulators.wav import read_wav, silence, tone, write_wav
from plain_ari import MediaPort, PlainAri

LONG = tone(500, 20)
SPEECH = tone(700, 0.4)
LOUD_FRAME = encode_ulaw(tone(900, 0.02))


@pytest_asyncio.fixture
async def asterisk() -> AsyncIterator[SimulatedAsterisk]:
    async with SimulatedAsterisk(sounds={"long": LONG}) as simulated:
        yield simulated


@pytest_asyncio.fixture
async def ari(asterisk: SimulatedAsterisk) -> AsyncIterator[PlainAri]:
    async with PlainAri(asterisk) as application:
        yield application


@pytest_asyncio.fixture
async def port() -> AsyncIterator[MediaPort]:
    async with MediaPort() as opened:
        yield opened


@pytest.mark.asyncio
async def test_bridged_external_media_carries_audio_both_ways(
    asterisk: SimulatedAsterisk, ari: PlainAri, port: MediaPort
) -> None:
    call = await asterisk.dial(answered=True)
    await ari.bridge(call.channel_id, await ari.external_media(port))
    call.play(SPEECH)
    await call.played()
    packets = await port.packets_after(25)

    assert {len(packet.payload) for packet in packets} == {160}
    assert {packet.payload_type for packet in packets} == {0}
    assert [packet.marker for packet in packets[:3]] == [True, False, False]
    first = packets[0]
    for number, packet in enumerate(packets):
        assert packet.sequence == (first.sequence + number) & 0xFFFF
        assert packet.timestamp == (first.timestamp + number * 160) & 0xFFFFFFFF
    assert b"".join(packet.payload for packet in port.loud()) == encode_ulaw(SPEECH)

    # Asterisk does not pace: a burst reaches the caller as a burst
    for _ in range(10):
        port.send(LOUD_FRAME)
    await call.wait_heard()
    await call.wait_quiet(0.1)
    assert [packet.ulaw for packet in call.packets] == [LOUD_FRAME] * 10


@pytest.mark.asyncio
async def test_a_prompt_on_a_bridged_channel_cuts_external_media_off(
    asterisk: SimulatedAsterisk, ari: PlainAri, port: MediaPort
) -> None:
    call = await asterisk.dial(answered=True)
    await ari.bridge(call.channel_id, await ari.external_media(port))
    await ari.do(f"POST /channels/{call.channel_id}/play/p", media="sound:long")
    await call.wait_heard()
    await asyncio.sleep(0.1)
    before = len(port.packets)
    call.play(SPEECH)
    port.send(LOUD_FRAME)
    await call.played()

    assert len(port.packets) == before
    assert LOUD_FRAME not in [packet.ulaw for packet in call.packets]
    await ari.do("DELETE /playbacks/p")
    await port.packets_after(before + 5)
    port.send(LOUD_FRAME)
    await call.wait_heard()
    assert call.packets[-1].ulaw == LOUD_FRAME


@pytest.mark.asyncio
async def test_snoop_and_two_external_media_hear_the_caller_alone_also_during_a_prompt(
    asterisk: SimulatedAsterisk, ari: PlainAri, port: MediaPort
) -> None:
    async with MediaPort() as speaking:
        call = await asterisk.dial(answered=True)
        await ari.bridge(await ari.snoop(call.channel_id), await ari.external_media(port))
        await ari.bridge(call.channel_id, await ari.external_media(speaking))
        await ari.do(f"POST /channels/{call.channel_id}/play/p", media="sound:long")
        await call.wait_heard()
        call.play(SPEECH)
        await call.played()
        await asyncio.sleep(0.1)
        assert b"".join(packet.payload for packet in port.loud()) == encode_ulaw(SPEECH)

        await ari.do("DELETE /playbacks/p")
        await ari.event("PlaybackFinished")
        sent = time.monotonic()
        speaking.send(LOUD_FRAME)
        await call.wait_heard(since=sent)
        await asyncio.sleep(0.1)
        assert len(port.loud()) == 20  # what we say does not come back to us
        assert port.packets[-1].at > sent


@pytest.mark.asyncio
async def test_a_snoop_gives_a_packet_each_20_ms_even_when_the_caller_sends_none(
    asterisk: SimulatedAsterisk, ari: PlainAri, port: MediaPort
) -> None:
    call = await asterisk.dial(answered=True, dtx=True)
    await ari.bridge(await ari.snoop(call.channel_id), await ari.external_media(port))
    async with MediaPort() as bridged:
        await ari.bridge(call.channel_id, await ari.external_media(bridged))
        packets = await port.packets_after(26)
        assert not bridged.packets

    assert packets[25].timestamp == (packets[0].timestamp + 25 * 160) & 0xFFFFFFFF
    assert 0.4 < packets[25].at - packets[0].at < 2.0


@pytest.mark.asyncio
async def test_a_prompt_on_the_bridge_is_mixed_into_what_everyone_hears(
    asterisk: SimulatedAsterisk, ari: PlainAri, port: MediaPort
) -> None:
    call = await asterisk.dial(answered=True)
    bridge = await ari.bridge(call.channel_id, await ari.external_media(port))
    await ari.do(f"POST /bridges/{bridge}/play/p", media="sound:long")
    await call.wait_heard()
    assert (await ari.do(f"GET /bridges/{bridge}"))["technology"] == "softmix"
    await port.packets_after(len(port.packets) + 3)
    prompt_alone = ulaw_level(port.packets[-1].payload)
    assert prompt_alone > 1000

    call.play(tone(500, 1, level=16000))
    await port.packets_after(len(port.packets) + 20)
    assert max(ulaw_level(packet.payload) for packet in port.packets[-10:]) > 1.2 * prompt_alone
    await ari.do("DELETE /playbacks/p")
    await ari.event("PlaybackFinished", playback="p")
    assert (await ari.do(f"GET /bridges/{bridge}"))["technology"] == "simple_bridge"


@pytest.mark.asyncio
async def test_a_whisper_is_heard_only_while_other_audio_runs(
    asterisk: SimulatedAsterisk, ari: PlainAri, port: MediaPort
) -> None:
    call = await asterisk.dial(answered=True)
    await ari.bridge(await ari.snoop(call.channel_id, whisper="out"), await ari.external_media(port))
    port.send(LOUD_FRAME)
    await port.packets_after(10)
    assert not call.packets

    await ari.do(f"POST /channels/{call.channel_id}/play", media="sound:silence/1")
    await port.speak(LOUD_FRAME * 5)
    await call.wait_quiet(0.1)
    assert LOUD_FRAME in [packet.ulaw for packet in call.packets]


@pytest.mark.asyncio
async def test_a_law(asterisk: SimulatedAsterisk, ari: PlainAri, port: MediaPort) -> None:
    call = await asterisk.dial(answered=True)
    await ari.bridge(call.channel_id, await ari.external_media(port, "alaw"))
    call.play(SPEECH)
    await call.played()
    await port.packets_after(25)
    assert {packet.payload_type for packet in port.packets} == {8}
    heard = b"".join(decode_alaw(packet.payload) for packet in port.packets)
    assert ulaw_level(encode_ulaw(heard)) > 1000

    port.send(LOUD_FRAME)  # the wrong payload type is dropped
    port.send(encode_alaw(tone(900, 0.02)), payload_type=8)
    await call.wait_heard()
    assert len(call.packets) == 1


@pytest.mark.asyncio
async def test_a_stranger_has_to_send_for_a_while_before_it_is_heard(
    asterisk: SimulatedAsterisk, ari: PlainAri, port: MediaPort
) -> None:
    call = await asterisk.dial(answered=True)
    await ari.bridge(call.channel_id, await ari.external_media(port))
    async with MediaPort() as stranger:
        stranger.asterisk = port.asterisk
        await stranger.speak(LOUD_FRAME * 10)
    await call.wait_quiet(0.1)

    assert len(call.packets) == 6


@pytest.mark.asyncio
async def test_the_recording_is_in_time_from_the_answer(
    asterisk: SimulatedAsterisk, ari: PlainAri, port: MediaPort, tmp_path: Path
) -> None:
    call = await asterisk.dial(answered=True)
    await ari.bridge(call.channel_id, await ari.external_media(port))
    answered = await call.answered()
    await asyncio.sleep(0.3)
    port.send(LOUD_FRAME)
    first = await call.wait_heard()
    await asyncio.sleep(0.3)
    port.send(LOUD_FRAME)
    second = await call.wait_heard()
    await call.hangup()
    call.save(tmp_path / "heard.wav")

    heard = encode_ulaw(read_wav(tmp_path / "heard.wav"))
    for at in (first, second):
        position = round((at - answered) * 8000)
        assert heard[position : position + 160] == LOUD_FRAME
    assert ulaw_level(heard[: round((first - answered) * 8000)]) == 0
    assert call.ended_at is not None
    assert abs(len(heard) / 8000 - (call.ended_at - answered)) < 0.03


@pytest.mark.asyncio
async def test_early_media_reaches_the_caller_before_the_answer(
    asterisk: SimulatedAsterisk, ari: PlainAri
) -> None:
    call = await asterisk.dial()
    await ari.do(f"POST /channels/{call.channel_id}/play", media="sound:hello-world")
    await ari.event("PlaybackFinished")

    assert call.answered_at is None
    assert len(call.loud_times()) == 30  # the 0.6 s of the built-in sound


@pytest.mark.asyncio
async def test_a_wav_file_is_spoken_after_what_is_being_said(
    asterisk: SimulatedAsterisk, ari: PlainAri, port: MediaPort, tmp_path: Path
) -> None:
    write_wav(tmp_path / "wide.wav", tone(600, 0.2, rate=24000), rate=24000)
    call = await asterisk.dial(answered=True)
    await ari.bridge(await ari.snoop(call.channel_id), await ari.external_media(port))
    call.play(SPEECH + silence(0.1))
    call.play(tmp_path / "wide.wav")
    await call.played()
    await asyncio.sleep(0.1)

    loud = port.loud()
    assert len(loud) == 30
    gap = (loud[20].timestamp - loud[19].timestamp) & 0xFFFFFFFF
    assert gap == 6 * 160  # the 0.1 s of silence between


@pytest.mark.asyncio
async def test_a_caller_can_stop_speaking(
    asterisk: SimulatedAsterisk, ari: PlainAri, port: MediaPort
) -> None:
    call = await asterisk.dial(answered=True)
    await ari.bridge(call.channel_id, await ari.external_media(port))
    call.play(tone(700, 10))
    await port.packets_after(10)
    call.stop_speaking()
    await call.played()

    before = len(port.packets)
    packets = await port.packets_after(before + 5)
    assert all(ulaw_level(packet.payload) == 0 for packet in packets[before + 1 :])


@pytest.mark.asyncio
async def test_waiting_ends_with_the_call(asterisk: SimulatedAsterisk, ari: PlainAri) -> None:
    call = await asterisk.dial(answered=True)
    waiting = asyncio.create_task(call.wait_heard())
    await asyncio.sleep(0)
    await ari.do(f"DELETE /channels/{call.channel_id}")

    with pytest.raises(ConnectionError):
        await waiting
    with pytest.raises(ConnectionError):
        await call.wait_heard()

"""The test bench itself, without Offhook: what a caller sends arrives, and what Asterisk does is seen."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from pathlib import Path

import pytest

from asterisk import lab as bench
from asterisk.caller_audio import CallEndedError, CallerAudio
from asterisk.lab import Lab, LabError
from asterisk.rtp_packet import CODECS, ULAW
from asterisk.sip_caller import SipCaller
from offhook.simulators import wav

RESULT_VARIABLES = (
    *("RECOG_STATUS", "RECOG_COMPLETION_CAUSE", "FINAL_TRANSCRIPTION", "DTMF_RESULT"),
    *("RECOGNITION_ERROR", "OFFHOOK_END_CAUSE", "OFFHOOK_CALL_ID"),
)


def noise(seconds: float, seed: int = 1) -> bytes:
    """Loud PCM in which no two packets are alike, so that a lost, doubled or moved one shows."""
    dice = random.Random(seed)
    return b"".join(
        dice.randint(-8000, 8000).to_bytes(2, "little", signed=True) for _ in range(int(seconds * 8000))
    )


def heard_bytes(caller: SipCaller) -> bytes:
    """The heard G.711 bytes, each packet in its place by the sequence number."""
    packets = caller.audio_heard()
    first = packets[0].sequence
    return b"".join(p.payload for p in sorted(packets, key=lambda p: (p.sequence - first + 0x8000) & 0xFFFF))


@pytest.mark.asyncio
@pytest.mark.parametrize("law", ["ulaw", "alaw"])
async def test_what_the_caller_says_to_the_echo_comes_back_complete(asterisk: Lab, law: str) -> None:
    said = noise(2.0)
    async with SipCaller(asterisk.sip_address, "600", codecs=(law,)) as caller:
        assert await caller.call() == 200
        assert await caller.play(said)
        await caller.wait_quiet(0.2)
        await caller.hang_up()
    assert CODECS[law].encode(said) in heard_bytes(caller)
    assert caller.lost() == 0
    assert caller.ended_by == "caller"


@pytest.mark.asyncio
async def test_the_caller_speaks_the_codec_that_asterisk_chose(asterisk: Lab) -> None:
    said = noise(0.5)
    async with SipCaller(asterisk.sip_address, "600", codecs=("alaw", "ulaw")) as caller:
        await caller.call()
        assert await caller.play(said)
        await caller.wait_quiet(0.2)
    assert {packet.payload_type for packet in caller.heard} == {0}
    assert CODECS["ulaw"].encode(said) in heard_bytes(caller)


@pytest.mark.asyncio
async def test_twenty_callers_at_once_each_hear_their_own_words(asterisk: Lab) -> None:
    async def one(seed: int) -> bool:
        said = noise(1.0, seed)
        async with SipCaller(asterisk.sip_address, "600") as caller:
            assert await caller.call() == 200
            assert await caller.play(said)
            await caller.wait_quiet(0.2)
        return CODECS["ulaw"].encode(said) in heard_bytes(caller)

    assert all(await asyncio.gather(*(one(seed) for seed in range(20))))


@pytest.mark.asyncio
@pytest.mark.parametrize("way", ["RFC 4733", "INFO"])
async def test_digits_reach_the_dialplan(asterisk: Lab, way: str) -> None:
    async with SipCaller(asterisk.sip_address, "603") as caller:
        assert await caller.call() == 200
        if way == "INFO":
            await caller.press_info("4071*#")
        else:
            await caller.press("4071*#")
        await caller.wait_ended()
    result = await asterisk.result(caller.number)
    assert (result["DTMF_RESULT"], result["STASISSTATUS"]) == ("4071*", None)
    assert caller.ended_by == "asterisk"


@pytest.mark.asyncio
async def test_a_digit_goes_out_as_rfc_4733_says() -> None:
    """Asterisk forgives much of this, and other tests would not show it (needs no Asterisk)."""
    sender, listener = CallerAudio(ULAW), CallerAudio(ULAW)
    for telephone in (sender, listener):
        telephone.open_audio("127.0.0.1")
    sender.connect_audio(("127.0.0.1", listener.audio_port), ULAW.payload_type)
    await sender.press("#", on_ms=60)
    await listener.wait_packet(
        lambda packet: packet.payload_type == ULAW.payload_type
    )  # the pause after the key
    sender.close_audio()
    listener.close_audio()
    events = [packet for packet in listener.heard if packet.payload_type == 101]
    assert {packet.payload[0] for packet in events} == {11}
    assert [packet.marker for packet in events] == [True, False, False, False, False]
    assert len({packet.timestamp for packet in events}) == 1
    fields = [(packet.payload[1] >> 7, int.from_bytes(packet.payload[2:], "big")) for packet in events]
    assert fields == [(0, 160), (0, 320), (1, 480), (1, 480), (1, 480)], "end bit and duration"


@pytest.mark.asyncio
@pytest.mark.parametrize("extension", ["7000", "7003", "7004"])
async def test_variables_of_the_caller_reach_the_dialplan_as_they_are(asterisk: Lab, extension: str) -> None:
    sent = {
        "FINAL_TRANSCRIPTION": "Grüße, 50 % & \"mehr\"; a=b\nzweite Zeile ${EXTEN} 'x' \\ |",
        "DTMF_RESULT": "12#*",
        "RECOGNITION_ERROR": "",
        "RECOG_COMPLETION_CAUSE": "ü" * 550,  # encoded, more than Asterisk expands at once
    }
    async with SipCaller(asterisk.sip_address, extension, variables=sent) as caller:
        await caller.call()
        await caller.wait_ended()
    for phase in ("stasis", "hangup"):
        result = await asterisk.result(caller.number, phase)
        assert {name: result[name] for name in sent} == sent
        assert result["OFFHOOK_CALL_ID"] is None, "set by nobody, and not the same as empty"
        assert result.extension == extension
        assert result["STASISSTATUS"] == "FAILED", "no application serves these calls"
        assert set(RESULT_VARIABLES) <= set(result.variables)


@pytest.mark.asyncio
async def test_7000_is_not_answered_by_the_dialplan(asterisk: Lab) -> None:
    async with SipCaller(asterisk.sip_address, "7000") as caller:
        assert await caller.call() >= 400
    assert caller.ended_by == "rejected"
    assert not caller.answered.is_set()


@pytest.mark.asyncio
async def test_7003_is_answered_and_7004_speaks_again_after_the_application(asterisk: Lab) -> None:
    async with SipCaller(asterisk.sip_address, "7003") as caller:
        assert await caller.call() == 200
        await caller.wait_ended()
    assert not any(packet.is_loud for packet in caller.heard)
    async with SipCaller(asterisk.sip_address, "7004") as caller:
        assert await caller.call() == 200
        await caller.wait_heard(since=caller.answered_at)


@pytest.mark.asyncio
async def test_a_prompt_is_heard_until_it_ends_and_asterisk_hangs_up(asterisk: Lab, tmp_path: Path) -> None:
    async with SipCaller(asterisk.sip_address, "601") as caller:
        assert await caller.call() == 200
        assert caller.answered_at is not None
        began = await caller.wait_heard()
        with pytest.raises(CallEndedError):
            await caller.wait_quiet(10)
    assert caller.ended_by == "asterisk"
    assert caller.ended_at is not None
    assert caller.answered_at <= began < caller.ended_at
    caller.save(tmp_path / "heard.wav")
    assert 1.0 < len(wav.read_wav(tmp_path / "heard.wav")) / 2 / 8000 < 3.0


@pytest.mark.asyncio
async def test_a_caller_who_gives_up_while_it_rings_leaves_nothing(asterisk: Lab) -> None:
    async with SipCaller(asterisk.sip_address, "604") as caller:
        calling = asyncio.create_task(caller.call())
        await caller.rang.wait()
        await caller.cancel()
        assert await calling == 487
    assert caller.ended_by == "caller"
    result = await asterisk.result(caller.number, "hangup")
    assert (result.extension, result["HANGUPCAUSE"]) == ("604", "127")


@pytest.mark.asyncio
async def test_speech_that_is_cut_off_says_so(asterisk: Lab) -> None:
    async with SipCaller(asterisk.sip_address, "600") as caller:
        await caller.call()
        speaking = asyncio.create_task(caller.play(noise(30.0)))
        await caller.wait_heard()
        caller.stop_playing()
        assert await speaking is False
        await caller.wait_quiet(0.2)
        speaking = asyncio.create_task(caller.play(noise(30.0)))
        await caller.wait_heard()
        await caller.hang_up()
        assert await speaking is False


@pytest.mark.asyncio
async def test_nobody_speaks_or_presses_keys_after_the_end(asterisk: Lab) -> None:
    async with SipCaller(asterisk.sip_address, "600") as caller:
        await caller.call()
        pressing = asyncio.create_task(caller.press("0123456789"))
        await caller.wait_packet(lambda _: True)
        await caller.hang_up()
        with pytest.raises(CallEndedError, match="digits '0123456789'"):
            await pressing
        assert await caller.play(noise(1.0)) is False
        with pytest.raises(CallEndedError, match="last 1 of the digits '7'"):
            await caller.press("7")


@pytest.mark.asyncio
async def test_the_caller_knows_when_each_packet_went_out(asterisk: Lab) -> None:
    async with SipCaller(asterisk.sip_address, "600") as caller:
        await caller.call()
        assert await caller.play(noise(1.0))
        await caller.wait_quiet(0.2)
    spoken = [packet for packet in caller.sent if packet.is_loud]
    assert len(spoken) == 50
    assert (spoken[0].at, spoken[-1].at) == (caller.speech_started, caller.speech_ended)
    echoes = {packet.payload: packet.at for packet in caller.heard}
    assert all(packet.at <= echoes[packet.payload] for packet in spoken), "the echo comes later"


@pytest.mark.asyncio
async def test_channels_and_bridges_that_are_left_are_seen_and_cleared(asterisk: Lab) -> None:
    assert asterisk.leftovers() == []
    async with SipCaller(asterisk.sip_address, "600") as caller:
        await caller.call()
        asterisk.ari("POST", "/bridges?type=mixing&bridgeId=forgotten")
        assert [channel["caller"]["number"] for channel in asterisk.channels()] == [caller.number]
        assert [bridge["id"] for bridge in asterisk.bridges()] == ["forgotten"]
        with pytest.raises(LabError, match=r"still has: channel PJSIP/callers-.*, bridge forgotten"):
            await asterisk.wait_clear(timeout_seconds=0)
        asterisk.clear()
        await asterisk.wait_clear()
        await caller.wait_ended()
    assert caller.ended_by == "asterisk"


@pytest.mark.asyncio
async def test_two_labs_run_side_by_side(asterisk: Lab, asterisk_root: Path, tmp_path: Path) -> None:
    with Lab(tmp_path / "other", root=asterisk_root) as other:
        async with SipCaller(other.sip_address, "600") as caller:
            assert await caller.call() == 200
            # Asterisk may list a channel twice while it changes.
            assert len({channel["id"] for channel in other.channels()}) == 1
            assert asterisk.channels() == []
            installed = (asterisk_root / bench.STAMP).read_text().strip()
            assert other.cli("core show version").startswith(f"{installed} ")
        await other.result(caller.number, "hangup")
        assert asterisk.results(caller.number) == []


@pytest.mark.asyncio
async def test_a_lab_comes_back_at_the_same_address(asterisk_root: Path, tmp_path: Path) -> None:
    with Lab(tmp_path / "lab", root=asterisk_root) as own:
        before = own.ari_url, own.sip_address, own.environment
        own.stop()
        assert not own.is_running
        with contextlib.suppress(OSError):
            own.channels()
            pytest.fail("ARI answers after stop()")
        own.start()
        assert (own.ari_url, own.sip_address, own.environment) == before
        async with SipCaller(own.sip_address, "600") as caller:
            assert await caller.call() == 200


def test_a_lab_whose_port_is_taken_meanwhile_takes_another(
    asterisk_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lab(tmp_path / "first", root=asterisk_root) as first:
        offered = iter([first.ari_port, bench.free_port(socket.SOCK_DGRAM)])
        choose = bench.free_port
        monkeypatch.setattr(bench, "free_port", lambda kind: next(offered, 0) or choose(kind))
        with Lab(tmp_path / "second", root=asterisk_root) as second:
            assert second.ari_port != first.ari_port
            assert second.channels() == []


def test_a_lab_without_an_installed_asterisk_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="run scripts/install-asterisk"):
        Lab(tmp_path / "lab", root=tmp_path).start()


def test_a_lab_that_cannot_start_shows_what_asterisk_said(asterisk_root: Path, tmp_path: Path) -> None:
    own = Lab(tmp_path / "lab", root=asterisk_root)
    with Lab(tmp_path / "first", root=asterisk_root) as first:
        own.ari_port, own.sip_port = first.ari_port, first.sip_port
        with pytest.raises(LabError, match=r"reported an error at its start(.|\n)*ERROR"):
            own.start()
    assert not own.is_running

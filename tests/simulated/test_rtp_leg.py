"""One RTP leg against a peer on the loopback."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from offhook.media import PCM24, PCMU, CallAudio, Pacer, RtpLeg, RtpPacket, build_rtp, parse_rtp
from offhook.media.rtp import FLOOD


def udp() -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.setblocking(False)
    bound.bind(("127.0.0.1", 0))
    return bound


async def until(true: Callable[[], bool]) -> None:
    """Wait for what a packet on the loopback brings about; the test's own time limit ends a vain wait."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - what is waited for is a socket's, and has no event
            await asyncio.sleep(0.001)


class Peer:
    """Asterisk's end: a plain socket that sends numbered packets."""

    def __init__(self) -> None:
        self.socket = udp()
        self.address: tuple[str, int] = self.socket.getsockname()
        self.heard: list[tuple[RtpPacket, tuple[str, int]]] = []

    def say(self, leg: RtpLeg, *numbers: int, payload_type: int = 0, ssrc: int = 1) -> None:
        for n in numbers:
            data = build_rtp(
                bytes([n]) * 160, payload_type=payload_type, sequence=n, timestamp=n * 160, ssrc=ssrc
            )
            self.socket.sendto(data, leg.local_address)

    def hear(self) -> list[tuple[RtpPacket, tuple[str, int]]]:
        """All that has come so far."""
        while True:
            try:
                data, source = self.socket.recvfrom(2048)
            except BlockingIOError:
                return self.heard
            packet = parse_rtp(data)
            assert packet is not None
            self.heard.append((packet, source))


class Line:
    """A leg that is listened to, and its peer."""

    def __init__(self) -> None:
        self.closed: list[socket.socket] = []
        self.peer = Peer()
        self.bound = udp()
        self.leg = RtpLeg(self.bound, PCMU, call_id="call-1", on_close=self.closed.append)
        self.heard: list[bytes] = []

    def numbers(self) -> list[int]:
        """The packets heard; silence, of which a slow machine makes more, is left out."""
        return [piece[0] for piece in self.heard if piece[0] != 0xFF]

    def connect(self) -> None:
        self.leg.listen(self.heard.append)
        self.leg.set_remote(self.peer.address)


@pytest_asyncio.fixture
async def line() -> AsyncIterator[Line]:
    line = Line()
    yield line
    line.leg.close()
    line.peer.socket.close()


@pytest.mark.asyncio
async def test_the_peers_audio_is_heard_in_order(line: Line) -> None:
    line.connect()
    line.peer.say(line.leg, 1, 3, 2, 2, 4)
    await until(lambda: len(line.numbers()) == 4)
    assert line.numbers() == [1, 2, 3, 4]
    assert line.leg.counts.received == 5
    assert (line.leg.jitter_counts.duplicates, line.leg.jitter_counts.reordered) == (1, 1)


@pytest.mark.asyncio
async def test_a_stranger_is_not_heard_but_counted_and_named_once(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = Peer()
    line.connect()
    with caplog.at_level(logging.WARNING, "offhook.media"):
        stranger.say(line.leg, 1, 2)
        line.peer.say(line.leg, 7)
        await until(lambda: line.numbers() == [7] and line.leg.counts.strangers == 2)
    stranger.socket.close()
    assert len(caplog.records) == 1
    assert f"port {stranger.address[1]} is ignored" in caplog.text
    assert str(line.peer.address[1]) in caplog.text
    assert caplog.records[0].__dict__["call_id"] == "call-1"


@pytest.mark.asyncio
async def test_a_flood_of_strangers_takes_no_word_of_the_peer(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = Peer()
    line.connect()
    for number in range(FLOOD):
        stranger.socket.sendto(bytes(1000), line.leg.local_address)
        await until(lambda: line.leg.counts.strangers > number)  # noqa: B023
    for number in range(1, 101):
        for _ in range(500):  # more than the system's buffer holds
            stranger.socket.sendto(bytes(1000), line.leg.local_address)
        line.peer.say(line.leg, number)
    await until(lambda: len(line.numbers()) == 100)
    assert line.numbers() == list(range(1, 101))
    assert line.leg.counts.strangers == FLOOD
    assert line.leg.send(bytes(160), 0), "the peer is spoken to as before"
    await until(lambda: len(line.peer.hear()) == 1)
    stranger.socket.close()
    assert "the system drops what more they send" in caplog.text


@pytest.mark.asyncio
async def test_early_words_are_heard_once_the_peer_is_known_and_early_strangers_are_not(line: Line) -> None:
    stranger = Peer()
    line.leg.listen(line.heard.append)
    line.peer.say(line.leg, *range(1, 8))
    stranger.say(line.leg, 90, 91)
    line.peer.say(line.leg, 8, 9, 10)
    for _ in range(5):
        await asyncio.sleep(0)
    assert line.heard == []
    line.leg.set_remote(line.peer.address)
    await until(lambda: len(line.numbers()) == 10)
    line.peer.say(line.leg, 11)
    await until(lambda: len(line.numbers()) == 11)
    assert line.numbers() == list(range(1, 12))
    assert line.leg.counts.strangers == 2
    stranger.socket.close()


@pytest.mark.asyncio
async def test_what_is_not_the_calls_audio_is_left_out(line: Line) -> None:
    line.connect()
    line.peer.socket.sendto(b"", line.leg.local_address)
    line.peer.socket.sendto(b"not RTP at all, but long enough", line.leg.local_address)
    line.peer.socket.sendto(struct.pack("!BBHI", 0x80, 200, 6, 1) + bytes(20), line.leg.local_address)
    line.peer.say(line.leg, 1, payload_type=8)
    line.peer.say(line.leg, 2)
    await until(lambda: line.numbers() == [2])
    assert (line.leg.counts.malformed, line.leg.counts.rtcp) == (2, 1)
    assert line.leg.jitter_counts.wrong_type == 1


@pytest.mark.asyncio
async def test_a_lost_packet_is_given_up_though_nothing_more_comes(line: Line) -> None:
    line.connect()
    line.peer.say(line.leg, 1, 3)
    await until(lambda: len(line.heard) >= 3)
    assert line.heard[:3] == [b"\x01" * 160, b"\xff" * 160, b"\x03" * 160]


@pytest.mark.asyncio
async def test_and_soon() -> None:
    """The window's 60 ms, not the 300 ms of a pause; a busy machine may need a second try."""
    times: list[float] = []
    while len(times) < 20 and (not times or times[-1] >= 0.2):
        line = Line()
        line.connect()
        line.peer.say(line.leg, 1, 3)
        start = asyncio.get_running_loop().time()
        await until(lambda heard=line.numbers: 3 in heard())  # type: ignore[misc]
        times.append(asyncio.get_running_loop().time() - start)
        line.leg.close()
        line.peer.socket.close()
    assert times[-1] < 0.2


@pytest.mark.asyncio
async def test_a_pause_is_filled_by_the_clock(line: Line) -> None:
    line.connect()
    line.peer.say(line.leg, 1)
    await until(lambda: len(line.heard) >= 3)
    assert len(line.heard[1]) >= 300 * 8
    assert set(line.heard[1] + line.heard[2]) == {0xFF}


@pytest.mark.asyncio
async def test_frames_are_sent_from_the_same_port_numbered_and_marked(line: Line) -> None:
    line.connect()
    assert line.leg.remote == line.peer.address
    for at_ms in (0, 20, 500):
        assert line.leg.send(bytes([at_ms % 250]) * 160, at_ms)
    await until(lambda: len(line.peer.hear()) == 3)
    packets = line.peer.heard
    assert {source for _, source in packets} == {line.leg.local_address}
    first = packets[0][0]
    assert [p.marker for p, _ in packets] == [True, False, True]
    assert [(p.timestamp - first.timestamp) & 0xFFFFFFFF for p, _ in packets] == [0, 160, 4000]
    assert [p.payload[0] for p, _ in packets] == [0, 20, 0]
    assert {p.payload_type for p, _ in packets} == {0}
    assert line.leg.counts.sent == 3


@pytest.mark.asyncio
async def test_before_the_peer_is_known_nothing_can_be_sent(line: Line) -> None:
    assert not line.leg.send(bytes(160), 0)
    assert line.leg.counts.unsent == 1


@pytest.mark.asyncio
async def test_a_peer_that_is_not_there_yet_kills_nothing(line: Line) -> None:
    """The system may report its ICMP answers as errors of our next call."""
    line.leg.listen(line.heard.append)
    gone = Peer()
    gone.socket.close()
    line.leg.set_remote(gone.address)
    for at_ms in range(0, 100, 20):
        line.leg.send(bytes(160), at_ms)
        await asyncio.sleep(0)
    line.leg.set_remote(line.peer.address)
    line.peer.say(line.leg, 1)
    await until(lambda: line.numbers() == [1])
    assert line.leg.send(bytes(160), 200)


class FailingSocket(socket.socket):
    """A socket on which every other call fails, as with ICMP errors or a full buffer."""

    error: OSError = ConnectionRefusedError(111, "Connection refused")
    calls = 0

    def recvfrom(self, *args: int) -> tuple[bytes, tuple[str, int]]:
        self.calls += 1
        if self.calls % 2:
            raise self.error
        return super().recvfrom(*args)

    def sendto(self, *args: object) -> int:
        self.calls += 1
        if self.calls % 2:
            raise self.error
        return super().sendto(*args)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(111, "Connection refused"), OSError(101, "Network is unreachable")]
)
@pytest.mark.asyncio
async def test_an_error_of_the_socket_kills_nothing(error: OSError, caplog: pytest.LogCaptureFixture) -> None:
    failing = FailingSocket(socket.AF_INET, socket.SOCK_DGRAM)
    failing.error = error
    failing.setblocking(False)
    failing.bind(("127.0.0.1", 0))
    peer, heard = Peer(), list[bytes]()
    leg = RtpLeg(failing, PCMU)
    leg.listen(heard.append)
    leg.set_remote(peer.address)
    peer.say(leg, 1, 2, 3)
    await until(lambda: len(heard) == 3)
    failing.calls = 0
    assert [leg.send(bytes(160), at_ms) for at_ms in (0, 20, 40, 60)] == [False, True, False, True]
    assert (leg.counts.sent, leg.counts.unsent) == (2, 2)
    assert len(caplog.records) == 1, "told once"
    leg.close()
    peer.socket.close()


@pytest.mark.asyncio
async def test_close_is_prompt_final_and_gives_the_socket_back_once(line: Line) -> None:
    line.connect()
    line.peer.say(line.leg, 1)
    await until(lambda: line.numbers() == [1])
    line.peer.say(line.leg, 2, 3)
    line.leg.close()
    line.leg.close()
    assert len(line.closed) == 1
    assert line.closed[0].fileno() == -1
    await asyncio.sleep(0.01)
    assert line.numbers() == [1]
    assert not line.leg.send(bytes(160), 0)
    line.leg.listen(None)


@pytest.mark.asyncio
async def test_the_next_call_gets_the_closed_ones_place(line: Line) -> None:
    """The system gives a new socket the number of the one just closed; the loop must have forgotten that."""
    line.connect()
    number = line.bound.fileno()
    line.leg.close()
    again = udp()
    assert again.fileno() == number
    leg = RtpLeg(again, PCMU)
    leg.listen(line.heard.append)
    leg.set_remote(line.peer.address)
    line.peer.say(leg, 5)
    await until(lambda: line.numbers() == [5])
    leg.close()


@pytest.mark.asyncio
async def test_it_may_be_closed_by_what_it_hands_on(line: Line) -> None:
    def end(piece: bytes) -> None:
        line.heard.append(piece)
        line.leg.close()

    line.leg.listen(end)
    line.peer.say(line.leg, 1, 2, 3)
    line.leg.set_remote(line.peer.address)
    await until(lambda: bool(line.heard))
    await asyncio.sleep(0.01)
    assert line.numbers() == [1]


@pytest.mark.asyncio
async def test_another_listener_takes_over_without_a_gap(line: Line) -> None:
    line.connect()
    line.peer.say(line.leg, 1)
    await until(lambda: line.numbers() == [1])
    others: list[bytes] = []
    line.leg.listen(others.append)
    line.peer.say(line.leg, 1, 2)
    await until(lambda: bytes([2]) * 160 in others)
    assert line.numbers() == [1]
    assert bytes([1]) * 160 not in others, "the window remembers what was heard"


@pytest.mark.parametrize("address", [("asterisk.example", 4000), ("", 4000), ("::1", 4000), ("127.0.0.1", 0)])
@pytest.mark.asyncio
async def test_an_address_that_cannot_be_used_is_named(line: Line, address: tuple[str, int]) -> None:
    with pytest.raises(ValueError, match="UNICASTRTP_LOCAL_ADDRESS") as caught:
        line.leg.set_remote(address)
    assert repr(address[0]) in str(caught.value)
    assert line.leg.remote is None


@pytest.mark.asyncio
async def test_a_format_that_does_not_travel_by_rtp_is_refused() -> None:
    bound = udp()
    with pytest.raises(ValueError, match="audio/pcm"):
        RtpLeg(bound, PCM24)
    bound.close()


@pytest.mark.asyncio
async def test_a_call_talks_and_listens_over_one_leg(line: Line) -> None:
    """Everything together: what the caller says reaches the sink, what the model says reaches the caller."""
    pacer = Pacer()
    heard: list[bytes] = []
    played: list[tuple[str, int]] = []
    audio = CallAudio(
        line.leg, line.leg, PCMU, heard.append, pacer, on_played=lambda item, ms: played.append((item, ms))
    )
    line.leg.set_remote(line.peer.address)
    audio.set_gate("buffer")
    line.peer.say(line.leg, 1, 2)
    await until(lambda: audio.gate.kept_bytes >= 320)
    said = bytes(n % 251 for n in range(1000))
    audio.add("r", "a", said)
    audio.finish("a")
    audio.set_gate("open")
    line.peer.say(line.leg, 3)
    await until(lambda: played == [("a", 125)])
    await until(lambda: len(line.peer.hear()) == 7)
    assert b"".join(p.payload for p, _ in line.peer.heard) == said + b"\xff" * 120
    await until(lambda: b"\x03" * 160 in b"".join(heard))
    assert b"".join(heard).startswith(b"\x01" * 160 + b"\x02" * 160)
    audio.close()
    pacer.close()
    assert len(line.closed) == 1

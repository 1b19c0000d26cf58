"""The window that orders packets. The tables are lists of packet numbers, one packet every 20 ms.

In what is heard a number is a packet's audio and `-40` is 40 ms of silence.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.media import PCM24, PCMA, PCMU, AudioFormat, JitterWindow, RtpPacket
from offhook.media.jitter import PAUSE_SECONDS, WINDOW_SECONDS

SSRC = 0xC0FFEE


class Sent(NamedTuple):
    """A packet that is not the plain one of its number."""

    number: int
    late_ms: int = 0
    """How much further its timestamp is than its number says."""
    ssrc: int = SSRC
    payload_type: int = 0
    shift: int = 0
    """How much further its sequence number is than its number says."""


class Ear:
    """A window, and what comes out of it."""

    def __init__(
        self, audio_format: AudioFormat = PCMU, first_sequence: int = 0, first_timestamp: int = 0
    ) -> None:
        self.pieces: list[bytes] = []
        self.now = 0.0
        self._first_sequence, self._first_timestamp = first_sequence, first_timestamp
        self.window = JitterWindow(self.pieces.append, audio_format)

    def take(self, *packets: int | Sent, every: float = 0.020) -> None:
        for packet in packets:
            sent = packet if isinstance(packet, Sent) else Sent(packet)
            self.window.push(
                RtpPacket(
                    sent.payload_type,
                    False,
                    (self._first_sequence + sent.number + sent.shift) & 0xFFFF,
                    (self._first_timestamp + sent.number * 160 + sent.late_ms * 8) & 0xFFFFFFFF,
                    sent.ssrc,
                    sent.number.to_bytes(2, "big") * 80,
                ),
                self.now,
            )
            self.now += every

    @property
    def heard(self) -> list[int]:
        return [
            -len(piece) // 8 if set(piece) == {0xFF} else int.from_bytes(piece[:2], "big")
            for piece in self.pieces
        ]


@pytest.mark.parametrize(
    ("what", "arrived", "heard"),
    [
        ("in order", [1, 2, 3], [1, 2, 3]),
        ("two swapped", [1, 3, 2, 4], [1, 2, 3, 4]),
        ("three turned round", [1, 4, 3, 2, 5], [1, 2, 3, 4, 5]),
        ("as late as the window is wide", [1, 3, 4, 5, 2, 6], [1, 2, 3, 4, 5, 6]),
        ("a duplicate", [1, 2, 2, 3], [1, 2, 3]),
        ("a duplicate of one that waits", [1, 3, 3, 2, 4], [1, 2, 3, 4]),
        ("an old one again", [1, 2, 3, 1, 4], [1, 2, 3, 4]),
        ("one lost", [1, 3, 4, 5, 6, 7], [1, -20, 3, 4, 5, 6, 7]),
        ("one later than the window", [1, 3, 4, 5, 6, 2, 7], [1, -20, 3, 4, 5, 6, 7]),
        ("three lost", [1, 5, 6, 7, 8, 9], [1, -60, 5, 6, 7, 8, 9]),
        ("two losses", [1, 3, 5, 6, 7, 8, 9], [1, -20, 3, -20, 5, 6, 7, 8, 9]),
        ("before the first", [5, 4, 6], [5, 6]),
    ],
)
@pytest.mark.parametrize("first", [0, 0xFFFD], ids=["", "wrap"])
def test_the_order_of_packets(what: str, arrived: list[int], heard: list[int], first: int) -> None:
    ear = Ear(first_sequence=first, first_timestamp=first and 0xFFFFFF00)
    ear.take(*arrived)
    assert ear.heard == heard, what


def test_a_packet_in_order_waits_for_nothing() -> None:
    ear = Ear()
    for number in range(1, 5):
        ear.take(number)
        assert ear.heard[-1] == number


@pytest.mark.parametrize(
    ("what", "arrived", "heard"),
    [
        ("a pause", [1, Sent(2, late_ms=100), Sent(3, late_ms=100)], [1, -100, 2, 3]),
        ("a pause of a second", [1, Sent(2, late_ms=1000)], [1, -1000, 2]),
        ("a clock that leaps", [1, Sent(2, late_ms=1001), Sent(3, late_ms=1001)], [1, 2, 3]),
        ("a clock that leaps back", [1, Sent(2, late_ms=-90_000), Sent(3, late_ms=-90_000)], [1, 2, 3]),
        ("a packet lost in a pause", [1, *(Sent(n, late_ms=60) for n in (3, 4, 5, 6))], [1, -80, 3, 4, 5, 6]),
        ("another SSRC", [1, 2, Sent(90, ssrc=7), Sent(91, ssrc=7)], [1, 2, 90, 91]),
        ("another SSRC while some wait", [1, 3, Sent(90, ssrc=7)], [1, -20, 3, 90]),
        ("the sequence leaps ahead", [1, 2, Sent(3, shift=500), Sent(4, shift=500)], [1, 2, 3, 4]),
        ("the sequence leaps back", [1, 2, Sent(3, shift=-500), Sent(4, shift=-500)], [1, 2, 3, 4]),
    ],
)
def test_pauses_and_changes_of_the_sender(what: str, arrived: list[int | Sent], heard: list[int]) -> None:
    ear = Ear()
    ear.take(*arrived)
    assert ear.heard == heard, what


def test_another_payload_type_is_dropped_counted_and_not_waited_for() -> None:
    ear = Ear()
    ear.take(1, Sent(2, payload_type=13), 3, Sent(4, payload_type=101, ssrc=5), 4)
    assert ear.heard == [1, -20, 3, 4], "its time is filled"
    assert ear.window.counts.wrong_type == 2
    assert ear.window.counts.lost == 0


def test_nothing_but_another_payload_type_is_nothing() -> None:
    ear = Ear()
    ear.take(Sent(1, payload_type=8), Sent(2, payload_type=8))
    assert ear.heard == []
    assert ear.window.deadline is None


def test_a_packet_waits_no_longer_than_the_window() -> None:
    ear = Ear()
    ear.take(1)
    ear.take(3)  # at 0.020
    assert ear.window.holding
    assert ear.window.deadline == pytest.approx(0.020 + WINDOW_SECONDS)
    ear.window.expire(0.079)
    assert ear.heard == [1]
    ear.window.expire(0.081)
    assert ear.heard == [1, -20, 3]
    assert not ear.window.holding


def test_one_that_waits_behind_another_gap_has_its_own_time() -> None:
    ear = Ear()
    ear.take(1, 3, 5)  # at 0, 0.020, 0.040
    ear.window.expire(0.081)
    assert ear.heard == [1, -20, 3]
    ear.window.expire(0.101)
    assert ear.heard == [1, -20, 3, -20, 5]


def test_silence_is_the_formats() -> None:
    pieces: list[bytes] = []
    window = JitterWindow(pieces.append, PCMA)
    for sequence, timestamp in ((1, 0), (2, 320)):
        window.push(RtpPacket(8, False, sequence, timestamp, 1, bytes(160)), 0.0)
    assert pieces == [bytes(160), b"\xd5" * 160, bytes(160)]


def test_while_nothing_comes_silence_is_given_out_by_the_clock() -> None:
    """A provider counts audio: without it a turn would never end while a muted phone sends nothing."""
    ear = Ear()
    ear.take(1)
    ear.window.expire(PAUSE_SECONDS - 0.001)
    assert ear.heard == [1]
    for now in (0.300, 0.400, 0.500):
        assert ear.window.deadline == pytest.approx(now)
        ear.window.expire(now)
    assert ear.heard == [1, -300, -100, -100]


def test_the_end_of_a_pause_fills_only_what_the_clock_did_not() -> None:
    ear = Ear()
    ear.take(1)
    ear.window.expire(0.300)
    ear.now = 0.350
    ear.take(Sent(2, late_ms=330), Sent(3, late_ms=330))
    assert ear.heard == [1, -300, -30, 2, 3]


def test_no_word_is_dropped_when_a_pause_was_only_a_delay() -> None:
    ear = Ear()
    ear.take(1)
    ear.window.expire(0.300)
    ear.now = 0.310
    ear.take(2, 3, 4)
    assert ear.heard == [1, -300, 2, 3, 4]
    assert ear.window.counts.restarts == 0


def test_a_new_pause_begins_with_the_full_patience() -> None:
    ear = Ear()
    ear.take(1)
    ear.window.expire(0.300)
    ear.now = 0.350
    ear.take(Sent(2, late_ms=330))
    assert ear.window.deadline == pytest.approx(0.350 + PAUSE_SECONDS)


def test_a_standstill_of_the_host_is_not_filled_beyond_a_second() -> None:
    ear = Ear()
    ear.take(1)
    ear.window.expire(60.0)
    assert ear.heard == [1, -1000]


def test_nothing_is_filled_before_the_first_packet() -> None:
    ear = Ear()
    ear.window.expire(100.0)
    assert ear.window.deadline is None
    assert ear.heard == []


def test_what_happened_is_counted() -> None:
    ear = Ear()
    ear.take(1, 2, 2, 4, 5, 6, 7, 3, Sent(9, ssrc=5))
    counts = ear.window.counts
    assert (counts.packets, counts.lost, counts.restarts, counts.filled_ms) == (7, 1, 1, 20)
    assert (counts.duplicates, counts.late, counts.reordered) == (1, 1, 0)


@pytest.mark.parametrize(
    ("arrived", "duplicates", "late", "reordered"),
    [
        ([1, 3, 2, 4], 0, 0, 1),
        ([1, 4, 3, 2, 5], 0, 0, 2),
        ([1, 3, 4, 5, 2, 6], 0, 0, 1),
        ([1, 3, 3, 2, 4], 1, 0, 1),
        ([1, 2, 3, 2, 1, 4], 2, 0, 0),
        ([1, 3, 4, 5, 6, 2, 2, 7], 1, 1, 0),
    ],
)
@pytest.mark.parametrize("first", [0, 0xFFFD], ids=["", "wrap"])
def test_what_came_twice_late_or_in_another_order_is_told_apart(
    arrived: list[int], duplicates: int, late: int, reordered: int, first: int
) -> None:
    ear = Ear(first_sequence=first)
    ear.take(*arrived)
    counts = ear.window.counts
    assert (counts.duplicates, counts.late, counts.reordered) == (duplicates, late, reordered)


def test_a_format_without_payload_type_is_refused() -> None:
    with pytest.raises(ValueError, match="audio/pcm has no RTP payload type"):
        JitterWindow(lambda audio: None, PCM24)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 120), st.floats(0, 0.2)), max_size=120),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
)
def test_whatever_arrives_is_heard_at_most_once_in_order_and_on_time(
    arrivals: list[tuple[int, float]], first_sequence: int, first_timestamp: int
) -> None:
    ear = Ear(first_sequence=first_sequence, first_timestamp=first_timestamp)
    top = -1
    for number, delay in arrivals:
        if top >= 0 and abs(number - top) > 12:
            continue  # with three that wait before it this could be a leap, which starts anew
        top = max(top, number)
        ear.take(number, every=0.0)
        ear.now += delay
        while (deadline := ear.window.deadline) is not None and ear.window.holding and ear.now >= deadline:
            ear.window.expire(ear.now)
    ear.window.expire(ear.now + WINDOW_SECONDS)
    numbers = [number for number in ear.heard if number >= 0]
    assert numbers == sorted(set(numbers))
    if numbers:
        position = numbers[0] * 20
        for piece in ear.heard:
            if piece >= 0:
                assert position == piece * 20, "every packet is heard at its own time"
            position += -piece if piece < 0 else 20


@settings(deadline=None)
@given(st.lists(st.permutations(range(4)), min_size=3, max_size=3))
def test_no_packet_that_is_late_within_the_window_is_lost(blocks: list[list[int]]) -> None:
    ear = Ear()
    order = [1 + 4 * block + place for block, places in enumerate(blocks) for place in places]
    ear.take(0, *order, every=0.001)
    assert ear.heard == list(range(13))
    assert ear.window.counts.lost == 0

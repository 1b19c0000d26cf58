"""RTP packets: what is written can be read, what is malformed is None, and a stream's numbers are right."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.media import PCM24, PCMU, RtpPacket, build_rtp, is_rtcp, parse_rtp
from offhook.media.packet import RtpNumbering

FRAME = bytes(160)
u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFFFFFF)


@settings(deadline=None)
@given(st.integers(0, 127), st.booleans(), u16, u32, u32, st.binary(max_size=400))
def test_what_is_written_can_be_read(
    payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: bytes
) -> None:
    data = build_rtp(
        payload,
        payload_type=payload_type,
        marker=marker,
        sequence=sequence,
        timestamp=timestamp,
        ssrc=ssrc,
    )
    assert parse_rtp(data) == RtpPacket(payload_type, marker, sequence, timestamp, ssrc, payload)


@settings(deadline=None)
@given(
    st.lists(u32, max_size=15),
    st.none() | st.binary(max_size=5).map(lambda words: words * 4),
    st.integers(0, 255),
    st.binary(max_size=200),
)
def test_sources_extension_and_padding_are_left_out(
    sources: list[int], extension: bytes | None, padding: int, payload: bytes
) -> None:
    first = 0x80 | len(sources) | (0x10 if extension is not None else 0) | (0x20 if padding else 0)
    data = struct.pack("!BBHII", first, 0x80 | 8, 7, 160, 42) + b"".join(
        struct.pack("!I", s) for s in sources
    )
    if extension is not None:
        data += struct.pack("!HH", 0xBEDE, len(extension) // 4) + extension
    data += payload
    if padding:
        data += bytes(padding - 1) + bytes([padding])
    assert parse_rtp(data) == RtpPacket(8, True, 7, 160, 42, payload)


@settings(deadline=None)
@given(st.binary(max_size=64))
def test_no_datagram_makes_it_raise(data: bytes) -> None:
    packet = parse_rtp(data)
    assert packet is None or data[0] >> 6 == 2


@settings(deadline=None)
@given(st.integers(0, 63), st.binary(max_size=64))
def test_nor_one_that_looks_like_rtp(low_bits: int, rest: bytes) -> None:
    parse_rtp(bytes([0x80 | low_bits]) + rest)


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("empty", b""),
        ("shorter than a header", bytes([0x80, 0]) + bytes(9)),
        ("version 1", bytes([0x40, 0]) + bytes(170)),
        ("two sources promised, one there", bytes([0x82, 0]) + bytes(10 + 4)),
        ("extension cut off", bytes([0x90, 0]) + bytes(10) + b"\xbe\xde"),
        ("extension longer than the packet", bytes([0x90, 0]) + bytes(10) + b"\xbe\xde\x00\x02" + bytes(4)),
        ("no padding though promised", bytes([0xA0, 0]) + bytes(10) + b"\x00"),
        ("more padding than packet", bytes([0xA0, 0]) + bytes(10) + b"\x01\x03"),
    ],
)
def test_a_malformed_packet_is_none(what: str, data: bytes) -> None:
    assert parse_rtp(data) is None, what


def test_rtcp_is_told_from_rtp() -> None:
    sender_report = struct.pack("!BBHI", 0x80, 200, 6, 1) + bytes(20)
    assert is_rtcp(sender_report)
    assert not is_rtcp(build_rtp(FRAME, payload_type=0, marker=True, sequence=1, timestamp=1, ssrc=1))
    assert not is_rtcp(b"")


def sent(numbering: RtpNumbering, *times_ms: int) -> list[RtpPacket]:
    packets = [parse_rtp(numbering.packet(FRAME, at_ms)) for at_ms in times_ms]
    return [packet for packet in packets if packet is not None]


def test_a_talkspurt_is_numbered_without_a_gap_and_marked_at_its_start() -> None:
    packets = sent(RtpNumbering(PCMU), 1000, 1020, 1040)
    first = packets[0]
    assert [p.marker for p in packets] == [True, False, False]
    assert [(p.sequence - first.sequence) & 0xFFFF for p in packets] == [0, 1, 2]
    assert [(p.timestamp - first.timestamp) & 0xFFFFFFFF for p in packets] == [0, 160, 320]
    assert {p.ssrc for p in packets} == {first.ssrc}


def test_a_pause_moves_the_timestamp_by_its_length_and_not_the_sequence() -> None:
    packets = sent(RtpNumbering(PCMU), 0, 20, 1540, 1560)
    first = packets[0]
    assert [p.marker for p in packets] == [True, False, True, False]
    assert [(p.sequence - first.sequence) & 0xFFFF for p in packets] == [0, 1, 2, 3]
    assert [(p.timestamp - first.timestamp) & 0xFFFFFFFF for p in packets] == [0, 160, 12320, 12480]


def test_time_never_goes_back() -> None:
    packets = sent(RtpNumbering(PCMU), 100, 90, 130)
    assert [(p.timestamp - packets[0].timestamp) & 0xFFFFFFFF for p in packets] == [0, 160, 320]
    assert [p.marker for p in packets] == [True, False, False]


def test_a_wrap_of_sequence_and_timestamp_is_no_event() -> None:
    packets = sent(RtpNumbering(PCMU, sequence=0xFFFF, timestamp=0xFFFFFFFF - 200), 0, 20, 40, 1040)
    assert [p.sequence for p in packets] == [0xFFFF, 0, 1, 2]
    assert [p.timestamp for p in packets] == [0xFFFFFFFF - 200, 0xFFFFFFFF - 40, 119, 8119]
    assert [p.marker for p in packets] == [True, False, False, True]


def test_a_pause_may_wrap_the_timestamp_too() -> None:
    packets = sent(RtpNumbering(PCMU, timestamp=0xFFFFFFFF - 200), 0, 120)
    assert [p.timestamp for p in packets] == [0xFFFFFFFF - 200, 759]


def test_a_format_without_payload_type_is_refused() -> None:
    with pytest.raises(ValueError, match="audio/pcm has no RTP payload type"):
        RtpNumbering(PCM24)

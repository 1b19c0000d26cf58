"""RTP packets (RFC 3550 §5.1): read, written, and numbered for one outgoing stream. No I/O."""

from __future__ import annotations

import struct
from random import SystemRandom
from typing import NamedTuple

from .formats import AudioFormat

_HEADER = struct.Struct("!BBHII")
_PLAIN = 0x80  # version 2, no padding, no extension, no contributing sources
_PADDING, _EXTENSION, _CSRC_COUNT, _MARKER = 0x20, 0x10, 0x0F, 0x80
_random = SystemRandom()


class RtpPacket(NamedTuple):
    """What a receiver needs of one RTP packet."""

    payload_type: int
    marker: bool
    sequence: int
    """16 bit, wraps."""
    timestamp: int
    """32 bit, wraps, in ticks of the format's clock."""
    ssrc: int
    payload: bytes


def parse_rtp(data: bytes) -> RtpPacket | None:
    """Read a datagram as RTP; None if it is malformed. Never raises.

    Contributing sources and a header extension are skipped, padding is cut off.
    """
    size = len(data)
    if size < 12:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    start, end = 12, size
    if first != _PLAIN:
        if first >> 6 != 2:
            return None
        start += 4 * (first & _CSRC_COUNT)
        if first & _EXTENSION:
            start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
        if first & _PADDING:
            # The last byte counts the padding, itself included, so it is never 0.
            if data[-1] == 0:
                return None
            end -= data[-1]
        if start > end:
            return None
    return RtpPacket(second & 0x7F, second >= _MARKER, sequence, timestamp, ssrc, data[start:end])


def build_rtp(
    payload: bytes, *, payload_type: int, sequence: int, timestamp: int, ssrc: int, marker: bool = False
) -> bytes:
    """Write one RTP packet without contributing sources, extension or padding."""
    second = payload_type | _MARKER if marker else payload_type
    return _HEADER.pack(_PLAIN, second, sequence, timestamp, ssrc) + payload


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram on an RTP port is RTCP rather than RTP (RFC 5761 §4)."""
    return len(data) > 1 and 192 <= data[1] <= 223


class RtpNumbering:
    """Sequence number, timestamp, marker and SSRC of one outgoing stream.

    Between answers the stream stops: no packets, rather than packets of silence. RFC 3550 and RFC 3551
    foresee it: the timestamp goes on by the time that passed though nothing was sent (RFC 3550 §5.1), and
    the first packet of each talkspurt carries the marker, so that a receiver may set its buffer anew (RFC
    3551 §4.1). Silence would cost a packet every 20 ms for every call that merely listens, and the caller
    would hear no difference: Asterisk plays silence when nothing comes. An underrun in the middle of an
    answer is the same thing, shorter.
    """

    def __init__(
        self,
        audio_format: AudioFormat,
        *,
        ssrc: int | None = None,
        sequence: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Raises ValueError if the format does not travel by RTP.

        SSRC, first sequence number and first timestamp are random if not given (RFC 3550 §5.1 and §8.1).
        """
        if audio_format.payload_type is None:
            raise ValueError(
                f"{audio_format.realtime_name} has no RTP payload type; use audio/pcmu or audio/pcma"
            )
        self.ssrc = _random.getrandbits(32) if ssrc is None else ssrc
        self._payload_type = audio_format.payload_type
        self._samples_per_ms = audio_format.samples_per_ms
        self._sample_bytes = audio_format.sample_bytes
        self._sequence = _random.getrandbits(16) if sequence is None else sequence
        self._timestamp = _random.getrandbits(32) if timestamp is None else timestamp
        self._next_ms: int | None = None  # when the next packet is due if the talkspurt goes on

    def packet(self, payload: bytes, at_ms: int) -> bytes:
        """The next packet; `at_ms` is its place on the sender's clock, in milliseconds.

        A packet that comes later than the end of the last one starts a talkspurt.
        """
        samples, next_ms = len(payload) // self._sample_bytes, self._next_ms
        marker = next_ms is None or at_ms > next_ms
        if next_ms is not None:
            pause_ms = max(0, at_ms - next_ms)
            self._timestamp += pause_ms * self._samples_per_ms
            at_ms = next_ms + pause_ms
        data = build_rtp(
            payload,
            payload_type=self._payload_type,
            sequence=self._sequence,
            timestamp=self._timestamp & 0xFFFFFFFF,
            ssrc=self.ssrc,
            marker=marker,
        )
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + samples) & 0xFFFFFFFF
        self._next_ms = at_ms + samples // self._samples_per_ms
        return data

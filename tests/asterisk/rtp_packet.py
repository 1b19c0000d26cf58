"""RTP packets with G.711 audio as they go over a caller's line (RFC 3550 §5.1, RFC 3551 §4.5.14)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from offhook.simulators import g711

RATE: Final = 8000
PACKET_SECONDS: Final = 0.02
PACKET_SAMPLES: Final = 160
LOUD: Final = 200
"""Mean absolute sample value of a packet from which it counts as sound."""
EVENT_PAYLOAD_TYPE: Final = 101
"""Digits (RFC 4733), as the caller's SDP offers them."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One law of G.711: 8 kHz, one byte a sample."""

    name: str
    payload_type: int
    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes], bytes]
    silence: bytes
    """One packet of it."""
    loudness: tuple[int, ...]
    """The absolute sample value of each byte."""

    @classmethod
    def build(
        cls,
        name: str,
        payload_type: int,
        encode: Callable[[bytes], bytes],
        decode: Callable[[bytes], bytes],
    ) -> Self:
        silence = encode(bytes(2 * PACKET_SAMPLES))
        samples = struct.unpack("<256h", decode(bytes(range(256))))
        return cls(name, payload_type, encode, decode, silence, tuple(map(abs, samples)))


ULAW: Final = Codec.build("PCMU/8000", 0, g711.encode_ulaw, g711.decode_ulaw)
ALAW: Final = Codec.build("PCMA/8000", 8, g711.encode_alaw, g711.decode_alaw)
CODECS: Final = {"ulaw": ULAW, "alaw": ALAW}
CODEC_OF_PAYLOAD_TYPE: Final = {codec.payload_type: codec for codec in CODECS.values()}


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet, sent or heard."""

    at: float
    """When it was sent, or when the kernel took it in: seconds, on the clock of `time.time()`."""
    sequence: int
    timestamp: int
    payload_type: int
    marker: bool
    ssrc: int
    payload: bytes

    @classmethod
    def parse(cls, data: bytes, at: float) -> Self:
        """Read a packet without extensions and CSRC list; Asterisk sends no others."""
        _, second, sequence, timestamp, ssrc = struct.unpack("!BBHII", data[:12])
        return cls(at, sequence, timestamp, second & 0x7F, second >= 0x80, ssrc, data[12:])

    def encode(self) -> bytes:
        second = self.payload_type | (0x80 if self.marker else 0)
        return struct.pack("!BBHII", 0x80, second, self.sequence, self.timestamp, self.ssrc) + self.payload

    @property
    def level(self) -> float:
        """The mean absolute sample value; 0 for what is not G.711 audio."""
        codec = CODEC_OF_PAYLOAD_TYPE.get(self.payload_type)
        if codec is None or not self.payload:
            return 0.0
        return sum(map(codec.loudness.__getitem__, self.payload)) / len(self.payload)

    @property
    def is_loud(self) -> bool:
        """Whether there is sound in it, and not silence or a digit."""
        return self.level > LOUD

"""The caller's telephone: G.711 over RTP in 20 ms packets, digits by RFC 4733, and a record of what is heard.

Like a telephone it sends without a pause: speech, or silence where nobody speaks. One timer paces all callers
of an event loop. Each heard packet carries the kernel's own arrival time, so that a busy test does not blur
measurements. PCM is bytes here: 16-bit little-endian mono samples at 8 kHz, as in `offhook.simulators.wav`.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Final

from offhook.simulators import g711

RATE: Final = 8000
PACKET_SECONDS: Final = 0.02
PACKET_SAMPLES: Final = 160
LOUD: Final = 200
"""Mean absolute sample value of a packet from which it counts as sound."""
DIGITS: Final = "0123456789*#ABCD"
EVENT_PAYLOAD_TYPE: Final = 101
SO_TIMESTAMPNS: Final = 35  # Linux's number; Python has no name for it


class CallEndedError(Exception):
    """The call was over before that happened for which a test waited."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One law of G.711 (RFC 3551 §4.5.14): 8 kHz, one byte a sample."""

    name: str
    payload_type: int
    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes], bytes]
    silence: bytes
    loudness: tuple[int, ...]
    """The absolute sample value of each byte."""

    @classmethod
    def build(
        cls,
        name: str,
        payload_type: int,
        encode: Callable[[bytes], bytes],
        decode: Callable[[bytes], bytes],
    ) -> Codec:
        silence = encode(bytes(2 * PACKET_SAMPLES))
        samples = struct.unpack("<256h", decode(bytes(range(256))))
        return cls(name, payload_type, encode, decode, silence, tuple(map(abs, samples)))


ULAW: Final = Codec.build("PCMU/8000", 0, g711.encode_ulaw, g711.decode_ulaw)
ALAW: Final = Codec.build("PCMA/8000", 8, g711.encode_alaw, g711.decode_alaw)
CODECS: Final = {"ulaw": ULAW, "alaw": ALAW}


@dataclass(frozen=True, slots=True)
class HeardPacket:
    """One RTP packet as it came in."""

    arrived: float
    """When the kernel took it in: seconds, on the clock of `time.time()`."""
    sequence: int
    timestamp: int
    payload_type: int
    marker: bool
    ssrc: int
    payload: bytes


@dataclass(slots=True)
class _KeyPress:
    """A digit on its way (RFC 4733 §2.5.1.2)."""

    event: int
    samples_left: int
    pause_left: int
    duration: int = 0
    timestamp: int = 0


class Pacer:
    """One timer for all callers of a loop: every 5 ms it is the turn of a quarter of them.

    The times are multiples from a fixed start, so they do not drift; a late turn is made up for at once.
    """

    TURNS: ClassVar = 4
    _of_loop: ClassVar[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Pacer]] = (
        weakref.WeakKeyDictionary()
    )

    def __init__(self) -> None:
        self._groups: list[set[CallerAudio]] = [set() for _ in range(self.TURNS)]
        self._turn = 0
        self._start = 0.0
        self._timer: asyncio.Handle | None = None

    @classmethod
    def of_running_loop(cls) -> Pacer:
        return cls._of_loop.setdefault(asyncio.get_running_loop(), cls())

    def add(self, audio: CallerAudio) -> None:
        min(self._groups, key=len).add(audio)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._turn, self._start = 0, loop.time()
            self._timer = loop.call_soon(self._run)

    def remove(self, audio: CallerAudio) -> None:
        for group in self._groups:
            group.discard(audio)
        if self._timer is not None and not any(self._groups):
            self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while (due := self._start + self._turn * PACKET_SECONDS / self.TURNS) <= loop.time():
            for audio in tuple(self._groups[self._turn % self.TURNS]):
                audio.send_next()
            self._turn += 1
        self._timer = loop.call_at(due, self._run)


class CallerAudio:
    """The audio of one call. It hears from the beginning (early media), and sends after `connect()`."""

    def __init__(self, host: str, codec: Codec, *, send_silence: bool = True) -> None:
        self.codec = codec
        self.send_silence = send_silence
        """False: a telephone that sends nothing while nobody speaks."""
        self.heard: list[HeardPacket] = []
        self.speech_started: float | None = None
        """When the first packet of the latest speech went out (clock of `time.time()`)."""
        self.speech_ended: float | None = None
        """When the latest speech's last packet went out; None while it lasts."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._remote: tuple[str, int] | None = None
        self._sequence = random.getrandbits(16)
        self._timestamp = random.getrandbits(32)
        self._ssrc = random.getrandbits(32)
        self._resuming = True  # the next speech packet is the first after a pause: marker bit, RFC 3551 §4.1
        self._speech = memoryview(b"")
        self._keys: deque[_KeyPress] = deque()
        self._silent = asyncio.Event()
        self._silent.set()
        self._keys_sent = asyncio.Event()
        self._keys_sent.set()
        self.ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._socket, self._receive)

    def connect(self, remote: tuple[str, int], payload_type: int) -> None:
        """Send to `remote` from now on, in the codec that was agreed on. ValueError if that is not G.711."""
        for codec in CODECS.values():
            if codec.payload_type == payload_type:
                self.codec = codec
                break
        else:
            raise ValueError(
                f"payload type {payload_type} was agreed on; a caller speaks 0 (ulaw) and 8 (alaw)"
            )
        self._remote = remote
        Pacer.of_running_loop().add(self)

    def end(self) -> None:
        """Stop sending, and release whoever waits. Packets are still heard until `close()`."""
        Pacer.of_running_loop().remove(self)
        self.ended.set()
        self._silent.set()
        self._keys_sent.set()

    def close(self) -> None:
        """Close the socket; it can be called twice."""
        if self._socket.fileno() != -1:
            self.end()
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    # --- Sending ----------------------------------------------------------------------------------------

    def start_speaking(self, pcm: bytes) -> None:
        """Say this, after what is still being said; do not wait."""
        encoded = self.codec.encode(pcm)
        filler = self.codec.silence[: -len(encoded) % PACKET_SAMPLES]
        if not self._speech:
            self.speech_started = None
        self.speech_ended = None
        self._speech = memoryview(bytes(self._speech) + encoded + filler)
        self._silent.clear()

    async def speak(self, pcm: bytes) -> bool:
        """Say this to its end. False if the call, or `stop_speaking()`, cut them off."""
        self.start_speaking(pcm)
        await self._silent.wait()
        return self.speech_ended is not None and not self._speech

    def stop_speaking(self) -> None:
        """Fall silent in the middle of a word."""
        self._speech = memoryview(b"")
        self._silent.set()

    async def press(self, digits: str, on_ms: int = 120, off_ms: int = 80) -> None:
        """Press keys, as RFC 4733 events; returns when the last one has been released."""
        for digit in digits.upper():
            self._keys.append(_KeyPress(DIGITS.index(digit), on_ms * RATE // 1000, off_ms * RATE // 1000))
        self._keys_sent.clear()
        await self._keys_sent.wait()
        if missing := sum(key.samples_left > 0 for key in self._keys):
            raise CallEndedError(f"the call ended before the last {missing} of the digits {digits!r}")

    def send_next(self) -> None:
        """Send what the next 20 ms hold. The pacer calls this."""
        self._timestamp = (self._timestamp + PACKET_SAMPLES) & 0xFFFFFFFF
        if self._keys and self._send_key(self._keys[0]):
            return
        if self._speech:
            payload, self._speech = self._speech[:PACKET_SAMPLES], self._speech[PACKET_SAMPLES:]
            self._send(payload, self.codec.payload_type, self._timestamp, marker=self._resuming)
            self._resuming = False
            if self.speech_started is None:
                self.speech_started = time.time()
            if not self._speech:
                self.speech_ended = time.time()
                self._silent.set()
        elif self.send_silence:
            self._send(self.codec.silence, self.codec.payload_type, self._timestamp, marker=self._resuming)
            self._resuming = False
        else:
            self._resuming = True

    def _send_key(self, key: _KeyPress) -> bool:
        """Send this 20 ms of a key press; False in the pause after it, which is silence like any other."""
        if key.samples_left <= 0:
            key.pause_left -= PACKET_SAMPLES
            if key.pause_left <= 0:
                self._keys.popleft()
                if not self._keys:
                    self._keys_sent.set()
            return False
        first = key.duration == 0
        if first:
            key.timestamp = self._timestamp
        key.duration += PACKET_SAMPLES
        key.samples_left -= PACKET_SAMPLES
        last = key.samples_left <= 0
        payload = struct.pack("!BBH", key.event, (0x80 if last else 0) | 10, key.duration)
        for _ in range(3 if last else 1):
            self._send(payload, EVENT_PAYLOAD_TYPE, key.timestamp, marker=first)
        return True

    def _send(self, payload: bytes | memoryview, payload_type: int, timestamp: int, *, marker: bool) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        second = payload_type | (0x80 if marker else 0)
        header = struct.pack("!BBHII", 0x80, second, self._sequence, timestamp, self._ssrc)
        with suppress(
            OSError
        ):  # Asterisk has closed its port already, or the buffer is full: lost, as on a line
            assert self._remote is not None
            self._socket.sendto(header + payload, self._remote)

    # --- Hearing ----------------------------------------------------------------------------------------

    def _receive(self) -> None:
        while True:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(2048, 64)
            except BlockingIOError:
                return
            except ConnectionError:  # the answer to a packet that nobody took
                continue
            if len(data) < 12 or 72 <= data[1] & 0x7F <= 76:  # RTCP (RFC 5761 §4)
                continue
            arrived = time.time()
            for _, _, stamp in ancillary:
                seconds, nanoseconds = struct.unpack("qq", stamp)
                arrived = seconds + nanoseconds / 1e9
            sequence, timestamp, ssrc = struct.unpack("!HII", data[2:12])
            self.heard.append(
                HeardPacket(arrived, sequence, timestamp, data[1] & 0x7F, data[1] >= 0x80, ssrc, data[12:])
            )

    def level(self, packet: HeardPacket) -> float:
        """The packet's mean absolute sample value; 0 for what is not audio of this call's codec."""
        if packet.payload_type != self.codec.payload_type or not packet.payload:
            return 0.0
        loudness = self.codec.loudness
        return sum(loudness[byte] for byte in packet.payload) / len(packet.payload)

    async def wait_heard(self, timeout_seconds: float = 30.0, since: float | None = None) -> float:
        """Wait for sound that arrives after now, or after the time `since`.

        Returns its arrival (clock of `time.time()`). Raises CallEndedError, or TimeoutError.
        """
        since = time.time() if since is None else since
        looked_at = 0
        async with asyncio.timeout(timeout_seconds):
            while True:
                over = self.ended.is_set()
                for packet in self.heard[looked_at:]:
                    if packet.arrived >= since and self.level(packet) > LOUD:
                        return packet.arrived
                looked_at = len(self.heard)
                if over:
                    raise CallEndedError("nothing more was heard until the call ended")
                await asyncio.sleep(PACKET_SECONDS / 2)

    async def wait_quiet(self, seconds: float, timeout_seconds: float = 60.0) -> float:
        """Wait until nothing has been heard for so many seconds, counted from now at the earliest.

        Returns when the silence began (clock of `time.time()`). Raises CallEndedError, or TimeoutError.
        """
        last_sound = time.time()
        looked_at = len(self.heard)
        async with asyncio.timeout(timeout_seconds):
            while True:
                for packet in self.heard[looked_at:]:
                    if self.level(packet) > LOUD:
                        last_sound = packet.arrived + PACKET_SECONDS
                looked_at = len(self.heard)
                if time.time() - last_sound >= seconds:
                    return last_sound
                if self.ended.is_set():
                    raise CallEndedError(f"the call ended before {seconds:g} seconds of silence")
                await asyncio.sleep(PACKET_SECONDS / 2)

    def audio_heard(self) -> list[HeardPacket]:
        """The packets of this call's codec in the order of arrival."""
        return [packet for packet in self.heard if packet.payload_type == self.codec.payload_type]

    def pcm_heard(self, since: float | None = None) -> bytes:
        """All that was heard as PCM on the clock: a pause in the packets is silence of its length.

        The first sample stands for the time `since`, or for the first packet's arrival.
        """
        pcm = bytearray()
        packets = self.audio_heard()
        start = since if since is not None else packets[0].arrived if packets else 0.0
        for packet in packets:
            if packet.arrived < start:
                continue
            missing = int((packet.arrived - start) * RATE) - len(pcm) // 2
            if missing > 3 * PACKET_SAMPLES:  # less than that is the jitter of a stream that goes on
                pcm += bytes(2 * missing)
            pcm += self.codec.decode(packet.payload)
        return bytes(pcm)

    def lost(self) -> int:
        """How many packets of the heard streams are missing by their sequence numbers."""
        steps = ((b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(self.heard) if a.ssrc == b.ssrc)
        return sum(step - 1 for step in steps if 1 < step < 1000)

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
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Final

from asterisk.rtp_packet import (
    CODEC_OF_PAYLOAD_TYPE,
    EVENT_PAYLOAD_TYPE,
    PACKET_SAMPLES,
    PACKET_SECONDS,
    RATE,
    Codec,
    Packet,
)
from offhook.simulators import wav

DIGITS: Final = "0123456789*#ABCD"
SO_TIMESTAMPNS: Final = 35  # Linux's number; Python has no name for it


class CallEndedError(Exception):
    """The call was over before that happened for which a test waited."""


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
    """The audio of one call. It hears from the beginning (early media), and sends after `connect_audio()`.

    All times are those of `time.time()`.
    """

    def __init__(self, codec: Codec, *, send_silence: bool = True) -> None:
        self.codec = codec
        self.send_silence = send_silence
        """False: a telephone that sends nothing while nobody speaks."""
        self.heard: list[Packet] = []
        """Every packet that came in, in order of arrival."""
        self.sent: list[Packet] = []
        """Every packet that went out."""
        self.speech_started: float | None = None
        """When the first packet of the latest speech went out."""
        self.speech_ended: float | None = None
        """When its last packet went out; None while it lasts, and if it was cut off."""
        self.ended = asyncio.Event()
        self.audio_port = 0
        self._socket: socket.socket | None = None
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
        self._news = asyncio.Event()

    def open_audio(self, host: str) -> None:
        """Listen on a port of `host` that the system chooses: `audio_port`."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)
        self.audio_port = self._socket.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._socket, self._receive, self._socket)

    def connect_audio(self, remote: tuple[str, int], payload_type: int) -> None:
        """Send to `remote` from now on, in the codec that was agreed on. ValueError if that is not G.711."""
        codec = CODEC_OF_PAYLOAD_TYPE.get(payload_type)
        if codec is None:
            raise ValueError(
                f"payload type {payload_type} was agreed on; a caller speaks 0 (ulaw) and 8 (alaw)"
            )
        self.codec, self._remote = codec, remote
        Pacer.of_running_loop().add(self)

    def end_audio(self) -> None:
        """Stop sending, and release whoever waits. Packets are still heard until `close_audio()`."""
        Pacer.of_running_loop().remove(self)
        for event in (self.ended, self._silent, self._keys_sent, self._news):
            event.set()

    def close_audio(self) -> None:
        """Close the socket; it can be called twice."""
        if self._socket is not None:
            self.end_audio()
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    # --- What the caller says and presses ---------------------------------------------------------------

    async def play(self, audio: bytes | str | Path) -> bool:
        """Say this to its end, in real time: the path of a mono 16-bit WAV, or PCM.

        False if the end of the call, or `stop_playing()`, cut it off.
        """
        self.start_playing(audio)
        await self._silent.wait()
        return self.speech_ended is not None and not self._speech

    def start_playing(self, audio: bytes | str | Path) -> None:
        """Say this, after what is still being said; do not wait."""
        encoded = self.codec.encode(audio if isinstance(audio, bytes) else _read_wav(str(audio)))
        filler = self.codec.silence[: -len(encoded) % PACKET_SAMPLES]
        if not self._speech:
            self.speech_started = None
        self.speech_ended = None
        if not self.ended.is_set():
            self._speech = memoryview(bytes(self._speech) + encoded + filler)
            self._silent.clear()

    def stop_playing(self) -> None:
        """Fall silent in the middle of a word."""
        self._speech = memoryview(b"")
        self._silent.set()

    async def press(self, digits: str, on_ms: int = 120, off_ms: int = 80) -> None:
        """Press keys, as RFC 4733 events; returns when the last is released and its pause is over.

        CallEndedError if the call is over, or ends meanwhile.
        """
        on, off = on_ms * RATE // 1000, off_ms * RATE // 1000
        keys = [_KeyPress(DIGITS.index(digit), on, off) for digit in digits.upper()]
        self._keys.extend(keys)
        if not self.ended.is_set():
            self._keys_sent.clear()
            await self._keys_sent.wait()
        if missing := sum(key.samples_left > 0 for key in keys):
            raise CallEndedError(f"the call ended before the last {missing} of the digits {digits!r}")

    def send_next(self) -> None:
        """Send what the next 20 ms hold. The pacer calls this."""
        self._timestamp = (self._timestamp + PACKET_SAMPLES) & 0xFFFFFFFF
        if self._keys and self._send_key(self._keys[0]):
            return
        if self._speech:
            payload, self._speech = bytes(self._speech[:PACKET_SAMPLES]), self._speech[PACKET_SAMPLES:]
            at = self._send_packet(payload, self.codec.payload_type, self._timestamp, marker=self._resuming)
            self._resuming = False
            if self.speech_started is None:
                self.speech_started = at
            if not self._speech:
                self.speech_ended = at
                self._silent.set()
        elif self.send_silence:
            payload = self.codec.silence
            self._send_packet(payload, self.codec.payload_type, self._timestamp, marker=self._resuming)
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
            self._send_packet(payload, EVENT_PAYLOAD_TYPE, key.timestamp, marker=first)
        return True

    def _send_packet(self, payload: bytes, payload_type: int, timestamp: int, *, marker: bool) -> float:
        """Send one packet; returns when."""
        assert self._socket is not None
        assert self._remote is not None
        self._sequence = (self._sequence + 1) & 0xFFFF
        packet = Packet(time.time(), self._sequence, timestamp, payload_type, marker, self._ssrc, payload)
        # An error: Asterisk has closed its port already, or the buffer is full. Lost, as on a line.
        with suppress(OSError):
            self._socket.sendto(packet.encode(), self._remote)
            self.sent.append(packet)
        return packet.at

    # --- What the caller hears --------------------------------------------------------------------------

    def _receive(self, source: socket.socket) -> None:
        while True:
            try:
                data, ancillary, _, _ = source.recvmsg(2048, 64)
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
            self.heard.append(Packet.parse(data, arrived))
            self._news.set()

    async def wait_packet(self, wanted: Callable[[Packet], bool], timeout_seconds: float = 30.0) -> Packet:
        """Wait for the first packet that `wanted` takes, of all that are heard in this call.

        Raises CallEndedError, or TimeoutError.
        """
        looked_at = 0
        async with asyncio.timeout(timeout_seconds):
            while True:
                over = self.ended.is_set()
                for packet in self.heard[looked_at:]:
                    if wanted(packet):
                        return packet
                if over:
                    raise CallEndedError("the call ended, and what a test waited for was not heard")
                looked_at = len(self.heard)
                self._news.clear()
                await self._news.wait()

    async def wait_heard(self, timeout_seconds: float = 30.0, since: float | None = None) -> float:
        """Wait for sound that arrives after now, or after the time `since`; returns its arrival.

        Raises CallEndedError, or TimeoutError.
        """
        start = time.time() if since is None else since
        return (await self.wait_packet(lambda it: it.at >= start and it.is_loud, timeout_seconds)).at

    async def wait_quiet(self, seconds: float, timeout_seconds: float = 60.0) -> float:
        """Wait until nothing has been heard for so many seconds, counted from now at the earliest.

        Returns when the silence began. Raises CallEndedError, or TimeoutError.
        """
        last_sound = time.time()
        looked_at = len(self.heard)
        async with asyncio.timeout(timeout_seconds):
            while (remaining := last_sound + seconds - time.time()) > 0:
                if self.ended.is_set():
                    raise CallEndedError(f"the call ended before {seconds:g} seconds of silence")
                with suppress(TimeoutError):
                    async with asyncio.timeout(remaining):
                        await self.ended.wait()
                for packet in self.heard[looked_at:]:
                    if packet.is_loud:
                        last_sound = packet.at + PACKET_SECONDS
                looked_at = len(self.heard)
        return last_sound

    def audio_heard(self) -> list[Packet]:
        """The packets of this call's codec in the order of arrival."""
        return [packet for packet in self.heard if packet.payload_type == self.codec.payload_type]

    def pcm_heard(self, since: float | None = None) -> bytes:
        """All that was heard as PCM on the clock: a pause in the packets is silence of its length.

        The first sample stands for the time `since`, or for the first packet's arrival.
        """
        pcm = bytearray()
        packets = self.audio_heard()
        start = since if since is not None else packets[0].at if packets else 0.0
        for packet in packets:
            if packet.at < start:
                continue
            missing = int((packet.at - start) * RATE) - len(pcm) // 2
            if missing > 3 * PACKET_SAMPLES:  # less than that is the jitter of a stream that goes on
                pcm += bytes(2 * missing)
            pcm += self.codec.decode(packet.payload)
        return bytes(pcm)

    def save(self, path: str | Path) -> None:
        """Write `pcm_heard()` as a WAV file."""
        wav.write_wav(path, self.pcm_heard())

    def lost(self) -> int:
        """How many packets of the heard streams are missing by their sequence numbers."""
        steps = ((b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(self.heard) if a.ssrc == b.ssrc)
        return sum(step - 1 for step in steps if 1 < step < 1000)


@lru_cache(maxsize=32)
def _read_wav(path: str) -> bytes:
    return wav.read_wav(path)

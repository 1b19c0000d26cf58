"""The simulated caller: speaks in real time, presses keys, records what it hears, waits for sound or for
silence.

A caller hangs on a line of the simulated Asterisk (`SimulatedAsterisk.dial` returns one). Its audio is 8 kHz
µ-law in 20 ms frames; the line asks for one frame each 20 ms and hands over each packet when it comes. All
times are `time.monotonic()` seconds. As a phone does, the caller sends silence while it does not speak,
unless `dtx` is set.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from offhook.simulators.g711 import ULAW_SILENCE, decode_ulaw, encode_ulaw, ulaw_level
from offhook.simulators.wav import TELEPHONE_RATE, read_wav, write_wav

FRAME_BYTES = 160
"""20 ms of 8 kHz µ-law."""
SILENT_FRAME = bytes([ULAW_SILENCE]) * FRAME_BYTES
JITTER_SECONDS = 0.06
"""A packet that comes later than this after the audio before it leaves a hole of silence in the recording."""
LOUD = 300.0
"""Mean absolute amplitude from which a packet counts as sound."""


class HeardPacket(NamedTuple):
    """One packet that reached the caller."""

    at: float
    """When it arrived."""
    ulaw: bytes
    """Its audio, µ-law."""


@dataclass(frozen=True, slots=True)
class LeftStasis:
    """How a call left the Stasis application, and what the dialplan finds afterwards."""

    how: Literal["continued", "hung_up_by_app", "hung_up_by_caller", "refused"]
    """`refused`: no application of that name was connected, the dialplan goes on at once."""
    context: str
    """Where the dialplan goes on (its `h` extension after a hang-up)."""
    extension: str
    priority: int
    label: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The channel's variables at that moment."""
    reason: str = ""
    """The `reason` or `reason_code` that the application gave when it hung up."""


class Line(Protocol):
    """What a caller needs of the telephone system at the other end of its line."""

    def caller_pressed(self, digit: str, duration_ms: int) -> None:
        """A key was released."""

    def caller_hung_up(self) -> None:
        """The caller gave up, before or after the answer."""


class SimulatedCaller:
    """One caller. `play`, `press`, `hangup` act; `heard`, `packets`, `wait_heard`, `wait_quiet` observe."""

    def __init__(self, channel_id: str, line: Line, *, number: str = "", dtx: bool = False) -> None:
        self.channel_id = channel_id
        """The id of this call's channel in Asterisk."""
        self.number = number
        self.dtx = dtx
        """True: send nothing while not speaking (discontinuous transmission)."""
        self.dialled_at = time.monotonic()
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self.packets: list[HeardPacket] = []
        """Everything that came, in order of arrival; from before the answer too (early media)."""
        self.digits_heard = ""
        """DTMF digits that the other side sent."""
        self.speech_started_at: float | None = None
        """When the first frame of the last `play` was sent."""
        self.speech_ended_at: float | None = None
        """When the last frame of speech was sent."""
        self._line = line
        self._speech = b""
        self._position = 0
        self._keys: deque[tuple[str, int, int]] = deque()
        self._key_frames = 0  # how long the first of _keys has been held, in frames
        self._quiet, self._keys_up = asyncio.Event(), asyncio.Event()
        self._quiet.set()
        self._keys_up.set()
        self._answered, self._ended, self._left = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._result: LeftStasis | None = None
        self._listeners: list[tuple[float, asyncio.Future[float]]] = []

    # What the person does

    def play(self, audio: bytes | str | Path) -> None:
        """Speak: the path of a mono 16-bit WAV, or 16-bit PCM at 8 kHz; after what is still being said."""
        ulaw = encode_ulaw(audio) if isinstance(audio, bytes) else wav_as_ulaw(str(audio))
        self._speech, self._position = self._speech[self._position :] + ulaw, 0
        self.speech_started_at = None
        if self._speech and not self._ended.is_set():
            self._quiet.clear()

    def stop_speaking(self) -> None:
        """Fall silent at once."""
        self._speech, self._position = b"", 0
        self._quiet.set()

    async def played(self) -> None:
        """Wait until everything given to `play` has been spoken, or the call is over."""
        await self._quiet.wait()

    async def press(self, digits: str, *, hold_ms: int = 120, pause_ms: int = 80) -> None:
        """Press keys one after another; returns when the last is released. Asterisk reports a key at its
        release.
        """
        if self._ended.is_set() or not digits:
            return
        self._keys.extend((digit, hold_ms // 20, pause_ms // 20) for digit in digits)
        self._keys_up.clear()
        await self._keys_up.wait()

    async def hangup(self) -> None:
        """Put the phone down; before the answer it cancels the call. Nothing happens when the call is over
        already.
        """
        if not self._ended.is_set():
            self.line_closed()
            self._line.caller_hung_up()

    # What can be waited for

    async def answered(self, timeout_seconds: float = 10) -> float:
        """Wait for the answer and return its time. Raises `TimeoutError`; `ConnectionError` if the call ends
        unanswered.
        """
        async with asyncio.timeout(timeout_seconds):
            await self._answered.wait()
        if self.answered_at is None:
            raise ConnectionError(f"call {self.channel_id} ended without an answer")
        return self.answered_at

    async def ended(self, timeout_seconds: float = 10) -> float:
        """Wait until the call is over, by either side, and return the time. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_seconds):
            await self._ended.wait()
        assert self.ended_at is not None
        return self.ended_at

    async def left_stasis(self, timeout_seconds: float = 10) -> LeftStasis:
        """Wait until the call has left the Stasis application, by whichever way. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_seconds):
            await self._left.wait()
        assert self._result is not None
        return self._result

    async def wait_heard(
        self, timeout_seconds: float = 30, *, since: float | None = None, level: float = LOUD
    ) -> float:
        """Wait for the first packet of sound that arrived after `since` (default: now); returns its arrival
        time.

        Raises `TimeoutError`; `ConnectionError` when the call ends first.
        """
        if since is not None and (already := self.loud_times(since=since, level=level)):
            return already[0]
        if self._ended.is_set():
            raise ConnectionError(f"call {self.channel_id} is over")
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        listener = (level, future)
        self._listeners.append(listener)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await future
        finally:
            if listener in self._listeners:
                self._listeners.remove(listener)

    async def wait_quiet(self, seconds: float, timeout_seconds: float = 60, *, level: float = LOUD) -> float:
        """Wait until nothing louder than `level` has come for `seconds`; returns when the last sound ended
        (or the call of this method began). Raises `TimeoutError`.
        """
        last, seen = time.monotonic(), len(self.packets)
        async with asyncio.timeout(timeout_seconds):
            while (remaining := last + seconds - time.monotonic()) > 0:
                await asyncio.sleep(remaining)
                for packet in self.packets[seen:]:
                    if ulaw_level(packet.ulaw) > level:
                        last = packet.at + len(packet.ulaw) / TELEPHONE_RATE
                seen = len(self.packets)
        return last

    # What was heard

    def loud_times(
        self, *, since: float = 0.0, until: float = float("inf"), level: float = LOUD
    ) -> list[float]:
        """Arrival times of the packets of sound after `since` and before `until`."""
        return [
            packet.at
            for packet in self.packets
            if since < packet.at < until and ulaw_level(packet.ulaw) > level
        ]

    @property
    def heard_ulaw(self) -> bytes:
        """What the caller heard so far, in time from the answer (or from early media): silence where nothing
        came.
        """
        starts = [packet.at for packet in self.packets[:1]] + ([self.answered_at] if self.answered_at else [])
        if not starts:
            return b""
        start, heard = min(starts), bytearray()
        for at, ulaw in self.packets:
            due = round((at - start) * TELEPHONE_RATE)
            if due > len(heard) + JITTER_SECONDS * TELEPHONE_RATE:
                heard += bytes([ULAW_SILENCE]) * (due - len(heard))
            heard += ulaw
        end = round(((self.ended_at or time.monotonic()) - start) * TELEPHONE_RATE)
        heard += bytes([ULAW_SILENCE]) * (end - len(heard))
        return bytes(heard)

    @property
    def heard(self) -> bytes:
        """The same as 16-bit PCM at 8 kHz."""
        return decode_ulaw(self.heard_ulaw)

    def save(self, path: str | Path) -> None:
        """Write what was heard as a WAV file."""
        write_wav(path, self.heard)

    # What the line calls

    def next_frame(self) -> bytes | None:
        """The next 20 ms of the caller's audio, or None where no audio packet is sent (a key is held, or
        `dtx`).
        """
        if self.answered_at is None:
            return None
        if self._keys:
            return self._key_frame()
        if self._position < len(self._speech):
            frame = self._speech[self._position : self._position + FRAME_BYTES]
            if self.speech_started_at is None:
                self.speech_started_at = time.monotonic()
            self._position += FRAME_BYTES
            if self._position >= len(self._speech):
                self._speech, self._position = b"", 0
                self.speech_ended_at = time.monotonic()
                self._quiet.set()
            return frame if len(frame) == FRAME_BYTES else frame + SILENT_FRAME[len(frame) :]
        return None if self.dtx else SILENT_FRAME

    def _key_frame(self) -> bytes | None:
        digit, hold, pause = self._keys[0]
        self._key_frames += 1
        if self._key_frames == hold:
            self._line.caller_pressed(digit, hold * 20)
            if len(self._keys) == 1:
                self._keys_up.set()
        if self._key_frames >= hold + pause:
            self._keys.popleft()
            self._key_frames = 0
        # RFC 4733 section 2.5.1.2: events take the place of audio while the key is held
        return None if self._key_frames <= hold or self.dtx else SILENT_FRAME

    def hear(self, ulaw: bytes) -> None:
        """A packet arrived."""
        now = time.monotonic()
        self.packets.append(HeardPacket(now, ulaw))
        if self._listeners:
            loudness = ulaw_level(ulaw)
            for level, future in self._listeners:
                if loudness > level and not future.done():
                    future.set_result(now)

    def hear_digit(self, digit: str) -> None:
        """The other side sent a DTMF digit."""
        self.digits_heard += digit

    def line_answered(self) -> None:
        """The other side picked up."""
        self.answered_at = time.monotonic()
        self._answered.set()

    def line_closed(self) -> None:
        """The call is over."""
        if self._ended.is_set():
            return
        self.ended_at = time.monotonic()
        self.stop_speaking()
        self._keys.clear()
        for event in (self._ended, self._answered, self._keys_up):
            event.set()
        for _, future in self._listeners:
            if not future.done():
                future.set_exception(ConnectionError(f"call {self.channel_id} ended"))

    def stasis_entered(self) -> None:
        """The call is (again) in the Stasis application."""
        self._left.clear()

    def stasis_left(self, result: LeftStasis) -> None:
        """The call left the Stasis application."""
        self._result = result
        self._left.set()


@lru_cache(maxsize=64)
def wav_as_ulaw(path: str) -> bytes:
    """A WAV file as a caller speaks it. Raises `ValueError`; see `read_wav`."""
    return encode_ulaw(read_wav(path))

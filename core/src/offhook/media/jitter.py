"""The window that puts incoming RTP packets in order and keeps time true. No I/O, no clock of its own.

What it promises to whoever listens: every packet's audio at most once, in the sender's order, and as much
audio as time passed. Three things can be missing, and each is filled with silence of the same length:

- *A lost packet.* The packets behind it wait for it, at most `WINDOW_PACKETS` of them and at most
  `WINDOW_SECONDS`; then the gap is filled. A packet that comes after that is late and dropped.
- *A pause that the sender tells* (its timestamp leaps though no packet is missing: RFC 3551 §4.1), filled
  when the next packet comes.
- *A pause that goes on.* Asterisk sends nothing while the caller's phone sends nothing (muted, on hold,
  silence suppression). A provider that counts audio, not seconds, would never see the end of such a turn,
  so after `PAUSE_SECONDS` without a packet silence is given out by the clock, and the pause's end fills
  only what is left.

A leap of more than `LONGEST_FILL_MS` or `FARTHEST` packets either way, and a new SSRC, start the window
anew: the sender changed, and its old clock says nothing about the new one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from .formats import AudioFormat
from .packet import RtpPacket

WINDOW_PACKETS = 3
WINDOW_SECONDS = 0.060
LONGEST_FILL_MS = 1000
FARTHEST = 50
PAUSE_SECONDS = 0.300
"""Longer than any stall of a healthy Asterisk, so that late packets are rarely taken for a pause."""
PAUSE_STEP_SECONDS = 0.100


@dataclass(slots=True)
class JitterCounts:
    """What happened to the packets of one call, since its start."""

    packets: int = 0
    """Packets whose audio was handed on."""
    lost: int = 0
    """Packets that never came, or came too late."""
    late: int = 0
    """Packets dropped because they came later than the window is wide: silence had taken their place."""
    duplicates: int = 0
    """Packets dropped because they had come before."""
    reordered: int = 0
    """Packets that came after a later one, and in time."""
    wrong_type: int = 0
    """Packets of another payload type (comfort noise, keypad events), dropped."""
    restarts: int = 0
    """How often the sender changed its SSRC, sequence or clock."""
    filled_ms: int = 0
    """Silence handed on in place of what was lost or not sent, in milliseconds."""


class JitterWindow:
    """Puts one sender's packets in order; a packet in order passes at once."""

    def __init__(
        self,
        sink: Callable[[bytes], None],
        audio_format: AudioFormat,
        counts: JitterCounts | None = None,
    ) -> None:
        """`sink` gets the audio in order, mostly a frame at a time; silence in one piece of up to a second.
        `counts` goes on counting in the given object.

        Raises ValueError if the format does not travel by RTP.
        """
        if audio_format.payload_type is None:
            raise ValueError(
                f"{audio_format.realtime_name} has no RTP payload type; use audio/pcmu or audio/pcma"
            )
        self.counts = JitterCounts() if counts is None else counts
        self.sink = sink
        self._format = audio_format
        self._payload_type = audio_format.payload_type
        self._sample_bytes = audio_format.sample_bytes
        self._longest_fill = LONGEST_FILL_MS * audio_format.samples_per_ms
        self._ssrc = -1  # none yet
        self._sequence = 0  # expected next
        self._timestamp = 0  # expected next
        self._given_up: deque[int] = deque(maxlen=FARTHEST)  # sequences that were taken for lost
        self._held: dict[int, tuple[RtpPacket, float]] = {}  # sequence → packet and its arrival
        self._heard_at = 0.0  # when the last packet came, or up to when the clock filled
        self._filled_at = -1.0  # equals _heard_at during a pause that the clock fills

    @property
    def holding(self) -> bool:
        """Packets wait for a missing one: `expire` is wanted soon (see `deadline`)."""
        return bool(self._held)

    @property
    def deadline(self) -> float | None:
        """When `expire` is to be called, on the clock of `push`'s `now`; None before the first packet."""
        if self._ssrc < 0:
            return None
        if self._held:
            return min(arrival for _, arrival in self._held.values()) + WINDOW_SECONDS
        return self._heard_at + (PAUSE_STEP_SECONDS if self._filled_at == self._heard_at else PAUSE_SECONDS)

    def push(self, packet: RtpPacket, now: float) -> None:
        """Take in a packet that arrived at `now` (seconds, monotonic)."""
        payload_type, _, sequence, timestamp, ssrc, payload = packet
        if (
            sequence == self._sequence
            and ssrc == self._ssrc
            and payload_type == self._payload_type
            and not self._held
        ):
            self._heard_at = now
            self._deliver(timestamp, payload)
        else:
            self._take(packet, now)

    def expire(self, now: float) -> None:
        """Give up on what did not come in time, and fill a pause by the clock."""
        while self._held and (deadline := self.deadline) is not None and now >= deadline:
            self._give_up()
        if self._held or (deadline := self.deadline) is None or now < deadline:
            return
        pause_ms = min(round((now - self._heard_at) * 1000), LONGEST_FILL_MS)
        self._heard_at = self._filled_at = now
        self._fill(pause_ms * self._format.samples_per_ms)

    def _take(self, packet: RtpPacket, now: float) -> None:
        """Everything but the next packet in order."""
        foreign = packet.payload_type != self._payload_type
        if foreign:
            self.counts.wrong_type += 1
            # It has its place in the sequence, so it is taken in without its audio.
            packet = packet._replace(payload=b"")
        if packet.ssrc != self._ssrc:
            if not foreign:
                self._restart(packet, now)
            return
        self._heard_at = now
        ahead = (packet.sequence - self._sequence + 0x8000 & 0xFFFF) - 0x8000
        if ahead == 0:
            self.counts.reordered += bool(self._held)
            self._deliver(packet.timestamp, packet.payload)
            self._release()
        elif abs(ahead) > FARTHEST:
            self._restart(packet, now)
        elif ahead < 0 or packet.sequence in self._held:
            if packet.sequence in self._given_up:
                self._given_up.remove(packet.sequence)
                self.counts.late += 1
            else:
                self.counts.duplicates += 1
        else:
            self.counts.reordered += any((packet.sequence - held & 0xFFFF) > 0x8000 for held in self._held)
            self._held[packet.sequence] = packet, now
            if len(self._held) > WINDOW_PACKETS:
                self._give_up()

    def _restart(self, packet: RtpPacket, now: float) -> None:
        while self._held:
            self._give_up()
        if self._ssrc >= 0:
            self.counts.restarts += 1
        self._heard_at = now
        self._given_up.clear()
        self._ssrc, self._timestamp = packet.ssrc, packet.timestamp
        self._sequence = packet.sequence
        self._deliver(packet.timestamp, packet.payload)

    def _give_up(self) -> None:
        """Take what is missing before the first packet held for lost."""
        missing, sequence = min(((held - self._sequence) & 0xFFFF, held) for held in self._held)
        self.counts.lost += missing
        self._given_up.extend((self._sequence + n) & 0xFFFF for n in range(missing))
        self._sequence = sequence
        self._release()

    def _release(self) -> None:
        """Hand on the packets held that are in order now."""
        while (held := self._held.pop(self._sequence, None)) is not None:
            self._deliver(held[0].timestamp, held[0].payload)

    def _deliver(self, timestamp: int, payload: bytes) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        if not payload:
            return
        if timestamp != self._timestamp:
            self._leap(timestamp)
        self._timestamp = (timestamp + len(payload) // self._sample_bytes) & 0xFFFFFFFF
        self.counts.packets += 1
        self.sink(payload)

    def _leap(self, timestamp: int) -> None:
        """The next packet's time is not the one expected: fill a pause, or take up the sender's new clock."""
        samples = (timestamp - self._timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        if abs(samples) > self._longest_fill:
            self.counts.restarts += 1
        elif samples > 0:
            self._fill(samples)
        # Slightly back: the clock filled a pause that was a delay. No word is dropped for it.

    def _fill(self, samples: int) -> None:
        self._timestamp = (self._timestamp + samples) & 0xFFFFFFFF
        self.counts.filled_ms += samples // self._format.samples_per_ms
        self.sink(self._format.silence(samples))

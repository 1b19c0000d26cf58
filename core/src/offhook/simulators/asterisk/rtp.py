"""The RTP leg of an external media channel: a UDP socket that sends and takes G.711 (RFC 3550, RFC 3551).

Asterisk sends to the host that the application named, and takes packets from there; another source is
accepted after it has sent for about 80 ms without a break. Packets of another payload type are dropped.
"""

import asyncio
import contextlib
import logging
import random
import socket
import struct
from collections.abc import Callable

from offhook.simulators.g711 import ALAW_TO_ULAW, ULAW_TO_ALAW

log = logging.getLogger("offhook.simulators.asterisk")

PAYLOAD_TYPES = {"ulaw": 0, "alaw": 8}
"""Formats that work both ways here, and their payload types (RFC 3551 section 6)."""
LEARNING_PACKETS = 4
HOLE_SECONDS = 0.05
_HEADER = struct.Struct("!BBHII")
_READS_AT_ONCE = 16


class RtpLeg:
    """One RTP stream each way. `heard(ulaw)` is called for each packet as it comes; nothing is paced or
    delayed.
    """

    def __init__(
        self, bind_ip: str, remote: tuple[str, int], codec: str, heard: Callable[[bytes], None]
    ) -> None:
        """Bind a UDP port of `bind_ip`. `codec`: `ulaw` or `alaw`. Raises `OSError` when none is free."""
        self.remote = remote
        self.packets_sent = 0
        self.packets_received = 0
        self.packets_dropped = 0
        self._payload_type = PAYLOAD_TYPES[codec]
        self._alaw = codec == "alaw"
        self._heard = heard
        self._accepted = remote
        self._newcomer: tuple[str, int] | None = None
        self._newcomer_packets = 0
        self._sequence = random.getrandbits(16)
        self._timestamp = random.getrandbits(32)
        self._ssrc = random.getrandbits(32)
        self._next_due: float | None = None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
        try:
            self._socket.bind((bind_ip, 0))
        except OSError:
            self._socket.close()
            raise
        self.local: tuple[str, int] = self._socket.getsockname()[:2]
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)

    def send(self, ulaw: bytes, due: float) -> None:
        """Send one packet; `due` is the time it is meant for, so that a hole in the audio shows in the
        timestamps.
        """
        marker = 0
        if self._next_due is None or due - self._next_due > HOLE_SECONDS:
            if self._next_due is not None:
                self._timestamp += round((due - self._next_due) * 50) * 160
            marker = 0x80  # RFC 3551 section 4.1: the first packet after silence
            self._next_due = due
        payload = ulaw.translate(ULAW_TO_ALAW) if self._alaw else ulaw
        header = _HEADER.pack(
            0x80,
            marker | self._payload_type,
            self._sequence & 0xFFFF,
            self._timestamp & 0xFFFFFFFF,
            self._ssrc,
        )
        # A full buffer or a closed port at the other end loses the packet, as networks do.
        with contextlib.suppress(OSError):
            self._socket.sendto(header + payload, self.remote)
        self.packets_sent += 1
        self._sequence += 1
        self._timestamp += len(payload)
        self._next_due += len(payload) / 8000

    def close(self) -> None:
        """Free the port."""
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()

    def _readable(self) -> None:
        for _ in range(_READS_AT_ONCE):
            try:
                packet, source = self._socket.recvfrom(2048)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP "port unreachable" for something sent before
            if source != self._accepted and not self._learn(source):
                self.packets_dropped += 1
                continue
            payload = self._payload(packet)
            if payload is None:
                self.packets_dropped += 1
                continue
            self.packets_received += 1
            try:
                self._heard(payload.translate(ALAW_TO_ULAW) if self._alaw else payload)
            except Exception:
                log.exception("a packet from %s could not be passed on", source)

    def _payload(self, packet: bytes) -> bytes | None:
        if len(packet) < 12 or packet[0] >> 6 != 2 or packet[1] & 0x7F != self._payload_type:
            return None
        start = 12 + 4 * (packet[0] & 0x0F)
        if packet[0] & 0x10:  # header extension, RFC 3550 section 5.3.1
            start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4], "big")
        end = len(packet) - (packet[-1] if packet[0] & 0x20 else 0)
        return packet[start:end] or None

    def _learn(self, source: tuple[str, int]) -> bool:
        """Count packets in a row from a source that is not the accepted one; true when it takes over."""
        self._newcomer_packets = self._newcomer_packets + 1 if source == self._newcomer else 1
        self._newcomer = source
        if self._newcomer_packets <= LEARNING_PACKETS:
            return False
        self._accepted = source
        return True

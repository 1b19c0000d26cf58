"""One RTP leg: a UDP socket between Asterisk's external media channel and a call."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .formats import AudioFormat
from .jitter import JitterCounts, JitterWindow
from .packet import RtpNumbering, is_rtcp, parse_rtp

log = logging.getLogger("offhook.media")

_LARGEST_DATAGRAM = 2048
_WAITING = 256
"""More than the system's buffer holds of one call's packets."""
FLOOD = 250
"""So many datagrams from strangers are looked at; what comes after them the system drops before it is queued."""


@dataclass(slots=True)
class RtpCounts:
    """What happened on one leg's socket since its start; the order of packets is in `JitterCounts`."""

    received: int = 0
    """RTP packets from the peer."""
    strangers: int = 0
    """Datagrams from any other address, dropped; a flood is not counted to its end (`FLOOD`)."""
    malformed: int = 0
    rtcp: int = 0
    """RTCP on the RTP port, ignored."""
    sent: int = 0
    unsent: int = 0
    """Packets that the system refused to send, or that had nowhere to go."""


class RtpLeg:
    """Receives and sends one stream of RTP. No task and no queue: a packet is handled where it is read.

    Only packets from the peer are taken: the address that Asterisk gave for its channel. Until that is
    known the socket is not read at all: what comes early waits in the system's receive buffer (some 200
    packets, 4 s), and is judged like the rest once the peer is known. So no word is lost and no stranger is
    let in. A leg that nobody listens to is not read either; what comes in costs nothing.
    """

    def __init__(
        self,
        bound: socket.socket,
        audio_format: AudioFormat,
        *,
        call_id: str = "",
        on_close: Callable[[socket.socket], None] | None = None,
    ) -> None:
        """`bound` is a non-blocking UDP socket, owned from here on. `on_close` gets it after it was closed
        (to give its port back). Call it inside a running event loop. Raises ValueError if the format does
        not travel by RTP.
        """
        self.counts = RtpCounts()
        self._loop = asyncio.get_running_loop()
        self._socket = bound
        self._format = audio_format
        self._call_id = call_id
        self._on_close = on_close
        self._numbering = RtpNumbering(audio_format)
        self.jitter_counts = JitterCounts()
        """What happened to the order of the packets that came in."""
        self._jitter: JitterWindow | None = None
        self._remote: Any = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        """When the timer is due; uvloop's handle of a time that is past cannot tell."""
        self._reading = False
        self._shut_out = False
        """The socket is connected: the system takes in nothing from strangers."""
        self._closed = False
        self._complained: set[str] = set()

    @property
    def local_address(self) -> tuple[str, int]:
        """Where Asterisk is to send to: (ip, port), the `external_host` of `externalMedia`."""
        ip, port = self._socket.getsockname()[:2]
        return ip, port

    @property
    def remote(self) -> tuple[str, int] | None:
        """The peer, once it is known."""
        return None if self._remote is None else self._remote[:2]

    def set_remote(self, address: tuple[str, int]) -> None:
        """The peer's (ip, port): `UNICASTRTP_LOCAL_ADDRESS` and `UNICASTRTP_LOCAL_PORT` of its channel.

        Raises ValueError if it is not a numeric address of the socket's family.
        """
        ip, port = address
        try:
            if not 0 < port <= 65535:
                raise OSError("allowed are ports 1 to 65535")
            found = socket.getaddrinfo(
                ip, port, self._socket.family, socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
            )
        except (OSError, UnicodeError) as error:
            raise ValueError(
                f"Asterisk's RTP address {ip!r} port {port} (UNICASTRTP_LOCAL_ADDRESS, …_PORT) "
                f"cannot be reached from {self.local_address[0]} (RTP_BIND_IP): {error}"
            ) from error
        self._remote = found[0][4]
        self._read_if_wanted()

    def listen(self, on_audio: Callable[[bytes], None] | None) -> None:
        """Hand the peer's audio to `on_audio`, in order, mostly 20 ms at a time; None: read no more."""
        if on_audio is None:
            self._jitter = None
        elif self._jitter is None:
            self._jitter = JitterWindow(on_audio, self._format, self.jitter_counts)
        else:
            self._jitter.sink = on_audio
        self._read_if_wanted()

    def send(self, frame: bytes, at_ms: int) -> bool:
        """Send one frame, at `at_ms` on the pacer's clock. Never raises; False if it did not leave."""
        if self._closed or self._remote is None:
            self.counts.unsent += 1
            return False
        try:
            packet = self._numbering.packet(frame, at_ms)
            if self._shut_out:
                self._socket.send(packet)
            else:
                self._socket.sendto(packet, self._remote)
        except OSError as error:
            # A full buffer, no route, or an ICMP error of an earlier packet: the call may well recover.
            self.counts.unsent += 1
            self._complain("send", "RTP to %s port %s cannot be sent: %s", *self._remote[:2], error)
            return False
        self.counts.sent += 1
        return True

    def counted(self) -> Mapping[str, int]:
        """All counts of this leg (see `Totals`)."""
        return asdict(self.counts) | asdict(self.jitter_counts)

    def close(self) -> None:
        """Close the socket at once; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._jitter = None
        self._read_if_wanted()
        self._socket.close()
        if self._on_close is not None:
            self._on_close(self._socket)

    def _read_if_wanted(self) -> None:
        wanted = self._jitter is not None and self._remote is not None and not self._closed
        if wanted and not self._reading:
            self._loop.add_reader(self._socket, self._read)
        elif self._reading and not wanted:
            self._loop.remove_reader(self._socket)
        self._reading = wanted
        if not wanted and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _read(self) -> bool:
        """Take one packet; False if there is none. The loop calls again while there are more: that is fairer than a
        burst of one call, and spares the vain look after each packet, which costs more than the packet.
        """
        jitter, counts = self._jitter, self.counts
        if jitter is None:
            return False
        try:
            data, source = self._socket.recvfrom(_LARGEST_DATAGRAM)
        except OSError:
            return False  # nothing there after all, or an ICMP error of an earlier packet of ours
        if source != self._remote:
            counts.strangers += 1
            self._complain(
                "stranger",
                "RTP from %s port %s is ignored: Asterisk said that it sends from %s port %s",
                *source[:2],
                *self._remote[:2],
            )
            if counts.strangers >= FLOOD and not self._shut_out:
                self._shut_strangers_out()
            return True
        packet = parse_rtp(data)
        if packet is None:
            counts.malformed += 1
        elif packet.payload_type != self._format.payload_type and is_rtcp(data):
            counts.rtcp += 1
        else:
            counts.received += 1
            jitter.push(packet, self._loop.time())
            if self._timer is None or jitter.holding:
                self._arm()
        return True

    def _shut_strangers_out(self) -> None:
        """A flood would fill the system's buffer, and the peer's packets would find no room there."""
        try:
            self._socket.connect(self._remote)
        except OSError as error:
            self._complain("flood", "strangers cannot be shut out: %s", error)
        else:
            self._shut_out = True
            self._complain(
                "flood", "%d datagrams from strangers: the system drops what more they send", FLOOD
            )

    def _arm(self) -> None:
        """See to it that the window's deadline is kept.

        It moves with every packet. A timer that runs already is left alone: when it comes it finds the
        later deadline itself, so a call in good order costs three wake-ups a second. Only packets that wait
        need it sooner.
        """
        jitter, timer = self._jitter, self._timer
        if jitter is None or (timer is not None and not jitter.holding):
            return
        deadline = jitter.deadline
        if deadline is None or (timer is not None and self._timer_at <= deadline):
            return
        if timer is not None:
            timer.cancel()
        self._timer_at = deadline
        self._timer = self._loop.call_at(deadline, self._expire)

    def _expire(self) -> None:
        self._timer = None
        # After a stall of ours the packets are there, and only wait to be read: that is no pause of the caller.
        for _ in range(_WAITING):
            if not self._read():
                break
        if self._jitter is not None:
            self._jitter.expire(self._loop.time())
            self._arm()

    def _complain(self, about: str, message: str, *values: object) -> None:
        """Warn once per leg and matter: the packets come fifty times a second."""
        if about not in self._complained:
            self._complained.add(about)
            log.warning(message, *values, extra={"call_id": self._call_id})

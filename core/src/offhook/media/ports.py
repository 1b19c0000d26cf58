"""The UDP ports that calls receive their audio on."""

from __future__ import annotations

import errno
import socket

_TRY_ANOTHER = (errno.EADDRINUSE, errno.EACCES)


class NoPortLeftError(OSError):
    """Every RTP port of the range is in use; the message names the range and the settings."""


class RtpPorts:
    """Hands out bound UDP sockets on the even ports of a range (RFC 3550 §11: RTP takes the even one).

    The ports go round, so that one just given back is the last to be used again: a peer that has not
    noticed the end of its call would otherwise send into the next one. Ports that another program uses are
    passed over.
    """

    def __init__(self, bind_ip: str, first: int, last: int) -> None:
        """`first` and `last` belong to the range. Raises ValueError if it holds no even port."""
        self._bind_ip = bind_ip
        self._range = f"{first}-{last}"
        self._ports = range(first + first % 2, last + 1, 2)
        if not (0 < first <= last <= 65535 and self._ports):
            raise ValueError(
                f"RTP_PORT_MIN={first} and RTP_PORT_MAX={last} hold no port for RTP; "
                "allowed are 1 to 65535 with an even number among them"
            )
        self._next = 0
        self._taken: dict[socket.socket, int] = {}

    @property
    def capacity(self) -> int:
        """How many sockets there can be at once."""
        return len(self._ports)

    @property
    def in_use(self) -> int:
        """How many sockets are out."""
        return len(self._taken)

    def acquire(self) -> socket.socket:
        """A non-blocking UDP socket bound to the next free port.

        Raises `NoPortLeftError` if there is none, and OSError if the address cannot be bound at all
        (RTP_BIND_IP).
        """
        taken = set(self._taken.values())
        for _ in self._ports:
            port = self._ports[self._next]
            self._next = (self._next + 1) % len(self._ports)
            if port in taken:
                continue
            bound = self._bind(port)
            if bound is not None:
                self._taken[bound] = port
                return bound
        raise NoPortLeftError(
            errno.EADDRINUSE,
            f"no RTP port left on {self._bind_ip} in {self._range} ({len(taken)} in use by calls, this one included, "
            "and one with a greeting needs two); widen RTP_PORT_MIN and RTP_PORT_MAX",
        )

    def release(self, bound: socket.socket) -> None:
        """Close the socket and free its port; a second call does nothing."""
        bound.close()
        self._taken.pop(bound, None)

    def _bind(self, port: int) -> socket.socket | None:
        family = socket.AF_INET6 if ":" in self._bind_ip else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_DGRAM)
        try:
            bound.setblocking(False)
            bound.bind((self._bind_ip, port))
        except OSError as error:
            bound.close()
            if error.errno in _TRY_ANOTHER:
                return None
            raise OSError(
                error.errno,
                f"RTP cannot use the address {self._bind_ip!r} (RTP_BIND_IP, RTP_HOST_IP): {error.strerror}",
            ) from error
        return bound

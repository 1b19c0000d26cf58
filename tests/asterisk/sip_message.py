"""SIP messages as text: reading and writing them (RFC 3261 §7), and the SDP that a call needs (RFC 4566)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class SipMessage:
    """One request or response. `first_line` has no line end; `headers` keep their order; `body` is text."""

    first_line: str
    headers: tuple[tuple[str, str], ...]
    body: str = ""

    @classmethod
    def parse(cls, datagram: bytes) -> Self:
        """Read one datagram. Compact header names are not expanded: Asterisk sends none by default."""
        head, _, body = datagram.decode(errors="replace").partition("\r\n\r\n")
        first_line, *lines = head.split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return cls(first_line, tuple((name.strip(), value.strip()) for name, _, value in pairs), body)

    def encode(self) -> bytes:
        """The datagram; `Content-Length` is added here."""
        lines = [self.first_line, *(f"{name}: {value}" for name, value in self.headers)]
        body = self.body.encode()
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body

    @property
    def is_response(self) -> bool:
        return self.first_line.startswith("SIP/2.0 ")

    @property
    def status(self) -> int:
        """The status code of a response."""
        return int(self.first_line.split(" ")[1])

    @property
    def method(self) -> str:
        """A request's method; of a response, the method that it answers."""
        return self.header("CSeq").split()[1]

    @property
    def cseq(self) -> int:
        return int(self.header("CSeq").split()[0])

    def header(self, name: str) -> str:
        """The first header of this name (case does not matter); empty if there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def answer(self, status_line: str, extra: Iterable[tuple[str, str]] = (), body: str = "") -> SipMessage:
        """A response to this request (RFC 3261 §8.2.6): `status_line` is for example `200 OK`."""
        copied = ("via", "from", "to", "call-id", "cseq")
        kept = [(name, value) for name, value in self.headers if name.lower() in copied]
        return SipMessage(f"SIP/2.0 {status_line}", (*kept, *extra), body)


def offer(host: str, port: int, codecs: Iterable[tuple[int, str]]) -> str:
    """An SDP body for audio at `host`:`port`; `codecs` are payload type and encoding name, best first."""
    mappings = [*codecs, (101, "telephone-event/8000")]
    return "\r\n".join(
        [
            "v=0",
            f"o=- {port} 1 IN IP4 {host}",
            "s=-",
            f"c=IN IP4 {host}",
            "t=0 0",
            "m=audio {} RTP/AVP {}".format(port, " ".join(str(number) for number, _ in mappings)),
            *(f"a=rtpmap:{number} {name}" for number, name in mappings),
            "a=fmtp:101 0-16",
            "a=ptime:20",
            "a=sendrecv",
            "",
        ]
    )


def audio_address(sdp: str) -> tuple[tuple[str, int], int]:
    """Where an SDP body wants its audio, and the first payload type there. ValueError if it has no audio."""
    host, port, payload_type = "", 0, -1
    for line in sdp.split("\r\n"):
        kind, _, value = line.partition("=")
        fields = value.split()
        if kind == "c":
            host = fields[2]
        elif kind == "m" and fields[0] == "audio":
            port, payload_type = int(fields[1]), int(fields[3])
    if not host or not port:
        raise ValueError(f"no audio in this SDP: {sdp!r}")
    return (host, port), payload_type

"""One RTP leg in an event loop that was held up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from fake_loop import FakeLoop
from offhook.media import PCMU, RtpLeg, build_rtp


class Stalled(FakeLoop):
    """An event loop whose timers come before it has looked at its sockets."""

    def __init__(self) -> None:
        super().__init__()
        self.read: Callable[[], object] = lambda: None

    def add_reader(self, _: socket.socket, call: Callable[[], object]) -> None:
        self.read = call

    def remove_reader(self, _: socket.socket) -> None:
        self.read = lambda: None


def test_a_stall_of_the_host_is_no_pause_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, heard = Stalled(), list[bytes]()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    bound, peer = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    for one in (bound, peer):
        one.setblocking(False)
        one.bind(("127.0.0.1", 0))
    leg = RtpLeg(bound, PCMU)
    leg.listen(heard.append)
    leg.set_remote(peer.getsockname())
    for n in range(1, 26):
        data = build_rtp(bytes([n]) * 160, payload_type=0, sequence=n, timestamp=n * 160, ssrc=1)
        peer.sendto(data, leg.local_address)
        if n == 1:
            loop.read()
    loop.run_until(loop.now + 0.5)
    assert [piece[0] for piece in heard] == list(range(1, 26))
    assert leg.jitter_counts.filled_ms == 0
    leg.close()
    peer.close()

"""The ports of calls, on real sockets of the loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from offhook.media import NoPortLeftError, RtpPorts


@pytest.fixture
def even_port() -> Iterator[int]:
    """An even port, with the next two even ones free as well."""
    for _ in range(200):
        with ExitStack() as stack:
            first = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            if port % 2 or port > 65000:
                continue
            try:
                for offset in (2, 4):
                    other = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    other.bind(("127.0.0.1", port + offset))
            except OSError:
                continue
        yield port
        return
    pytest.skip("no three free even ports in a row")


def port_of(bound: socket.socket) -> int:
    return int(bound.getsockname()[1])


def test_even_ports_of_the_range_are_handed_out_until_none_is_left(even_port: int) -> None:
    ports = RtpPorts("127.0.0.1", even_port - 1, even_port + 4)
    assert ports.capacity == 3
    bound = [ports.acquire() for _ in range(3)]
    assert [port_of(b) for b in bound] == [even_port, even_port + 2, even_port + 4]
    assert ports.in_use == 3
    assert not bound[0].getblocking()
    with pytest.raises(NoPortLeftError) as caught:
        ports.acquire()
    message = str(caught.value)
    for part in ("127.0.0.1", f"{even_port - 1}-{even_port + 4}", "RTP_PORT_MIN", "RTP_PORT_MAX"):
        assert part in message
    ports.release(bound[1])
    ports.release(bound[1])
    again = ports.acquire()
    assert port_of(again) == even_port + 2
    for b in (bound[0], again, bound[2]):
        ports.release(b)
    assert ports.in_use == 0


def test_a_port_just_given_back_is_the_last_to_come_again(even_port: int) -> None:
    ports = RtpPorts("127.0.0.1", even_port, even_port + 5)
    seen = []
    for _ in range(4):
        bound = ports.acquire()
        seen.append(port_of(bound))
        ports.release(bound)
    assert seen == [even_port, even_port + 2, even_port + 4, even_port]


def test_a_port_of_another_program_is_passed_over(even_port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", even_port))
        ports = RtpPorts("127.0.0.1", even_port, even_port + 3)
        bound = ports.acquire()
        assert port_of(bound) == even_port + 2
        with pytest.raises(NoPortLeftError):
            ports.acquire()
        ports.release(bound)


def test_an_address_that_is_not_ours_is_named() -> None:
    ports = RtpPorts("192.0.2.1", 30000, 30010)
    with pytest.raises(OSError, match=r"192\.0\.2\.1.*RTP_BIND_IP") as caught:
        ports.acquire()
    assert not isinstance(caught.value, NoPortLeftError)
    assert ports.in_use == 0


@pytest.mark.parametrize(("first", "last"), [(30001, 30001), (30010, 30000), (0, 100), (65000, 70000)])
def test_a_range_without_a_port_is_refused(first: int, last: int) -> None:
    with pytest.raises(ValueError, match=f"RTP_PORT_MIN={first} and RTP_PORT_MAX={last}"):
        RtpPorts("127.0.0.1", first, last)

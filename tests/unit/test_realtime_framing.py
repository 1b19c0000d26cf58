"""Frames of a WebSocket, told apart however the network cuts them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice, pairwise

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side

from offhook.realtime.framing import FrameSplitter, random_masks, text_frame

LONGEST = 70_000
SIZES = (0, 1, 125, 126, 300, 65_535, 65_536)


def wire(payload: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True, mask: bool = False) -> bytes:
    return Frame(opcode, payload, fin).serialize(mask=mask)


def split(pieces: Iterable[bytes]) -> list[tuple[bytes, int]]:
    splitter = FrameSplitter(LONGEST)
    return [found for piece in pieces for found in splitter.feed(piece)]


@pytest.mark.parametrize("size", SIZES)
def test_a_frame_of_any_size_is_whole_and_its_payload_is_found(size: int) -> None:
    payload = bytes(n % 251 for n in range(size))
    ((frame, start),) = split([wire(payload)])
    assert frame == wire(payload)
    assert frame[start:] == payload


def test_frames_are_the_same_wherever_the_network_cuts_them() -> None:
    frames = [
        wire(b"a" * 360),
        wire(b"are you there", Opcode.PING),
        wire(b"b" * 300, fin=False),
        wire(b"", Opcode.PING),
        wire(b"c" * 30, Opcode.CONT),
        wire(b""),
        wire(b"d" * 126),
    ]
    stream = b"".join(frames)
    for cuts in ((cut,) for cut in range(len(stream) + 1)):
        pieces = [stream[a:b] for a, b in pairwise((0, *cuts, len(stream)))]
        assert [frame for frame, _ in split(pieces)] == frames, cuts
    assert [frame for frame, _ in split(bytes((byte,)) for byte in stream)] == frames, "byte by byte"
    assert [frame for frame, _ in split([stream])] == frames


def test_a_long_frame_comes_in_many_pieces() -> None:
    frame = wire(b"x" * LONGEST)
    pieces = [frame[at : at + 999] for at in range(0, len(frame), 999)]
    assert split(pieces) == [(frame, 10)]


@pytest.mark.parametrize(
    "bad", [wire(b"x" * 20, mask=True), wire(b"x" * (LONGEST + 1))], ids=["masked", "too long"]
)
def test_what_no_server_may_send_is_left_to_the_library_as_it_is(bad: bytes) -> None:
    good = wire(b"x" * 200)
    for pieces in ([good + bad, b"more"], [good, bad[:20], bad[20:], b"more"]):
        found = split(pieces)
        assert found[0] == (good, 4)
        assert {start for _, start in found[1:]} == {0}
        assert b"".join(frame for frame, _ in found[1:]) == bad + b"more"


@pytest.mark.parametrize("size", SIZES)
def test_a_server_reads_what_we_write(size: int) -> None:
    server = Protocol(Side.SERVER)  # open, as after the handshake
    payload = bytes(n % 251 for n in range(size))
    server.receive_data(text_frame(payload, b"\x91\x02\x7f\xe4"))
    (frame,) = server.events_received()
    assert isinstance(frame, Frame)
    assert frame == Frame(Opcode.TEXT, payload)


def test_masks_are_four_bytes_and_no_two_are_alike() -> None:
    masks = list(islice(random_masks(), 100))
    assert {len(mask) for mask in masks} == {4}
    assert len(set(masks)) == 100, "also where the stock is made anew"
    assert not set(masks) & set(islice(random_masks(), 100)), "those of another client are others"

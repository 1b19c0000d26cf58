"""The bare WebSocket frames of the benchmarks, against the library's."""

from __future__ import annotations

import pytest
from websockets.frames import Frame, Opcode

from frames import TEXT, Frames, client_frame, server_frame, unmask, upgrade_answer
from simulated_ari import separators

SIZES = (0, 1, 125, 126, 65_535, 65_536)


@pytest.mark.parametrize("size", SIZES)
def test_a_servers_frame_is_the_librarys(size: int) -> None:
    assert server_frame(b"x" * size) == Frame(Opcode.TEXT, b"x" * size).serialize(mask=False)


@pytest.mark.parametrize("size", SIZES)
def test_frames_are_found_however_their_bytes_come(size: int) -> None:
    payload = bytes(n % 251 for n in range(size))
    data = Frame(Opcode.TEXT, payload).serialize(mask=True) + client_frame(b"next") + server_frame(b"last")
    for piece in (len(data), 1, 7) if size < 1000 else (len(data), 4096):
        frames = Frames()
        found = [
            (opcode, unmask(body, mask))
            for at in range(0, len(data), piece)
            for opcode, body, mask in frames.feed(data[at : at + piece])
        ]
        assert found == [(TEXT, payload), (TEXT, b"next"), (TEXT, b"last")]


def test_the_beginning_of_a_masked_payload_can_be_read_alone() -> None:
    ((_, body, mask),) = Frames().feed(client_frame(b"input_audio_buffer.append and more"))
    assert unmask(body[:5], mask) == b"input"


def test_the_handshake_is_answered_as_the_standard_wants() -> None:
    request = b"GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in upgrade_answer(request)
    with pytest.raises(ValueError, match="no WebSocket handshake"):
        upgrade_answer(b"GET / HTTP/1.1\r\n\r\n")


def test_variables_that_are_not_set_leave_what_stands_between_them() -> None:
    assert separators("EVAL(${ONE}-a-${TWO}-b-${THREE})") == "-a--b-"
    assert separators("NAME") == "NAME"

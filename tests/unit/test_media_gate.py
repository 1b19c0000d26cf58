"""The gate: nothing lost, nothing doubled, and in order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.media import PCM24, PCMU, Gate
from offhook.media.gate import GateMode


def frame(number: int) -> bytes:
    return number.to_bytes(2, "big") * 80


def frames(*numbers: int) -> bytes:
    return b"".join(frame(number) for number in numbers)


def gate_into(heard: list[bytes], limit_seconds: float = 30.0, gather_ms: int = 0) -> Gate:
    return Gate(heard.append, PCMU, limit_seconds=limit_seconds, gather_ms=gather_ms)


def push(gate: Gate, *numbers: int) -> None:
    for number in numbers:
        gate.push(frame(number))


def test_a_closed_gate_drops() -> None:
    heard: list[bytes] = []
    gate = gate_into(heard)
    push(gate, 1, 2)
    gate.set_mode("open")
    assert heard == []


def test_an_open_gate_passes_each_frame_at_once() -> None:
    heard: list[bytes] = []
    gate = gate_into(heard)
    gate.set_mode("open")
    push(gate, 1, 2)
    assert heard == [frame(1), frame(2)]


def test_live_audio_is_gathered_and_nothing_of_it_waits_for_ever() -> None:
    heard: list[bytes] = []
    gate = Gate(heard.append, PCMU, limit_seconds=30, gather_ms=50)
    gate.set_mode("open")
    push(gate, 1, 2)
    assert heard == []
    push(gate, 3, 4)
    assert heard == [frames(1, 2, 3)], "whole packets, so at least 50 ms"
    gate.flush()
    assert heard[1:] == [frame(4)], "the turn is over"
    push(gate, 5)
    gate.set_mode("closed")
    assert heard[2:] == [frame(5)], "it was said while the gate was open"
    push(gate, 6)
    gate.set_mode("open")
    assert len(heard) == 3


def test_what_was_kept_is_handed_on_at_once_however_much_is_gathered() -> None:
    heard: list[bytes] = []
    gate = Gate(heard.append, PCMU, limit_seconds=30, gather_ms=200)
    gate.set_mode("buffer")
    push(gate, 1, 2)
    gate.set_mode("open")
    assert heard == [frames(1, 2)]


def test_silence_of_a_pause_is_not_gathered_twice() -> None:
    heard: list[bytes] = []
    gate = Gate(heard.append, PCMU, limit_seconds=30, gather_ms=40)
    gate.set_mode("open")
    push(gate, 1)
    gate.push(frames(2, 3, 4))
    assert heard == [frames(1, 2, 3, 4)]


def test_what_was_kept_comes_before_what_is_live() -> None:
    heard: list[bytes] = []
    gate = gate_into(heard)
    gate.set_mode("buffer")
    push(gate, 1, 2, 3)
    assert heard == []
    gate.set_mode("open")
    push(gate, 4)
    assert b"".join(heard) == frames(1, 2, 3, 4)
    assert gate.kept_bytes == 0


def test_opening_twice_doubles_nothing() -> None:
    heard: list[bytes] = []
    gate = gate_into(heard)
    gate.set_mode("buffer")
    push(gate, 1)
    gate.set_mode("open")
    gate.set_mode("open")
    assert b"".join(heard) == frames(1)


def test_closing_forgets_what_was_kept() -> None:
    heard: list[bytes] = []
    gate = gate_into(heard)
    gate.set_mode("buffer")
    push(gate, 1, 2)
    gate.set_mode("closed")
    gate.set_mode("open")
    assert heard == []
    assert gate.overflowed_bytes == 0


def test_buffering_twice_keeps_all() -> None:
    heard: list[bytes] = []
    gate = gate_into(heard)
    gate.set_mode("buffer")
    push(gate, 1)
    gate.set_mode("buffer")
    push(gate, 2)
    gate.set_mode("open")
    assert b"".join(heard) == frames(1, 2)


def test_the_limit_keeps_the_newest_and_counts_the_rest() -> None:
    heard: list[bytes] = []
    gate = gate_into(heard, limit_seconds=0.06)
    gate.set_mode("buffer")
    push(gate, 1, 2, 3, 4, 5)
    assert gate.overflowed_bytes == 2 * 160
    assert gate.kept_bytes == 3 * 160
    gate.set_mode("open")
    assert b"".join(heard) == frames(3, 4, 5)


def test_half_a_minute_is_flushed_in_thirty_pieces_not_in_1500() -> None:
    heard: list[bytes] = []
    gate = gate_into(heard)
    gate.set_mode("buffer")
    push(gate, *range(1500))
    gate.set_mode("open")
    assert [len(piece) for piece in heard] == [8000] * 30


def test_the_limit_is_in_seconds_whatever_the_format() -> None:
    gate = Gate(lambda piece: None, PCM24, limit_seconds=1.0)
    gate.set_mode("buffer")
    for _ in range(60):
        gate.push(bytes(PCM24.frame_bytes))
    assert gate.kept_bytes == 48_000


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["buffer", "open"]) | st.integers(1, 700), max_size=60),
    st.sampled_from([0, 20, 60]),
)
def test_without_closing_all_is_heard_once_and_in_order(steps: list[GateMode | int], gather_ms: int) -> None:
    heard: list[bytes] = []
    gate = gate_into(heard, gather_ms=gather_ms)
    gate.set_mode("buffer")
    given_in = b""
    for number, step in enumerate(steps):
        if isinstance(step, int):
            piece = bytes([number % 256]) * step
            given_in += piece
            gate.push(piece)
        else:
            gate.set_mode(step)
    gate.set_mode("open")
    assert b"".join(heard) == given_in


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["closed", "buffer", "open"]) | st.just(0), max_size=80),
    st.sampled_from([0, 20]),
)
def test_whatever_happens_nothing_is_doubled_or_out_of_order(
    steps: list[GateMode | int], gather_ms: int
) -> None:
    heard: list[bytes] = []
    gate = gate_into(heard, limit_seconds=0.1, gather_ms=gather_ms)
    for number, step in enumerate(steps):
        if isinstance(step, int):
            gate.push(bytes([number]))
        else:
            gate.set_mode(step)
    numbers = list(b"".join(heard))
    assert numbers == sorted(set(numbers))

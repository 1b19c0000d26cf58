"""Both directions of a call put together, over legs and a clock made for the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from fake_loop import FakeLoop
from offhook.call.events import HeardItem
from offhook.media import PCMU, Added, CallAudio, Pacer
from offhook.media.pacer import Paced


class FakeLeg:
    """A transport that remembers."""

    def __init__(self) -> None:
        self.on_audio: Callable[[bytes], None] | None = None
        self.sent: list[tuple[bytes, int]] = []
        self.closed = 0

    def listen(self, on_audio: Callable[[bytes], None] | None) -> None:
        self.on_audio = on_audio

    def send(self, frame: bytes, at_ms: int) -> bool:
        self.sent.append((frame, at_ms))
        return True

    def close(self) -> None:
        self.closed += 1

    def hear(self, frame: bytes) -> None:
        assert self.on_audio is not None
        self.on_audio(frame)


class HandPacer:
    """A pacer whose ticks the test gives by hand."""

    def __init__(self) -> None:
        self.sources: list[Paced] = []
        self.at_ms = 0

    def add(self, source: Paced) -> None:
        if source not in self.sources:
            self.sources.append(source)

    def discard(self, source: Paced) -> None:
        if source in self.sources:
            self.sources.remove(source)

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            for source in tuple(self.sources):
                if not source.send_next(self.at_ms):
                    self.sources.remove(source)
            self.at_ms += 20


class Desk:
    """A call's audio with everything around it."""

    def __init__(self, *, split: bool = True) -> None:
        self.leg_in = FakeLeg()
        self.leg_out = FakeLeg() if split else self.leg_in
        self.pacer = HandPacer()
        self.heard: list[bytes] = []
        self.played: list[tuple[str, int]] = []
        self.audio = CallAudio(
            self.leg_in,
            self.leg_out,
            PCMU,
            self.heard.append,
            cast("Pacer", self.pacer),
            on_played=lambda item_id, heard_ms: self.played.append((item_id, heard_ms)),
        )


@pytest.mark.parametrize("split", [True, False])
def test_the_caller_is_heard_through_the_gate(split: bool) -> None:
    desk = Desk(split=split)
    desk.leg_in.hear(b"dropped")
    desk.audio.set_gate("buffer")
    desk.leg_in.hear(b"kept ")
    desk.audio.set_gate("open")
    desk.leg_in.hear(b"live")
    assert b"".join(desk.heard) == b"kept live"
    if split:
        assert desk.leg_out.on_audio is None, "the caller is not heard twice"


@pytest.mark.parametrize("split", [True, False])
def test_the_model_is_spoken_on_the_way_out(split: bool) -> None:
    desk = Desk(split=split)
    assert desk.audio.add("r", "a", b"\x01" * 160) is Added.STARTED
    assert desk.audio.add("r", "a", b"\x02" * 40) is Added.QUEUED
    desk.audio.finish("a")
    desk.pacer.tick(4)
    assert desk.leg_out.sent == [(b"\x01" * 160, 0), (b"\x02" * 40 + b"\xff" * 120, 20)]
    assert desk.played == [("a", 25)]
    assert desk.audio.played_ms == 25


def test_a_call_with_nothing_to_say_is_not_paced() -> None:
    desk = Desk()
    desk.audio.finish("a")
    desk.audio.finish_all()
    assert desk.pacer.sources == []
    desk.audio.add("r", "a", bytes(160))
    assert len(desk.pacer.sources) == 1
    desk.pacer.tick(2)
    assert desk.pacer.sources == []


@pytest.mark.parametrize("tail", [1, 100])
def test_the_tail_goes_out_though_the_end_is_told_after_a_pause(tail: int) -> None:
    desk = Desk()
    desk.audio.add("r", "a", b"\x01" * (160 + tail))
    desk.pacer.tick(5)
    assert len(desk.leg_out.sent) == 1
    desk.audio.finish("a")
    desk.pacer.tick()
    assert len(desk.leg_out.sent) == 2
    assert desk.played == [("a", (160 + tail) // 8)]


def test_the_tail_goes_out_when_the_connection_is_lost() -> None:
    desk = Desk()
    desk.audio.add("r", "a", b"\x01" * 200)
    desk.pacer.tick(5)
    desk.audio.finish_all()
    desk.pacer.tick()
    assert desk.played == [("a", 25)]


def test_barge_in() -> None:
    desk = Desk()
    desk.audio.add("r1", "a", b"\x01" * 1600)
    desk.pacer.tick(3)
    assert desk.audio.stop() == (HeardItem("a", 60, 200),)
    assert desk.audio.add("r1", "a", b"\x01" * 160) is Added.STALE
    desk.pacer.tick(3)
    assert len(desk.leg_out.sent) == 3
    assert desk.audio.add("r2", "b", b"\x02" * 160) is Added.STARTED
    desk.pacer.tick()
    assert desk.leg_out.sent[3][0] == b"\x02" * 160


def test_stop_then_speak_keeps_frames_a_frame_apart() -> None:
    desk = Desk()
    desk.audio.add("r1", "a", bytes(1600))
    desk.pacer.tick()
    desk.audio.stop()
    assert len(desk.pacer.sources) == 1, "it leaves at its own tick, so a new answer cannot come too soon"


def test_a_tap_hears_all_and_changes_nothing() -> None:
    desk = Desk()
    tapped: list[bytes] = []
    desk.audio.tap([tapped.append])
    desk.leg_in.hear(b"1")
    desk.audio.set_gate("open")
    desk.leg_in.hear(b"2")
    desk.audio.tap([])
    desk.leg_in.hear(b"3")
    assert tapped == [b"1", b"2"]
    assert desk.heard == [b"2", b"3"]


def test_after_the_close_nothing_moves() -> None:
    desk = Desk()
    desk.audio.set_gate("buffer")
    desk.leg_in.hear(b"kept")
    desk.audio.add("r", "a", bytes(1600))
    desk.audio.close()
    desk.audio.close()
    assert (desk.leg_in.closed, desk.leg_out.closed) == (1, 1)
    assert desk.pacer.sources == []
    desk.audio.set_gate("open")
    desk.audio.tap([lambda frame: None])
    assert desk.audio.add("r2", "b", bytes(160)) is Added.STALE
    desk.audio.finish_all()
    desk.pacer.tick(3)
    assert desk.heard == []
    assert desk.leg_out.sent == []
    assert desk.audio.stop() == ()


@pytest.mark.asyncio
async def test_the_real_pacer_paces_it() -> None:
    leg, played = FakeLeg(), asyncio.Event()
    pacer = Pacer()
    audio = CallAudio(
        leg, leg, PCMU, lambda frame: None, pacer, on_played=lambda item_id, heard_ms: played.set()
    )
    audio.add("r", "a", bytes(480))
    audio.finish("a")
    await asyncio.wait_for(played.wait(), 10)
    assert [len(frame) for frame, _ in leg.sent] == [160] * 3
    audio.close()
    pacer.close()


def test_held_audio_is_kept_until_it_is_released() -> None:
    desk = Desk()
    desk.audio.hold()
    desk.audio.add("r1", "a1", b"\x01" * 480)
    desk.audio.finish("a1")
    desk.pacer.tick(5)
    assert desk.leg_out.sent == []
    desk.audio.release()
    desk.pacer.tick(5)
    assert [frame for frame, _ in desk.leg_out.sent] == [b"\x01" * 160] * 3


def test_audio_that_is_held_in_the_middle_goes_on_where_it_stopped() -> None:
    desk = Desk()
    desk.audio.add("r1", "a1", b"\x01" * 480)
    desk.pacer.tick(1)
    desk.audio.hold()
    desk.pacer.tick(3)
    assert len(desk.leg_out.sent) == 1
    assert desk.audio.stop() == (HeardItem("a1", 20, 60),)
    desk.audio.release()
    desk.pacer.tick(3)
    assert len(desk.leg_out.sent) == 1


def test_whoever_holds_at_an_item_s_end_hears_nothing_of_the_next() -> None:
    """A prompt that begins when an answer has been heard: the answer behind it waits for the prompt's end."""
    loop, leg = FakeLoop(), FakeLeg()
    pacer = Pacer(loop=cast("asyncio.AbstractEventLoop", loop))
    audio = CallAudio(
        leg, leg, PCMU, lambda frame: None, pacer, on_played=lambda item_id, heard_ms: audio.hold()
    )
    audio.hold()
    audio.add("r1", "a", b"\x01" * 160)
    audio.finish("a")
    audio.add("r2", "b", b"\x02" * 800)
    audio.release()
    loop.run_until(7.5)
    assert [frame for frame, _ in leg.sent] == [b"\x01" * 160]
    audio.release()
    loop.run_until(8.0)
    assert [frame for frame, _ in leg.sent[1:]] == [b"\x02" * 160] * 5

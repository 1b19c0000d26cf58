"""The feed of one audio listener: bounded, contained, and over when the call is."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from offhook.plugins.failures import Failures
from offhook.plugins.tap import QUEUE_FRAMES, WHERE, Tap
from offhook.plugins.watch import Watch


class Ears:
    """Does with each frame what the test says."""

    def __init__(self, hear: Callable[[bytes], None]) -> None:
        self.told = threading.Event()
        self._hear = hear

    def hear(self, frame: bytes) -> None:
        self._hear(frame)

    def close(self) -> None:
        self.told.set()


class Desk:
    """A tap, and what becomes of it."""

    def __init__(self, hear: Callable[[bytes], None] = lambda frame: None) -> None:
        self.failures = Failures()
        self.watch = Watch()
        self.ears = Ears(hear)
        self.posted: list[tuple[str, str, object]] = []
        self.tap = Tap("ears", "call-1", self.failures, self.watch)
        self.tap.start(self.ears)

    def post(self, plugin: str, name: str, data: object) -> bool:
        self.posted.append((plugin, name, data))
        return True

    def end(self) -> None:
        self.tap.close()
        assert self.ears.told.wait(10)
        self.watch.close()


def test_it_hears_everything_in_order_and_then_of_the_end() -> None:
    heard: list[bytes] = []
    desk = Desk(heard.append)
    frames = [bytes([number]) for number in range(100)]
    for frame in frames:
        desk.tap.feed(frame)
    desk.end()
    assert heard == frames


def test_one_that_is_too_slow_misses_audio_and_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    go_on = threading.Event()

    def hear(frame: bytes) -> None:
        go_on.wait(10)

    desk = Desk(hear)
    for _ in range(QUEUE_FRAMES + 10):
        desk.tap.feed(b"")
    go_on.set()
    desk.end()
    assert desk.failures.counts() == {("ears", WHERE, "dropped"): 1}
    assert "plugin ears: its audio listener is more than 10 s behind the caller" in caplog.text


def test_one_that_raises_is_let_go_of() -> None:
    ended = threading.Event()

    def breaks(frame: bytes) -> None:
        ended.set()
        raise LookupError("no such word")

    desk = Desk(breaks)
    desk.tap.feed(b"1")
    assert ended.wait(10)
    while not desk.failures.counts():
        pass
    desk.tap.feed(b"2")
    assert desk.failures.counts() == {("ears", WHERE, "raised"): 1}
    desk.watch.close()


def test_what_it_emits_carries_its_name_and_goes_nowhere_after_the_end() -> None:
    desk = Desk()
    assert desk.tap.emit(desk.post, "wake", 7)
    desk.end()
    assert not desk.tap.emit(desk.post, "wake", 8)
    assert desk.posted == [("ears", "wake", 7)]
    assert desk.failures.counts() == {("ears", WHERE, "stale"): 1}

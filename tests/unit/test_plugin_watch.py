"""When a plugin's thread is given up: the signs of life, without a thread and without a clock."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from offhook.plugins.switching import SHORT_SECONDS
from offhook.plugins.watch import CPU_SECONDS, WALL_SECONDS, Pulse, Watch


class Thread:
    """A pretended thread: `work` is how much it computes, `answer` lets it give its sign of life."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, asked: bool = True) -> None:
        self.busy = True
        self.cpu_seconds = 0.0
        self._beats: list[Callable[[], None]] = []
        self.pulse = Pulse(lambda: self.busy, self._beats.append if asked else None)
        self.pulse.begin()
        monkeypatch.setattr(self.pulse, "_cpu", lambda: self.cpu_seconds)

    def answer(self) -> None:
        while self._beats:
            self._beats.pop()()

    def looked_at(self, seconds: float, *, computing: bool = False) -> str:
        """So long a time without an answer, in steps of 25 ms; why it is given up, if it is."""
        why = self.pulse.look(0)
        for _ in range(round(seconds / 0.025)):
            self.cpu_seconds += 0.025 if computing else 0
            why = why or self.pulse.look(0.025)
        return why


def test_one_that_answers_is_left_alone_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    thread = Thread(monkeypatch)
    for _ in range(1000):
        assert thread.looked_at(0.2, computing=True) == ""
        thread.answer()


def test_one_that_waits_is_given_up_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Thread(monkeypatch).looked_at(WALL_SECONDS - 0.05) == ""
    assert "has kept its thread for 1.0 s" in Thread(monkeypatch).looked_at(WALL_SECONDS + 0.05)


def test_one_that_computes_is_given_up_much_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Thread(monkeypatch).looked_at(CPU_SECONDS - 0.05, computing=True) == ""
    assert "has computed for 0.2" in Thread(monkeypatch).looked_at(CPU_SECONDS + 0.05, computing=True)


def test_what_was_computed_before_it_last_answered_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    thread = Thread(monkeypatch)
    assert thread.looked_at(0.2, computing=True) == ""
    thread.answer()
    assert thread.looked_at(0.2, computing=True) == ""


def test_one_that_is_not_asked_is_looked_at_only_while_it_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    thread = Thread(monkeypatch, asked=False)
    thread.busy = False
    assert thread.looked_at(60) == ""
    thread.busy = True
    thread.pulse.beat()
    assert thread.looked_at(WALL_SECONDS + 0.05) != ""


def test_threads_take_turns_more_often_while_a_watch_lives_and_the_last_one_restores_it() -> None:
    before = sys.getswitchinterval()
    one, other = Watch(), Watch()
    for watch in (one, other):
        watch.add(Pulse(lambda: False), lambda why: None)
        assert sys.getswitchinterval() == pytest.approx(SHORT_SECONDS)
    one.close()
    one.close()
    assert sys.getswitchinterval() == pytest.approx(SHORT_SECONDS)
    other.close()
    assert sys.getswitchinterval() == pytest.approx(before)

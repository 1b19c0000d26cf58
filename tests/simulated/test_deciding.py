"""A decision that needs a stranger's part is made aside; what happens meanwhile waits its turn."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable

import pytest

from offhook import Action, Activate, CallInfo, CallView, Event, Started, StartTimer, TimerExpired
from offhook.call.actions import End, OpenStream
from offhook.call.call import Call
from offhook.call.events import Arrived, CallerHungUp, Digit, MediaReady, OperatorHangup
from offhook.call.outcome import EndCause
from offhook.plugins.failures import Failures
from offhook.plugins.guard import GuardedPart
from offhook.plugins.thread import PluginThread
from offhook.plugins.watch import Watch
from offhook.runner.deciding import Deciding
from offhook.settings import settings_with


class Slow:
    """A part that thinks about `Started` for as long as the test likes."""

    def __init__(self) -> None:
        self.thinking, self.go_on = threading.Event(), threading.Event()
        self.seen: list[Event] = []

    def on(self, event: Event, call: CallView) -> Iterable[Action]:
        self.seen.append(event)
        match event:
            case Started():
                self.thinking.set()
                self.go_on.wait(0.9)
                yield StartTimer("soon", 0.01)
            case TimerExpired(name="soon"):
                yield Activate()
            case _:
                pass


class Desk:
    """A call with one stranger's part, and what it has decided."""

    def __init__(self) -> None:
        self.part = Slow()
        self._failures, self._watch = Failures(), Watch()
        self._thread = PluginThread("slow", self._failures, self._watch)
        guarded = GuardedPart(self.part, plugin="slow", role="mode", thread=self._thread)
        settings = settings_with(greeting_audio_path="none", preconnect=False)
        self.call = Call(CallInfo("call-1", "channel-1"), settings, activation=[guarded])
        self.done: list[Action] = []
        self.watched: list[Event | None] = []
        self.errors: list[Exception] = []
        self.deciding = Deciding(
            self.call,
            aside=self._aside,
            carry_out=self.done.append,
            watch=lambda event, actions, now: self.watched.append(event),
            failed=lambda event, error: self.errors.append(error),
        )

    async def _aside(self, function: Callable[[], list[Action]]) -> list[Action]:
        return await asyncio.get_running_loop().run_in_executor(None, function)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - what is watched has no event of its own
                await asyncio.sleep(0.005)

    async def close(self) -> None:
        self.part.go_on.set()
        self.deciding.end()
        await self.deciding.ended()
        await self._thread.closed()
        self._watch.close()
        assert self.errors == []


@pytest.mark.asyncio
async def test_the_loop_goes_on_while_a_part_thinks_and_the_order_is_kept() -> None:
    desk = Desk()
    desk.deciding.begin(Arrived())
    desk.deciding.post(MediaReady())
    await desk.until(desk.part.thinking.is_set)
    desk.deciding.post(Digit("1"))
    desk.deciding.post(Digit("2"))
    assert Digit("1") not in desk.watched
    desk.part.go_on.set()
    await desk.until(lambda: Digit("2") in desk.watched)
    assert [event for event in desk.watched if event] == [Arrived(), MediaReady(), Digit("1"), Digit("2")]
    await desk.close()


@pytest.mark.asyncio
async def test_its_timers_ring_and_are_decided_about_aside_too() -> None:
    desk = Desk()
    desk.part.go_on.set()
    desk.deciding.begin(Arrived())
    desk.deciding.post(MediaReady())
    await desk.until(lambda: OpenStream() in desk.done)
    assert TimerExpired("soon") in desk.part.seen
    await desk.close()


@pytest.mark.asyncio
async def test_a_hang_up_waits_for_the_part_and_then_ends_the_call() -> None:
    desk = Desk()
    desk.deciding.begin(Arrived())
    desk.deciding.post(MediaReady())
    await desk.until(desk.part.thinking.is_set)
    desk.deciding.post(CallerHungUp())
    desk.part.go_on.set()
    await desk.until(lambda: desk.done and isinstance(desk.done[-1], End))
    assert desk.call.outcome is not None
    assert desk.call.outcome.cause is EndCause.HANGUP
    await desk.close()


@pytest.mark.asyncio
async def test_after_the_end_nothing_comes_of_a_decision_that_is_still_being_made() -> None:
    desk = Desk()
    desk.deciding.begin(Arrived())
    desk.deciding.post(MediaReady())
    await desk.until(desk.part.thinking.is_set)
    before = list(desk.done)
    desk.deciding.end()
    desk.part.go_on.set()
    await desk.deciding.ended()
    assert desk.done == before
    desk.deciding.post(OperatorHangup())
    assert desk.done == before
    await desk.close()


@pytest.mark.asyncio
async def test_anybody_may_post_from_any_thread() -> None:
    desk = Desk()
    desk.part.go_on.set()
    desk.deciding.begin(Arrived())
    thread = threading.Thread(target=desk.deciding.post, args=(CallerHungUp(),))
    thread.start()
    thread.join()
    assert desk.call.outcome is None, "not in that thread"
    await desk.until(lambda: desk.call.outcome)
    await desk.close()


@pytest.mark.asyncio
async def test_what_was_decided_is_done_before_it_is_shown_and_shown_though_it_fails() -> None:
    """Showing takes its time, and an answer that is to stop must not wait for it."""
    order: list[str] = []

    def carry_out(action: Action) -> None:
        order.append(type(action).__name__)
        raise RuntimeError("a mistake of ours")

    deciding = Deciding(
        Call(CallInfo("call-1", "channel-1"), settings_with(greeting_audio_path="none"), activation=[Slow()]),
        aside=lambda function: asyncio.sleep(0, function()),
        carry_out=carry_out,
        watch=lambda event, actions, now: order.append(f"{type(event).__name__} shown"),
        failed=lambda event, error: order.append(f"{event}: {error}"),
    )
    deciding.begin(Arrived())
    deciding.end()
    assert order == ["ConnectMedia", "Arrived shown", "None: a mistake of ours"]


@pytest.mark.asyncio
async def test_a_timer_that_nobody_answers_is_shown_too() -> None:
    """Whoever decides all of it again must know when the timer ran out."""

    class Patient:
        def on(self, event: Event, call: CallView) -> Iterable[Action]:
            if isinstance(event, Started):
                yield StartTimer("soon", 0.01)

    shown: list[tuple[Event | None, list[Action]]] = []
    settings = settings_with(greeting_audio_path="none", preconnect=False)
    deciding = Deciding(
        Call(CallInfo("call-1", "channel-1"), settings, activation=[Patient()]),
        aside=lambda function: asyncio.sleep(0, function()),
        carry_out=lambda action: None,
        watch=lambda event, actions, now: shown.append((event, list(actions))),
        failed=lambda event, error: pytest.fail(str(error)),
    )
    deciding.begin(Arrived())
    deciding.post(MediaReady())
    async with asyncio.timeout(10):
        while len(shown) < 3:  # noqa: ASYNC110 - what is watched has no event of its own
            await asyncio.sleep(0.005)
    deciding.end()
    assert shown[2] == (None, [])


@pytest.mark.asyncio
async def test_an_event_that_the_call_fails_at_is_told_with_the_failure() -> None:
    class Broken(Call):
        def handle(self, event: Event, now: float) -> list[Action]:
            raise RuntimeError("a mistake of ours")

    failed: list[str] = []
    deciding = Deciding(
        Broken(CallInfo("call-1", "channel-1"), settings_with(), activation=()),
        aside=lambda function: asyncio.sleep(0, function()),
        carry_out=lambda action: None,
        watch=lambda event, actions, now: pytest.fail("nothing was decided"),
        failed=lambda event, error: failed.append(f"{event}: {error}"),
    )
    deciding.begin(Arrived())
    deciding.end()
    assert failed == ["Arrived(channel_up=False): a mistake of ours"]

"""A plugin that listens to the caller: what it hears, what it may say into the call, and what it costs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import pytest

from call_bench import SPEECH, bench, with_plugin
from offhook import (
    Action,
    Activate,
    AudioListener,
    CallInfo,
    CallView,
    Emit,
    Event,
    Part,
    PluginEvent,
    Settings,
    Started,
    hookimpl,
)
from offhook.simulators.g711 import ulaw_level


def loud(frame: bytes) -> bool:
    return ulaw_level(frame) > 300


class Ears:
    """Hears one call; `react` is asked about each frame."""

    def __init__(self, react: Callable[[bytes], None] = lambda frame: None) -> None:
        self.frames: list[bytes] = []
        self.threads: set[int] = set()
        self.closed = threading.Event()
        self._react = react

    def hear(self, frame: bytes) -> None:
        self.frames.append(frame)
        self.threads.add(threading.get_ident())
        self._react(frame)

    def close(self) -> None:
        self.closed.set()


class Recorder:
    """Hears every call."""

    def __init__(self) -> None:
        self.ears: list[Ears] = []

    @hookimpl
    def audio_tap(self, call: CallInfo, settings: Settings) -> AudioListener | None:
        assert settings.openai.input_audio_format == "audio/pcmu"
        self.ears.append(Ears())
        return self.ears[-1]


@pytest.mark.asyncio
async def test_the_listener_hears_the_caller_in_a_thread_of_its_own_until_the_call_ends() -> None:
    recorder = Recorder()
    async with bench(hooks=with_plugin(recorder)) as calls:
        caller = await calls.dial()
        await calls.listening()
        caller.play(SPEECH)
        await caller.wait_heard()  # and the provider has understood all of it
        await caller.press("1#")
        await caller.left_stasis()
        (ears,) = recorder.ears
        await calls.until(ears.closed.is_set, "the listener told of the end")
        assert threading.get_ident() not in ears.threads
        assert len(ears.threads) == 1
    sounding = [frame for frame in ears.frames if loud(frame)]
    assert 48 <= len(sounding) <= 52, "the second that was said, in frames of 20 ms"


class WakeWord:
    """Listens for the first sound, and then activates the mode of this name."""

    @hookimpl
    def audio_tap(self, call: CallInfo, emit: Emit) -> AudioListener | None:
        def react(frame: bytes) -> None:
            if loud(frame):
                emit("wake", {"loud": True})

        return Ears(react)

    @hookimpl
    def activation_mode(self, mode: str) -> Part | None:
        return self if mode == "wakeword" else None

    def on(self, event: Event, call: CallView) -> Iterable[Action]:
        match event:
            case PluginEvent("wake", {"loud": True}, plugin="mine-1"):
                yield Activate()
            case Started():
                assert not call.transcripts
            case _:
                pass


@pytest.mark.asyncio
async def test_what_it_hears_can_activate_a_mode() -> None:
    async with bench(hooks=with_plugin(WakeWord()), recognition_activation_mode="WAKE_WORD") as calls:
        caller = await calls.dial()
        await caller.answered()
        assert calls.record.activity != "listening"
        caller.play(SPEECH)
        await calls.listening()
        await caller.hangup()
        await calls.over()


@pytest.mark.asyncio
async def test_a_call_without_a_listener_takes_the_same_road_as_before() -> None:
    class Nobody:
        @hookimpl
        def audio_tap(self, call: CallInfo) -> AudioListener | None:
            return None

    before = set(threading.enumerate())
    async with bench(hooks=with_plugin(Nobody())) as calls:
        caller = await calls.dial()
        await calls.listening()
        new = set(threading.enumerate()) - before
        assert not [thread for thread in new if thread.name.endswith("listens")]
        await caller.hangup()
        await calls.over()

"""The mode WAKE_WORD without Asterisk: events in, actions out; and its listener, with ears of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Any

import pytest

import offhook_wake_word as plugin
from offhook import CallInfo, Digit, EndCause, Event, PluginEvent, load_settings
from offhook.simulators.g711 import encode_ulaw
from offhook.simulators.realtime import audio_file
from offhook.testing import ActivationModeSuite, CallScenario
from offhook_wake_word import moonshine
from offhook_wake_word.listener import ASLEEP, EARS, Listener, Understand
from offhook_wake_word.ulaw import SAMPLES

SILENCE = b"\xff" * 160
LOUD = b"\x80\x00" * 80


MakeCall = Callable[..., CallScenario]


class TestWakeWord(ActivationModeSuite):
    plugin = plugin
    mode = "WAKE_WORD"
    activates_on = [PluginEvent("wake", plugin="wake_word")]


# --- The mode -----------------------------------------------------------------------------------------------


def test_it_is_installed_under_its_name() -> None:
    (installed,) = entry_points(group="offhook.plugins", name="wake_word")
    assert installed.load() is plugin


@pytest.mark.parametrize("event", [PluginEvent("wake", plugin="wake_word"), Digit("5")])
def test_the_word_and_any_key_start_listening(offhook_call: MakeCall, event: Event) -> None:
    call = offhook_call(plugin, mode="WAKE_WORD")
    call.connected()
    call.at(3, event)
    call.expect_activated(3)


def test_what_another_plugin_has_heard_does_not_matter(offhook_call: MakeCall) -> None:
    call = offhook_call(plugin, mode="WAKE_WORD")
    call.connected()
    call.at(3, PluginEvent("applause"))
    assert call.activated_at is None


def test_who_never_says_the_word_goes_back_to_the_dialplan(offhook_call: MakeCall) -> None:
    call = offhook_call(plugin, mode="WAKE_WORD", conversation_idle_seconds=0)
    call.connected()
    call.expect_end(plugin.PATIENCE_SECONDS, EndCause.NO_SPEECH)


# --- The listener -------------------------------------------------------------------------------------------


class Ear:
    """A listener to one call, whose caller is understood as `words` say, one after the other."""

    def __init__(self, *words: str | Exception) -> None:
        self.words = list(words)
        self.looked_at: list[bytes] = []
        self.emitted: list[str] = []
        ASLEEP.add("call-1")
        self.listener = Listener("call-1", "hello", self._emit, self._understand)

    def _emit(self, name: str, data: Any = None) -> bool:
        self.emitted.append(name)
        return True

    def _understand(self, audio: bytes) -> str:
        self.looked_at.append(audio)
        said = self.words.pop(0) if self.words else ""
        if isinstance(said, Exception):
            raise said
        return said

    def hears(self, frame: bytes, seconds: float) -> None:
        for _ in range(round(seconds * 50)):
            self.listener.hear(frame)
            EARS.submit(lambda: None).result()  # what was to be looked at has been


@pytest.fixture(autouse=True)
def nobody_left() -> Iterator[None]:
    yield
    ASLEEP.clear()


def test_the_word_wakes_whatever_its_case_and_what_follows() -> None:
    ear = Ear("Well,", "Well, Hello there.")
    ear.hears(LOUD, 1.0)
    assert ear.emitted == ["wake"]


def test_a_word_that_only_begins_like_it_does_not() -> None:
    ear = Ear("hellos", "othello")
    ear.hears(LOUD, 2.0)
    assert ear.emitted == []
    assert len(ear.looked_at) == 4


def test_a_short_word_is_looked_at_once_a_pause_follows() -> None:
    ear = Ear("hello")
    ear.hears(SILENCE, 1.0)
    ear.hears(LOUD, 0.1)
    ear.hears(SILENCE, 0.5)
    assert ear.emitted == ["wake"]
    (audio,) = ear.looked_at
    assert audio.startswith(SILENCE), "how the word begins is missing"


def test_silence_is_never_looked_at() -> None:
    ear = Ear()
    ear.hears(SILENCE, 5.0)
    assert ear.looked_at == []


def test_a_long_speech_is_looked_at_by_its_last_seconds() -> None:
    ear = Ear()
    ear.hears(LOUD, 10.0)
    assert max(map(len, ear.looked_at)) == 4 * 8000


def test_once_the_call_listens_nothing_is_looked_at(offhook_call: MakeCall) -> None:
    ear = Ear("hello")
    call = offhook_call(plugin, mode="WAKE_WORD")  # "call-1", too
    call.connected()
    call.at(1, Digit("1"))
    ear.hears(LOUD, 2.0)
    assert (ear.looked_at, ear.emitted) == ([], [])


def test_ears_that_fail_once_hear_the_next_word() -> None:
    ear = Ear(OSError("no model"), "hello")
    ear.hears(LOUD, 1.0)
    assert ear.emitted == ["wake"]


def test_at_the_end_of_the_call_it_is_forgotten() -> None:
    ear = Ear("hello")
    ear.listener.close()
    assert set() == ASLEEP


# --- In a call ----------------------------------------------------------------------------------------------


def tap(**settings: object) -> object:
    asked = load_settings(environ={}, overrides=settings).settings
    return plugin.audio_tap(CallInfo("call-1", "channel-1"), asked, lambda name, data=None: True)


def test_only_calls_in_this_mode_are_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moonshine, "load", lambda: None)
    assert tap(recognitionActivationMode="VAD") is None
    assert isinstance(tap(recognitionActivationMode="wake-word"), Listener)
    assert tap(recognitionActivationMode="WAKE_WORD", inputAudioFormat="audio/pcma") is None


def test_the_table_is_that_of_g711() -> None:
    assert (SAMPLES[0xFF], SAMPLES[0x80], SAMPLES[0x00]) == (0, 32124, -32124)


def test_the_real_ears_understand_a_recording() -> None:
    understand: Understand = moonshine.understand
    assert "hello" in understand(encode_ulaw(audio_file("question.wav"))).lower()
    assert understand(b"\x80\x00" * 100) == ""

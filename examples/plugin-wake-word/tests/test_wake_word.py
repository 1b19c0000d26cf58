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
from offhook_wake_word import listener

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

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *words: str | Exception) -> None:
        self.words = list(words)
        self.looked_at: list[bytes] = []
        self.emitted: list[str] = []
        monkeypatch.setattr(listener, "model", lambda: None)
        monkeypatch.setattr(listener, "understand", self._understand)
        self.listener = listener.Listener("call-1", "hello", self._emit)

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
            listener.EARS.submit(lambda: None).result()  # what was to be looked at has been
            self.listener.hear(frame)
        listener.EARS.submit(lambda: None).result()


@pytest.fixture(autouse=True)
def nobody_left() -> Iterator[None]:
    yield
    listener.ASLEEP.clear()


def test_the_word_wakes_whatever_its_case_and_what_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    ear = Ear(monkeypatch, "Well,", "Well, Hello there.")
    ear.hears(LOUD, 1.0)
    assert ear.emitted == ["wake"]


def test_a_word_that_only_begins_like_it_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    ear = Ear(monkeypatch, "hellos", "othello")
    ear.hears(LOUD, 2.0)
    assert ear.emitted == []
    assert len(ear.looked_at) == 4


def test_a_short_word_is_looked_at_with_what_is_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ear = Ear(monkeypatch, "", "hello")
    ear.hears(SILENCE, 1.0)
    ear.hears(LOUD, 0.3)
    ear.hears(SILENCE, 0.7)
    assert ear.emitted == ["wake"]
    assert ear.looked_at[-1].startswith(SILENCE)
    assert ear.looked_at[-1].endswith(SILENCE)


def test_silence_is_never_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    ear = Ear(monkeypatch)
    ear.hears(SILENCE, 5.0)
    assert ear.looked_at == []


def test_a_long_speech_is_looked_at_by_its_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    ear = Ear(monkeypatch)
    ear.hears(LOUD, 10.0)
    assert max(map(len, ear.looked_at)) == 3 * 8000


def test_once_the_call_listens_nothing_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, offhook_call: MakeCall
) -> None:
    ear = Ear(monkeypatch, "hello")
    call = offhook_call(plugin, mode="WAKE_WORD")  # "call-1", too
    call.connected()
    call.at(1, Digit("1"))
    ear.hears(LOUD, 2.0)
    assert (ear.looked_at, ear.emitted) == ([], [])


def test_what_goes_wrong_is_raised_where_the_host_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="no model"):
        Ear(monkeypatch, OSError("no model")).hears(LOUD, 2.0)


def test_at_the_end_of_the_call_it_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    Ear(monkeypatch, "hello").listener.close()
    assert set() == listener.ASLEEP


# --- In a call ----------------------------------------------------------------------------------------------


def tap(**settings: object) -> object:
    asked = load_settings(environ={}, overrides=settings).settings
    return plugin.audio_tap(CallInfo("call-1", "channel-1"), asked, lambda name, data=None: True)


def test_only_calls_in_this_mode_are_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "model", lambda: None)
    assert tap(recognitionActivationMode="VAD") is None
    assert isinstance(tap(recognitionActivationMode="wake-word"), listener.Listener)
    assert tap(recognitionActivationMode="WAKE_WORD", inputAudioFormat="audio/pcma") is None


def test_the_real_ears_understand_a_recording() -> None:
    # In the thread that recognises for all calls: an earlier test's call may be loading the model there just now.
    understood = listener.EARS.submit(listener.understand, encode_ulaw(audio_file("question.wav")))
    assert "hello" in understood.result().lower()

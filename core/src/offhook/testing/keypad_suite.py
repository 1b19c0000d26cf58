"""The suite for keypad handlers.

from offhook.testing import KeypadSuite

class TestMyKeypad(KeypadSuite):
    plugin = my_plugin
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from offhook.call.actions import Action, End, Finish
from offhook.call.events import Digit
from offhook.call.timers import KEYPAD

from .hostile import KEYS
from .part_checks import is_one, parts_of, registers, shares_nothing, survives_everything
from .scenario import CallScenario, call_with

DTMF_MODES = ("interrupt", "converse")


class KeypadSuite:
    """Set `plugin`; pytest runs the rest."""

    plugin: Any = None
    """The plugin: a module, or an object with hooks."""
    settings: Mapping[str, Any] = MappingProxyType({})
    """Settings that the handler needs, by the last part of their Python name."""
    digits: str = "12#"
    """Keys that the handler does something about."""

    def make_call(self, *, handled: bool = True, **more: Any) -> CallScenario:
        """A call that listens at once; `more` are further settings. handled: the plugin has the keys."""
        assert self.plugin is not None, "set `plugin` in the class"
        settings = {"greeting_audio_path": "none", **self.settings, **more}
        return call_with(self.plugin if handled else None, **settings)

    def test_the_plugin_registers(self) -> None:
        registers(self.plugin)

    def test_it_handles_keys(self) -> None:
        for mode in DTMF_MODES:
            handled = self._pressed(self.digits, dtmf_mode=mode)
            left_alone = self._pressed(self.digits, handled=False, dtmf_mode=mode)
            assert handled != left_alone, f"with dtmfMode {mode}, nothing comes of {self.digits!r}"

    def test_switched_off_it_leaves_keys_alone(self) -> None:
        pressed = self._pressed(self.digits, dtmf_enabled=False)
        assert not [action for action in pressed if isinstance(action, Finish | End)], (
            "with dtmfEnabled false a key must not end the call"
        )

    def test_every_key_may_be_pressed(self) -> None:
        for key in KEYS:
            self._pressed(key * 3)

    def test_its_timers_end_with_the_call(self) -> None:
        for mode in DTMF_MODES:
            call = self.make_call(dtmf_mode=mode)
            call.listening()
            call.at(1, *(Digit(key) for key in self.digits))
            call.until(4000)
            owners = [owner for owner, _ in call.call.state.timers.running()]
            assert KEYPAD not in owners, f"a timer of the keypad still runs\n{call}"

    def _pressed(self, digits: str, **more: Any) -> list[Action]:
        nobody_waits: dict[str, Any] = {
            "no_speech_begin_timeout_seconds": 0,
            "initial_openai_stream_idle_timeout_seconds": 0,
            "conversation_idle_seconds": 0,
        }
        call = self.make_call(**nobody_waits, **more)
        call.listening()
        call.at(1, *(Digit(key) for key in digits))
        call.until(20)
        return [action for at, action in call.done if at >= 1]

    def test_two_calls_share_nothing(self) -> None:
        parts = [parts_of(self.plugin, "", self.settings)[1] for _ in range(2)]
        assert not is_one(parts), "digit_handler must make a new part for each call"
        shares_nothing(self.make_call)

    def test_whatever_happens_it_does_not_break_and_leaves_nothing_behind(self) -> None:
        for mode in DTMF_MODES:
            survives_everything(lambda mode=mode: self.make_call(dtmf_mode=mode))  # type: ignore[misc]

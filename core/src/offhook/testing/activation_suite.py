"""The suite for activation modes: what a host, and a caller, may expect of any.

from offhook.testing import ActivationModeSuite

class TestMyMode(ActivationModeSuite):
    plugin = my_plugin
    mode = "MY_MODE"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from offhook.call.events import (
    Digit,
    Event,
    PlaybackFinished,
    SpeechStarted,
    SpeechStopped,
    TalkingFinished,
    TalkingStarted,
)
from offhook.call.state import Phase

from .part_checks import is_one, parts_of, registers, shares_nothing, survives_everything
from .scenario import CallScenario, call_with


class ActivationModeSuite:
    """Set `plugin` and `mode`; pytest runs the rest."""

    plugin: Any = None
    """The plugin: a module, or an object with hooks."""
    mode: str = ""
    """The mode's name, as in `recognitionActivationMode`."""
    settings: Mapping[str, Any] = MappingProxyType({})
    """Settings that the mode needs, by the last part of their Python name."""
    activates_on: Sequence[Event] = ()
    """What the mode waits for, where an ordinary call does not bring it (a `PluginEvent`, say)."""

    def make_call(self, **more: Any) -> CallScenario:
        """A call in the mode; `more` are further settings."""
        assert self.plugin is not None and self.mode, "set `plugin` and `mode` in the class"
        return call_with(self.plugin, mode=self.mode, **{**self.settings, **more})

    def test_the_plugin_registers(self) -> None:
        registers(self.plugin)

    def test_the_mode_is_found_however_its_name_is_written(self) -> None:
        for name in (self.mode.lower(), self.mode.replace("_", ""), self.mode.replace("_", "-").title()):
            assert call_with(self.plugin, mode=name, **self.settings)

    def test_other_modes_are_left_to_others(self) -> None:
        try:
            call_with(self.plugin, mode="NO_SUCH_MODE_AT_ALL", **self.settings)
        except AssertionError:
            return
        raise AssertionError("activation_mode must return None for a mode that is not its own")

    def test_it_begins_to_listen_or_ends_the_call(self) -> None:
        calls = [self._ordinary(greeting) for greeting in ("none", "sound:hello-world")]
        activated = [call for call in calls if call.call.ended or call.call.state.phase is not Phase.WAITING]
        assert activated, (
            "in an ordinary call the mode neither asks for Activate nor ends the call; if it waits for something "
            f"else, name that in `activates_on`\n{calls[-1]}"
        )

    def _ordinary(self, greeting: str) -> CallScenario:
        """A greeting of two seconds, a caller who speaks before and after its end, and presses a key."""
        call = self.make_call(greeting_audio_path=greeting)
        call.connected()
        call.at(1, TalkingStarted(), SpeechStarted("i1"))
        call.at(2, PlaybackFinished("greeting"))
        call.at(3, TalkingFinished(2000), SpeechStopped("i1"))
        call.at(4, TalkingStarted(), *self.activates_on)
        call.at(5, Digit("1"))
        call.until(60)
        return call

    def test_two_calls_share_nothing(self) -> None:
        parts = [parts_of(self.plugin, self.mode, self.settings)[0][0] for _ in range(2)]
        assert not is_one(parts), "activation_mode must make a new part for each call"
        shares_nothing(self.make_call)

    def test_whatever_happens_it_does_not_break_and_leaves_nothing_behind(self) -> None:
        for greeting in ("none", "sound:hello-world"):
            survives_everything(lambda greeting=greeting: self.make_call(greeting_audio_path=greeting))  # type: ignore[misc]

"""`offhook.testing.CallScenario` with the first-party plugins, as most of our tests want it."""

from __future__ import annotations

from typing import Final

import offhook_activation_fixed_delay
import offhook_activation_immediate
import offhook_activation_vad
import offhook_dtmf
from offhook import Part, Settings
from offhook.testing.scenario import CALL_ID
from offhook.testing.scenario import CallScenario as AnyCallScenario

__all__ = ["CALL_ID", "MODES", "CallScenario", "activation"]

MODES: Final = ("IMMEDIATE", "FIXED_DELAY", "VAD")
_PLUGINS: Final = (offhook_activation_immediate, offhook_activation_fixed_delay, offhook_activation_vad)


def activation(mode: str, settings: Settings) -> Part | None:
    """The first-party part for a mode, as the host would choose it."""
    name = mode.lower().replace("_", "")
    parts = (plugin.activation_mode(name, settings) for plugin in _PLUGINS)
    return next((part for part in parts if part), None)


class CallScenario(AnyCallScenario):
    """A call with the first-party plugins; a part that breaks ends it, as in a host."""

    def __init__(
        self,
        settings: Settings,
        mode: str = "",
        *,
        activation_part: Part | None = None,
        keypad: Part | None = None,
    ) -> None:
        mode = mode or settings.recognition.recognition_activation_mode
        part = activation_part or activation(mode, settings)
        super().__init__(
            settings,
            activation=[part] if part else [],
            keypad=keypad or offhook_dtmf.digit_handler(settings),
            strict=False,
        )

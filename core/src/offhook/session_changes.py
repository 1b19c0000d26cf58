"""Which settings an operator may change while a call runs: those that the Realtime session takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offhook.settings import LayeredSettings, SettingsError, find_leaf

CHANGEABLE = frozenset(
    {
        "eagerness",
        "idleTimeoutMs",
        "instructions",
        "maxOutputTokens",
        "noiseReduction",
        "prefixPaddingMs",
        "silenceDurationMs",
        "speed",
        "threshold",
        "toolChoice",
        "turnDetection",
        "voice",
    }
)


def changed_session(layered: LayeredSettings, changes: Mapping[str, Any]) -> LayeredSettings:
    """A running call's settings with `changes` over them. Raises SettingsError and lists every problem."""
    fixed = [name for name in changes if (leaf := find_leaf(name)) and leaf.name not in CHANGEABLE]
    if fixed:
        raise SettingsError(
            f"{name} cannot be changed while a call runs; what can is {', '.join(sorted(CHANGEABLE))}"
            for name in fixed
        )
    return layered.with_layer("console", changes, strict=True, per_call_only=True)

"""The settings of one call: the host's, then what plugins say, then what the dialplan says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from offhook.ari import AriClient, AriError
from offhook.call.info import CallInfo
from offhook.plugins.hooks import Hooks
from offhook.settings import LayeredSettings
from offhook.settings.channel_variables import names, with_channel_variables

log = logging.getLogger("offhook.runner")

MODE = "recognitionActivationMode"


async def read_call_settings(
    info: CallInfo, below: LayeredSettings, ari: AriClient, hooks: Hooks
) -> LayeredSettings:
    """Read the channel's `APP_…` variables, ask the plugins, and lay both over the host's settings.

    Never raises and takes `settingsTimeoutMs` for each of the two at most: what is bad or late is left out, the
    lower layer's value stands, and the result's `problems` say so.
    """
    seconds = below.settings.asterisk.settings_timeout_ms / 1000
    problems: list[str] = []
    variables: dict[str, str] = {}
    try:
        async with asyncio.timeout(seconds):
            variables = await ari.read_variables(info.channel_id, names())
    except TimeoutError:
        problems.append(
            f"the channel's variables could not be read within {seconds * 1000:g} ms (SETTINGS_TIMEOUT_MS)"
        )
    except AriError as error:
        problems.append(f"the channel's variables could not be read: {error}")
    said = await hooks.call_settings(info, variables, timeout_seconds=seconds)
    # Whether a mode is known is for plugins to say.
    layered = await hooks.aside(lambda: _laid_over(below, said, variables, problems))
    for problem in (*problems, *layered.problems):
        log.warning("%s", problem, extra={"call_id": info.call_id})
    return LayeredSettings(
        layered.settings,
        layered.origins,
        warnings=layered.warnings,
        problems=(*problems, *layered.problems),
        checks=layered.checks,
    )


def _laid_over(
    below: LayeredSettings,
    said: Iterable[tuple[str, Mapping[str, Any] | str]],
    variables: Mapping[str, str],
    problems: list[str],
) -> LayeredSettings:
    layered = LayeredSettings(below.settings, below.origins, checks=below.checks)
    for plugin, overrides in said:
        if isinstance(overrides, str):
            problems.append(f"the call's settings of plugin {plugin} are missing: it {overrides}")
            continue
        try:
            layered = layered.with_layer(f"plugin {plugin}", overrides, per_call_only=True)
        except Exception as error:  # a stranger's mapping may hold anything
            problems.append(f"the settings of plugin {plugin} cannot be used: {error!r}")
    return with_channel_variables(layered, variables)


def with_known_modes(layered: LayeredSettings, hooks: Hooks) -> LayeredSettings:
    """Settings that take only activation modes which a plugin has.

    A host whose default mode has no plugin starts all the same: a call may choose another one.
    """

    def check(mode: str) -> str:
        known = hooks.knows_mode(mode, layered.settings)
        return (
            "" if known else "the name of a mode that an installed plugin has (IMMEDIATE, FIXED_DELAY, VAD …)"
        )

    if layered.origin(MODE) == "default":
        return replace(layered, checks={**layered.checks, MODE: check})
    return layered.with_check(MODE, check)

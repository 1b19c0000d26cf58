"""Secrets that are not in the settings: an embedding program fetches them where it keeps them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from offhook.settings import LayeredSettings, SettingsError

log = logging.getLogger("offhook.host")

Secrets = Callable[[str], Awaitable[str]]
"""Gets the name of an environment variable (`OPENAI_API_KEY`, `ASTERISK_ARI_PASSWORD` …) and returns the secret; an
empty text leaves that to the settings. Asked at the start, and for the provider's key again at each call, so that
keys may be renewed."""


AT_START = ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "ASTERISK_ARI_PASSWORD", "OFFHOOK_TOKEN")
AT_EACH_CALL = ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY")


async def with_secrets(
    layered: LayeredSettings, secrets: Secrets | None, names: Iterable[str]
) -> LayeredSettings:
    """The settings with these secrets (names in the environment) from `secrets`.

    Raises SettingsError with the name and what was wrong, never the secret.
    """
    if secrets is None:
        return layered
    values: dict[str, str] = {}
    problems: list[str] = []
    for name in names:
        try:
            value = await secrets(name)
        except Exception as error:
            problems.append(f"{name} could not be fetched: {type(error).__name__}: {error}")
            continue
        if isinstance(value, str):
            values |= {name: value} if value else {}
        else:
            problems.append(f"{name} was fetched as {type(value).__name__}; it must be text")
    if problems:
        raise SettingsError(problems)
    return layered.with_layer("secrets", values, strict=True) if values else layered


async def with_fresh_key(layered: LayeredSettings, secrets: Secrets | None) -> LayeredSettings:
    """The settings of one call with the provider's key as it is now; one that cannot be had is a problem of the call.

    Never raises.
    """
    try:
        return await with_secrets(layered, secrets, AT_EACH_CALL)
    except SettingsError as error:
        for problem in error.problems:
            log.error("%s", problem)
        return replace(layered, problems=(*layered.problems, *error.problems))

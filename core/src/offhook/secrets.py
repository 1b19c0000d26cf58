"""Secrets that are not in the settings: an embedding program fetches them where it keeps them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from offhook.settings import LayeredSettings, SettingsError, leaves

log = logging.getLogger("offhook.host")

Secrets = Callable[[str], Awaitable[str]]
"""Gets the name of an environment variable and returns the secret; an empty text leaves that to the settings.

At the start it is asked for the provider's key (`OPENAI_API_KEY` or `AZURE_OPENAI_API_KEY`), `ASTERISK_ARI_PASSWORD`
and, for the console, `OFFHOOK_TOKEN`; for the provider's key again at each call, so that keys may be renewed."""


class Vault:
    """Lays the secrets over settings, and keeps the newest key for the case that none can be had."""

    def __init__(self, secrets: Secrets | None) -> None:
        self._secrets = secrets
        self._newest: dict[str, str] = {}

    async def at_start(self, layered: LayeredSettings, *, console: bool) -> LayeredSettings:
        """The settings with all secrets. Raises SettingsError with the names and what was wrong, never a secret."""
        more = ("ASTERISK_ARI_PASSWORD", *(("OFFHOOK_TOKEN",) if console else ()))
        values, problems = await self._fetch((_key_of(layered), *more))
        if problems:
            raise SettingsError(problems)
        return layered.with_layer("secrets", _by_setting(values), strict=True)

    async def for_call(self, layered: LayeredSettings) -> LayeredSettings:
        """The settings of one call with the provider's key as it is now; if it cannot be had, with the newest known.

        That it cannot is a problem of the call. Never raises, and takes `settingsTimeoutMs` at most.
        """
        name = _key_of(layered)
        seconds = layered.settings.asterisk.settings_timeout_ms / 1000
        try:
            async with asyncio.timeout(seconds):
                _, problems = await self._fetch((name,))
        except TimeoutError:
            problems = [f"{name} could not be fetched within {seconds * 1000:g} ms (SETTINGS_TIMEOUT_MS)"]
        for problem in problems:
            log.error("%s", problem)
        layered = replace(layered, problems=(*layered.problems, *problems))
        newest = {name: value for name, value in self._newest.items() if name == _key_of(layered)}
        return layered.with_layer("secrets", _by_setting(newest))

    async def _fetch(self, names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
        """Name → secret, and what went wrong."""
        values: dict[str, str] = {}
        problems: list[str] = []
        for name in names if self._secrets else ():
            assert self._secrets is not None
            try:
                value = await self._secrets(name)
            except Exception as error:
                # Its text is not ours, and may hold anything.
                problems.append(f"{name} could not be fetched: {type(error).__name__}")
                continue
            if not isinstance(value, str):
                problems.append(f"{name} was fetched as {type(value).__name__}; it must be a text")
            elif value:
                values[name] = value
        self._newest |= values
        return values, problems


def _by_setting(values: dict[str, str]) -> dict[str, str]:
    """Name of the setting → secret, for names in the environment."""
    names = {leaf.env: leaf.name for leaf in leaves()}
    return {names[name]: value for name, value in values.items()}


def _key_of(layered: LayeredSettings) -> str:
    """The provider's key, by its name in the environment."""
    azure = layered.settings.openai.ai_provider == "azure"
    return "AZURE_OPENAI_API_KEY" if azure else "OPENAI_API_KEY"

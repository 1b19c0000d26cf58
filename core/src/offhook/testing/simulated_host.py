"""A host between the simulated Asterisk and the simulated Realtime server, and the check that nothing is left.

    async with simulated_host(plugins={"mine": my_plugin}, recognition_activation_mode="MY_MODE") as calls:
        caller = await calls.dial()
        caller.play(SPEECH)
        await caller.wait_heard()

The server's ears and voice are stand-ins here: an utterance is understood by its pitch, and every answer is a tone
whose frames can be told apart, so that tests compare bytes and need no speech engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from offhook.call.record import CallRecord
from offhook.host import Host
from offhook.plugins.hooks import Hooks
from offhook.runner.arrivals import OURS
from offhook.settings import Settings, settings_with
from offhook.simulators.asterisk import SimulatedAsterisk, SimulatedCaller
from offhook.simulators.realtime import SimulatedRealtime

from .sounds import Ears, Mouth


class SimulatedCalls:
    """Asterisk, provider and host, and what tests ask of them."""

    def __init__(self, asterisk: SimulatedAsterisk, provider: SimulatedRealtime, host: Host) -> None:
        self.asterisk = asterisk
        self.provider = provider
        self.host = host
        self._dialled = 0

    async def dial(self, extension: str = "7000", **variables: str) -> SimulatedCaller:
        """Call with `APP_…` variables, named without the prefix and in any case."""
        self._dialled += 1
        return await self.asterisk.dial(
            extension, variables={f"APP_{name.upper()}": value for name, value in variables.items()}
        )

    @property
    def record(self) -> CallRecord:
        """The record of the newest call."""
        return list(self.host.records.values())[-1]

    async def until(self, condition: Callable[[], object], what: str, timeout_seconds: float = 10) -> None:
        """Wait until `condition()` holds. Raises AssertionError with `what`."""
        try:
            async with asyncio.timeout(timeout_seconds):
                while not condition():  # noqa: ASYNC110 - what is watched has no event of its own
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"not within {timeout_seconds} s: {what}") from None

    @property
    def _known(self) -> bool:
        """The host has a record of every call that was dialled."""
        return bool(self.host.records) and len(self.host.records) >= self._dialled

    async def over(self) -> None:
        """Wait until the host knows of the newest call's end."""
        await self.until(lambda: self._known and not self.record.live, "the call's end")

    async def listening(self) -> None:
        """Wait until the audio of the newest call goes to the provider."""
        await self.until(lambda: self._known and self.record.activity == "listening", "listening")

    async def cleared(self) -> None:
        """Wait until nothing of the host's making is left in Asterisk."""
        await self.until(lambda: not left_in_asterisk(self.asterisk), "nothing left in Asterisk")


CallsT = TypeVar("CallsT", bound=SimulatedCalls)


@asynccontextmanager
async def simulated_host(
    *,
    plugins: Mapping[str, object] | None = None,
    hooks: Hooks | None = None,
    ears: Ears | None = None,
    mouth: Mouth | None = None,
    asterisk_options: Mapping[str, Any] | None = None,
    provider_options: Mapping[str, Any] | None = None,
    calls_class: type[CallsT] = SimulatedCalls,  # type: ignore[assignment]
    **settings: Any,
) -> AsyncIterator[CallsT]:
    """A host with its surroundings, on loopback; at the end, the check that nothing is left of any call.

    plugins: by name, beside those that are installed. hooks: all plugins, in place of those. ears, mouth: what the
    simulated model understands and says. asterisk_options, provider_options: arguments of the simulators. settings:
    of the host, by the last part of their Python name.
    """
    before = open_sockets()
    async with (
        SimulatedAsterisk(**(asterisk_options or {})) as asterisk,
        SimulatedRealtime(
            recognizer=ears or Ears(), voice=mouth or Mouth(), **(provider_options or {})
        ) as provider,
    ):
        made = simulated_settings(asterisk, **{"base_url": provider.url, **settings})
        async with Host(made, plugins=plugins, hooks=hooks) as host:
            await asterisk.connected()
            yield calls_class(asterisk, provider, host)
        nothing_left_in_asterisk(asterisk)
        nothing_left_in_host(host)
    left = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    assert not left, f"tasks are left: {left}"
    assert open_sockets() <= before, "sockets are left open"


def simulated_settings(asterisk: SimulatedAsterisk, **changes: Any) -> Settings:
    """Settings of a host for the simulators: no greeting, quick to listen."""
    values: dict[str, Any] = {
        "ari_url": asterisk.url,
        "ari_username": asterisk.username,
        "ari_password": asterisk.password,
        "ari_app_name": asterisk.app,
        "port": 0,
        "greeting_audio_path": "none",
        "recognition_activation_mode": "IMMEDIATE",
        "silence_duration_ms": 200,
        "rtp_port_min": 10_000,
        "rtp_port_max": 60_000,
    }
    return settings_with(**{**values, **changes})


def left_in_asterisk(asterisk: SimulatedAsterisk) -> list[str]:
    """The channels and bridges of a host's making."""
    return [name for name in (*asterisk.channels, *asterisk.bridges) if name.startswith(OURS)]


def nothing_left_in_asterisk(asterisk: SimulatedAsterisk) -> None:
    """No channel or bridge of ours is there any more. Raises AssertionError."""
    assert not left_in_asterisk(asterisk), f"left in Asterisk: {left_in_asterisk(asterisk)}"


def nothing_left_in_host(host: Host) -> None:
    """No port, no call. Raises AssertionError."""
    assert host.ports_in_use == 0, "RTP ports are left in use"
    assert all(not record.live for record in host.records.values()), "a call never ended"


def open_sockets() -> int:
    """How many sockets this process has open; 0 where the system does not tell."""
    count = 0
    descriptors = Path("/proc/self/fd")
    for link in descriptors.iterdir() if descriptors.exists() else ():
        with suppress(FileNotFoundError):  # the listing's own descriptor
            count += str(link.readlink()).startswith("socket:")
    return count

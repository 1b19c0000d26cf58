"""A host between the simulated Asterisk and the simulated Realtime server, and the check that nothing is left.

The server's ears and voice are stand-ins here: each utterance is understood as the next of `words`, and every
answer is a tone whose frames can be told apart, so that tests compare bytes and need no speech engine.
"""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from offhook import Host
from offhook.call.record import CallRecord
from offhook.plugins.hooks import Hooks
from offhook.runner.arrivals import OURS
from offhook.settings import Settings, settings_with
from offhook.simulators.asterisk import SimulatedAsterisk, SimulatedCaller
from offhook.simulators.realtime import SimulatedRealtime
from openai_types import validate_client
from plain_realtime import validate as validate_server

ANSWER_SECONDS = 1.5


class Ears:
    """Understands each utterance as the next of `words`; the last one stays."""

    def __init__(self, words: Sequence[str] = ("hello there",)) -> None:
        self._words = list(words)

    def load(self) -> None:
        """Nothing to load."""

    def transcribe(self, pcm: bytes, rate: int) -> str:
        return self._words.pop(0) if len(self._words) > 1 else self._words[0]


class Mouth:
    """Speaks every text as the same sweep of `seconds`."""

    def __init__(self, seconds: float = ANSWER_SECONDS) -> None:
        self.seconds = seconds

    def load(self) -> None:
        """Nothing to load."""

    def speak(self, text: str, rate: int, speed: float) -> Iterator[tuple[str, bytes]]:
        yield text, sweep(self.seconds, rate)


def sweep(seconds: float, rate: int = 8000, low: float = 400.0, high: float = 2000.0) -> bytes:
    """A tone that rises all the time: every part of it is different. 16-bit PCM."""
    count = round(seconds * rate)
    span = high - low
    return struct.pack(
        f"<{count}h",
        *(
            round(9000 * math.sin(2 * math.pi * (low * t + span * t * t / (2 * seconds))))
            for t in (n / rate for n in range(count))
        ),
    )


SPEECH = sweep(1.0, low=300, high=900)
"""What a caller says: one second of sound."""


class Bench:
    """Asterisk, provider and host, and what tests ask of them."""

    def __init__(self, asterisk: SimulatedAsterisk, provider: SimulatedRealtime, host: Host) -> None:
        self.asterisk = asterisk
        self.provider = provider
        self.host = host

    async def dial(self, extension: str = "7000", **variables: str) -> SimulatedCaller:
        """Call with `APP_…` variables, named without the prefix and in any case."""
        return await self.asterisk.dial(
            extension, variables={f"APP_{name.upper()}": value for name, value in variables.items()}
        )

    @property
    def record(self) -> CallRecord:
        """The record of the newest call."""
        return list(self.host.calls.values())[-1]

    async def until(self, condition: Callable[[], object], what: str, timeout_seconds: float = 10) -> None:
        """Wait until `condition()` holds. Raises AssertionError with `what`."""
        try:
            async with asyncio.timeout(timeout_seconds):
                while not condition():  # noqa: ASYNC110 - what is watched has no event of its own
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"not within {timeout_seconds} s: {what}") from None

    async def over(self) -> None:
        """Wait until the host knows of the newest call's end."""
        await self.until(lambda: not self.record.live, "the call's end")

    async def listening(self) -> None:
        """Wait until the caller's audio goes to the provider."""
        await self.until(lambda: self.host.calls and self.record.activity == "listening", "listening")


def bench_settings(asterisk: SimulatedAsterisk, base_url: str, **changes: Any) -> Settings:
    """Settings of a host for the simulators: no greeting, quick to listen."""
    values: dict[str, Any] = {
        "ari_url": asterisk.url,
        "ari_username": asterisk.username,
        "ari_password": asterisk.password,
        "ari_app_name": asterisk.app,
        "base_url": base_url,
        "port": 0,
        "greeting_audio_path": "none",
        "recognition_activation_mode": "IMMEDIATE",
        "silence_duration_ms": 200,
        "rtp_port_min": 10_000,
        "rtp_port_max": 60_000,
    }
    return settings_with(**{**values, **changes})


@asynccontextmanager
async def bench(
    *,
    ears: Ears | None = None,
    mouth: Mouth | None = None,
    hooks: Hooks | None = None,
    asterisk_options: dict[str, Any] | None = None,
    provider_options: dict[str, Any] | None = None,
    **changes: Any,
) -> AsyncIterator[Bench]:
    """A host with its surroundings; at the end, proof that nothing is left of any call.

    `changes` are settings of the host. Every message of both sides of every Realtime session is validated
    against the types of the `openai` package.
    """
    before = open_sockets()
    async with (
        SimulatedAsterisk(**(asterisk_options or {})) as asterisk,
        SimulatedRealtime(
            recognizer=ears or Ears(), voice=mouth or Mouth(), **(provider_options or {})
        ) as provider,
    ):
        async with Host(bench_settings(asterisk, provider.url, **changes), hooks=hooks) as host:
            await asterisk.connected()
            yield Bench(asterisk, provider, host)
        nothing_left_in_asterisk(asterisk)
        nothing_left_in_host(host)
        for session in provider.sessions:
            for message in session.messages:
                (validate_server if message.from_server else validate_client)(message.body)
    left = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    assert not left, f"tasks are left: {left}"
    assert open_sockets() <= before, "sockets are left open"


def nothing_left_in_asterisk(asterisk: SimulatedAsterisk) -> None:
    """No channel or bridge of ours is there any more."""
    ours = [name for name in (*asterisk.channels, *asterisk.bridges) if name.startswith(OURS)]
    assert not ours, f"left in Asterisk: {ours}"


def nothing_left_in_host(host: Host) -> None:
    """No port, no call."""
    assert host.ports_in_use == 0, "RTP ports are left in use"
    assert all(not record.live for record in host.calls.values()), "a call never ended"


def open_sockets() -> int:
    """How many sockets this process has open."""
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own descriptor
            count += str(link.readlink()).startswith("socket:")
    return count

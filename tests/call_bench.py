"""A host between the simulated Asterisk and the simulated Realtime server, and the check that nothing is left.

The server's ears and voice are stand-ins here: an utterance is understood by its pitch, and every answer is a tone
whose frames can be told apart, so that tests compare bytes and need no speech engine.
"""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from offhook import Host
from offhook.ari import AriError, ServerError
from offhook.call.record import CallRecord
from offhook.plugins.hooks import Hooks
from offhook.runner.arrivals import OURS
from offhook.settings import Settings, settings_with
from offhook.simulators.asterisk import SimulatedAsterisk, SimulatedCaller
from offhook.simulators.caller import LeftStasis
from offhook.simulators.realtime import SimulatedRealtime
from openai_types import validate_client, validate_server

ANSWER_SECONDS = 1.5


class Ears:
    """Understands `utterance(n)` as `words[n]`, by its pitch; anything higher as the last one."""

    def __init__(self, words: Sequence[str] = ("hello there",)) -> None:
        self._words = tuple(words)

    def load(self) -> None:
        """Nothing to load."""

    def transcribe(self, pcm: bytes, rate: int) -> str:
        samples: list[int] = [sample for (sample,) in struct.iter_unpack("<h", pcm)]
        seconds = sum(abs(sample) > 500 for sample in samples) / rate
        crossings = sum((one < 0) != (other < 0) for one, other in pairwise(samples))
        pitch = crossings / 2 / max(seconds, 0.001)
        number = int((pitch - 200) // 300)
        return self._words[min(max(number, 0), len(self._words) - 1)]


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


def utterance(number: int) -> bytes:
    """What a caller says: a second of sound, of another pitch for each number. 16-bit PCM at 8 kHz."""
    return sweep(1.0, low=300 + 300 * number, high=400 + 300 * number)


SPEECH = utterance(0)


class Hold:
    """A request that hangs: `reached` when it does, until `released` is set."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.released = asyncio.Event()


class Bench:
    """Asterisk, provider and host, and what tests ask of them."""

    def __init__(self, asterisk: SimulatedAsterisk, provider: SimulatedRealtime, host: Host) -> None:
        self.asterisk = asterisk
        self.provider = provider
        self.host = host
        self._dialled = 0
        self._holds: list[Hold] = []

    async def dial(self, extension: str = "7000", **variables: str) -> SimulatedCaller:
        """Call with `APP_…` variables, named without the prefix and in any case."""
        self._dialled += 1
        return await self.asterisk.dial(
            extension, variables={f"APP_{name.upper()}": value for name, value in variables.items()}
        )

    async def dial_again(self, caller: SimulatedCaller) -> None:
        """The dialplan sends a caller that was given back here once more."""
        self._dialled += 1
        await self.asterisk.dial_again(caller)

    @property
    def record(self) -> CallRecord:
        """The record of the newest call."""
        return list(self.host.records.values())[-1]

    @property
    def media_requests(self) -> list[str]:
        """The host's requests for external media so far."""
        return [request.path for request in self.asterisk.requests if request.path.endswith("/externalMedia")]

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

    def refuse(
        self, request: str, error: AriError | None = None, *, times: int = 1_000_000, about: str = ""
    ) -> None:
        """From now on Asterisk refuses a request of the host, the `AriClient` method of that name, so many
        times; by default as one that it cannot carry out. `about`: only with this argument.
        """
        refusal = error or ServerError("POST", f"/{request}", 500, "Allocation failed")
        original = getattr(self.host._ari, request)
        left = times

        async def refused(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            if left > 0 and (not about or about in arguments):
                left -= 1
                raise refusal
            return await original(*arguments, **options)

        setattr(self.host._ari, request, refused)

    def hold(self, request: str, *, asked: bool = False) -> Hold:
        """Let the host's requests of that name hang on the way to Asterisk or, if `asked`, their answers on the
        way back. The host may lose patience, but cannot take a request back.
        """
        hold = Hold()
        self._holds.append(hold)
        original = getattr(self.host._ari, request)

        async def on_its_way(*arguments: Any, **options: Any) -> Any:
            answer = await original(*arguments, **options) if asked else None
            hold.reached.set()
            await hold.released.wait()
            return answer if asked else await original(*arguments, **options)

        async def held(*arguments: Any, **options: Any) -> Any:
            return await asyncio.shield(asyncio.ensure_future(on_its_way(*arguments, **options)))

        setattr(self.host._ari, request, held)
        return hold

    def release(self) -> None:
        """Let go of all requests that are held."""
        for hold in self._holds:
            hold.released.set()

    async def cleared(self) -> None:
        """Wait until nothing of the host's making is left in Asterisk."""
        await self.until(lambda: not left_in_asterisk(self.asterisk), "nothing left in Asterisk")


def bench_settings(asterisk: SimulatedAsterisk, **changes: Any) -> Settings:
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


RESULT_VARIABLES = (
    "RECOG_STATUS",
    "RECOG_COMPLETION_CAUSE",
    "FINAL_TRANSCRIPTION",
    "DTMF_RESULT",
    "RECOGNITION_ERROR",
    "OFFHOOK_END_CAUSE",
    "OFFHOOK_CALL_ID",
)


def failure(left: LeftStasis) -> tuple[str, str]:
    """(cause, error) of a call that failed and was given back to the dialplan with the whole result."""
    assert left.how == "continued"
    missing = [name for name in RESULT_VARIABLES if name not in left.variables]
    assert not missing, f"not set: {missing}"
    assert left.variables["RECOG_STATUS"] == "ERROR"
    assert left.variables["RECOG_COMPLETION_CAUSE"] == "006"
    assert left.variables["OFFHOOK_CALL_ID"]
    error = left.variables["RECOGNITION_ERROR"]
    assert error and "\n" not in error, "one line for people"
    return left.variables["OFFHOOK_END_CAUSE"], error


def with_plugin(*plugins: object) -> Hooks:
    """The installed plugins, and some more: any object with hook implementations."""
    hooks = Hooks.installed()
    for number, plugin in enumerate(plugins, 1):
        hooks.register(plugin, f"mine-{number}")
    return hooks


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
        async with Host(
            bench_settings(asterisk, **{"base_url": provider.url, **changes}), hooks=hooks
        ) as host:
            await asterisk.connected()
            calls = Bench(asterisk, provider, host)
            yield calls
            calls.release()
        nothing_left_in_asterisk(asterisk)
        nothing_left_in_host(host)
        for session in provider.sessions:
            for message in session.messages:
                (validate_server if message.from_server else validate_client)(message.body)
    left = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    assert not left, f"tasks are left: {left}"
    assert open_sockets() <= before, "sockets are left open"


def left_in_asterisk(asterisk: SimulatedAsterisk) -> list[str]:
    """The channels and bridges of a host's making."""
    return [name for name in (*asterisk.channels, *asterisk.bridges) if name.startswith(OURS)]


def nothing_left_in_asterisk(asterisk: SimulatedAsterisk) -> None:
    """No channel or bridge of ours is there any more."""
    assert not left_in_asterisk(asterisk), f"left in Asterisk: {left_in_asterisk(asterisk)}"


def nothing_left_in_host(host: Host) -> None:
    """No port, no call."""
    assert host.ports_in_use == 0, "RTP ports are left in use"
    assert all(not record.live for record in host.records.values()), "a call never ended"


def open_sockets() -> int:
    """How many sockets this process has open."""
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own descriptor
            count += str(link.readlink()).startswith("socket:")
    return count

"""`offhook.testing.simulated_host` as our own tests want it: requests that fail or hang, and every Realtime message
validated against the types of the `openai` package.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from offhook import Host
from offhook.ari import AriError, ServerError
from offhook.plugins.hooks import Hooks
from offhook.replay import replay
from offhook.simulators.asterisk import SimulatedAsterisk, SimulatedCaller
from offhook.simulators.caller import LeftStasis
from offhook.simulators.realtime import SimulatedRealtime
from offhook.testing.simulated_host import (
    SimulatedCalls,
    left_in_asterisk,
    nothing_left_in_asterisk,
    nothing_left_in_host,
    open_sockets,
    simulated_host,
)
from offhook.testing.simulated_host import simulated_settings as bench_settings
from offhook.testing.sounds import ANSWER_SECONDS, SPEECH, Ears, Mouth, sweep, utterance
from openai_types import validate_client, validate_server

__all__ = [
    "ANSWER_SECONDS",
    "RESULT_VARIABLES",
    "SPEECH",
    "Bench",
    "Ears",
    "Hold",
    "Mouth",
    "bench",
    "bench_settings",
    "failure",
    "left_in_asterisk",
    "nothing_left_in_asterisk",
    "nothing_left_in_host",
    "open_sockets",
    "sweep",
    "utterance",
    "with_plugin",
]


class Hold:
    """A request that hangs: `reached` when it does, until `released` is set."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.released = asyncio.Event()
        self.requests: list[asyncio.Future[Any]] = []

    async def arrived(self) -> None:
        """Let go, and wait until Asterisk has done what was asked."""
        self.released.set()
        await asyncio.gather(*self.requests, return_exceptions=True)


class Bench(SimulatedCalls):
    """Calls between the simulators, and what our tests do to them."""

    def __init__(self, asterisk: SimulatedAsterisk, provider: SimulatedRealtime, host: Host) -> None:
        super().__init__(asterisk, provider, host)
        self._holds: list[Hold] = []

    async def dial_again(self, caller: SimulatedCaller) -> None:
        """The dialplan sends a caller that was given back here once more."""
        self._dialled += 1
        await self.asterisk.dial_again(caller)

    @property
    def media_requests(self) -> list[str]:
        """The host's requests for external media so far."""
        return [request.path for request in self.asterisk.requests if request.path.endswith("/externalMedia")]

    def refuse(
        self, request: str, error: AriError | None = None, *, times: int = 1_000_000, about: str = ""
    ) -> None:
        """From now on Asterisk refuses a request of the host, the `AriClient` method of that name, so many
        times; by default as one that it cannot carry out. `about`: only with this argument, or this value in one.
        """
        refusal = error or ServerError("POST", f"/{request}", 500, "Allocation failed")
        original = getattr(self.host._ari, request)
        left = times

        async def refused(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            values = [value for given in arguments if isinstance(given, dict) for value in given.values()]
            if left > 0 and (not about or about in arguments or about in values):
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
            request = asyncio.ensure_future(on_its_way(*arguments, **options))
            hold.requests.append(request)
            return await asyncio.shield(request)

        setattr(self.host._ari, request, held)
        return hold

    def release(self) -> None:
        """Let go of all requests that are held."""
        for hold in self._holds:
            hold.released.set()


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


def decided_alike(journals: Path, hooks: Hooks) -> None:
    """Decide every call again from its journal."""
    if hooks._threads:
        return  # a stranger's thread is gone with its host, and some of them never answer
    for journal in sorted(journals.rglob("*.jsonl")):
        with journal.open(encoding="utf-8") as lines:
            again = replay(lines, hooks)
        assert again.difference is None, again.difference
        assert again.cause, again.notes


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
    against the types of the `openai` package, and every call's journal is decided again.
    """
    with tempfile.TemporaryDirectory() as journals:
        async with simulated_host(
            hooks=hooks,
            ears=ears,
            mouth=mouth,
            asterisk_options=asterisk_options,
            provider_options=provider_options,
            calls_class=Bench,
            **{"journal_dir": journals, **changes},
        ) as calls:
            yield calls
            calls.release()
        for session in calls.provider.sessions:
            for message in session.messages:
                (validate_server if message.from_server else validate_client)(message.body)
        decided_alike(Path(journals), hooks or Hooks.installed())

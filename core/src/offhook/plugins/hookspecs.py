"""The hooks of Offhook: everything that a plugin can change, one function each.

Hook implementations are plain functions, quick, and never `async`; what they return may have async methods.
Mark yours with `offhook.hookimpl`. Arguments that you do not need may be left out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import pluggy

from offhook.call.actions import Action
from offhook.call.events import Event
from offhook.call.info import CallInfo
from offhook.call.outcome import Outcome
from offhook.call.part import Part
from offhook.realtime.tools import Tool

from .tap import AudioListener, Emit

if TYPE_CHECKING:
    from aiohttp import web

    from offhook.host import Host
    from offhook.settings import Settings

PROJECT = "offhook"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def call_settings(
    call: CallInfo, variables: Mapping[str, str]
) -> Mapping[str, Any] | Awaitable[Mapping[str, Any]] | None:
    """Per-call settings: leaf names (`voice`, `dtmfMaxDigits` …) and their values for this call.

    `variables` are the channel's `APP_…` variables, which beat what is returned here. An awaitable is awaited
    for `settingsTimeoutMs` at most; when it fails, the lower layers stand.
    """


@hookspec(firstresult=True)
def activation_mode(mode: str, settings: Settings) -> Part | None:
    """Make the part that decides when this call starts to listen, if `mode` is yours; else None.

    `mode` is in lower case, without `_` and `-`: `FIXED_DELAY` and `fixedDelay` both come as `fixeddelay`.
    """


@hookspec(firstresult=True)
def digit_handler(settings: Settings) -> Part | None:
    """Make the part that handles this call's keypad digits; None leaves that to other plugins."""


@hookspec
def tools(settings: Settings) -> Iterable[Tool] | None:
    """The function-call tools to offer to the model on this call."""


@hookspec
def session_config(call: CallInfo, session: dict[str, Any]) -> Mapping[str, Any] | None:
    """The last word on the Realtime session: fields to put into the `session` object of `session.update`.

    `session` is a copy of what would be sent; what is returned replaces its top-level fields.
    """


@hookspec
def audio_tap(call: CallInfo, settings: Settings, emit: Emit) -> AudioListener | None:
    """Listen to the caller of one call: a recorder, a wake word. A call without a listener pays nothing for it.

    The listener gets copies of the caller's audio in a thread of its own. `emit(name, data)` puts a `PluginEvent`
    into the call, which its activation mode and its keypad handler see; it may be called from any thread.
    """


@hookspec
def call_event(call_id: str, event: Event | None, actions: Sequence[Action]) -> None:
    """Watch a call: what happened (None: a timer ran out) and what the call did about it. Never audio."""


@hookspec
def realtime_event(call_id: str, direction: Literal["in", "out"], message: Mapping[str, Any]) -> None:
    """Watch the Realtime messages of a call; audio is replaced by its length."""


@hookspec
def result_variables(call: CallInfo, outcome: Outcome) -> Mapping[str, str] | None:
    """Further channel variables to set with the result; Offhook's own names cannot be replaced."""


@hookspec
def http_routes() -> Iterable[web.RouteDef] | None:
    """Routes to add to Offhook's HTTP server."""


@hookspec
def host_started(host: Host) -> None:
    """The host is up and takes calls."""


@hookspec
def host_stopping(host: Host) -> None:
    """The host takes no new calls and is about to end those that run."""

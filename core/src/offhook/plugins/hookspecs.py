"""The hooks of Offhook: everything that a plugin can change, one function each.

Hook implementations are plain functions, quick, and never `async`; what they return may have async methods.
Mark yours with `offhook.hookimpl`. Arguments that you do not need may be left out.

Each hook's docstring says what it is for, and in a paragraph that begins with "Called" when it is called.
`scripts/hook-reference` makes `docs/hooks.md` of this file.
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

from .specs import PROJECT, hook
from .tap import AudioListener, Emit

if TYPE_CHECKING:
    from aiohttp import web

    from offhook.host import Host
    from offhook.settings import Settings

hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook of its name.

`@hookimpl(tryfirst=True)` has it asked before other plugins, `@hookimpl(trylast=True)` after them.
"""


@hook(version=1)
def call_settings(
    call: CallInfo, variables: Mapping[str, str]
) -> Mapping[str, Any] | Awaitable[Mapping[str, Any]] | None:
    """Per-call settings: leaf names (`voice`, `dtmfMaxDigits` …) and their values for this call.

    `variables` are the channel's `APP_…` variables, which beat what is returned here. An awaitable is awaited
    for `settingsTimeoutMs` at most; when it fails, the lower layers stand.

    Called once for each call, when it arrives, before its audio is connected.
    """


@hook(version=1, firstresult=True)
def activation_mode(mode: str, settings: Settings) -> Part | None:
    """Make the part that decides when this call starts to listen, if `mode` is yours; else None.

    `mode` is in lower case, without `_` and `-`: `FIXED_DELAY` and `fixedDelay` both come as `fixeddelay`.

    Called once for each call, before its audio is connected, and whenever a setting names a mode, to see whether
    it is known; so making a part must have no effect outside it.
    """


@hook(version=1, firstresult=True)
def digit_handler(settings: Settings) -> Part | None:
    """Make the part that handles this call's keypad digits; None leaves that to other plugins.

    Called once for each call, before its audio is connected.
    """


@hook(version=1)
def tools(settings: Settings) -> Iterable[Tool] | None:
    """The function-call tools to offer to the model on this call.

    Called once for each call, before its audio is connected, and when the tools of the next call are listed
    (`GET /tools`).
    """


@hook(version=1)
def session_config(call: CallInfo, session: dict[str, Any]) -> Mapping[str, Any] | None:
    """The last word on the Realtime session: fields to put into the `session` object of `session.update`.

    `session` is a copy of what would be sent; what is returned replaces its top-level fields.

    Called before each `session.update`: when the Realtime session is configured, and when the operator changes it.
    """


@hook(version=1)
def audio_tap(call: CallInfo, settings: Settings, emit: Emit) -> AudioListener | None:
    """Listen to the caller of one call: a recorder, a wake word. A call without a listener pays nothing for it.

    The listener gets copies of the caller's audio in a thread of its own. `emit(name, data)` puts a `PluginEvent`
    into the call, which its activation mode and its keypad handler see; it may be called from any thread.

    Called once for each call, as soon as its audio stands.
    """


@hook(version=1)
def call_event(call_id: str, event: Event | None, actions: Sequence[Action]) -> None:
    """Watch a call: what happened (None: a timer ran out) and what the call did about it. Never audio.

    Called after each event and each timer of a call, once the call has gone on.
    """


@hook(version=1)
def realtime_event(call_id: str, direction: Literal["in", "out"], message: Mapping[str, Any]) -> None:
    """Watch the Realtime messages of a call; audio is replaced by its length.

    Called after each message that the Realtime session received (`in`) or sent (`out`).
    """


@hook(version=1)
def result_variables(call: CallInfo, outcome: Outcome) -> Mapping[str, str] | None:
    """Further channel variables to set with the result; Offhook's own names cannot be replaced.

    Called once for each call, at its end, before the caller goes back to the dialplan.
    """


@hook(version=1)
def http_routes() -> Iterable[web.RouteDef] | None:
    """Routes to add to Offhook's HTTP server.

    Called once for each host that has an HTTP server, before it starts.
    """


@hook(version=1)
def host_started(host: Host) -> None:
    """The host is up and takes calls.

    Called once for each host, when it is connected to Asterisk.
    """


@hook(version=1)
def host_stopping(host: Host) -> None:
    """The host takes no new calls and is about to end those that run.

    Called once for each host, when it begins to stop.
    """

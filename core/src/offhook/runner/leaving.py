"""The end of a call in Asterisk: the result in channel variables, and the channel back to where it came from."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from offhook.ari import (
    AriClient,
    AriError,
    AriUnreachable,
    BadRequest,
    Conflict,
    NotFound,
    ServerError,
)
from offhook.call.actions import End
from offhook.call.info import CallInfo
from offhook.call.outcome import EndCause

log = logging.getLogger("offhook.runner")


async def _nothing() -> None:
    """There is none to wait for."""


async def leave(
    ari: AriClient,
    info: CallInfo,
    end: End,
    more_variables: dict[str, str],
    *,
    playing: Iterable[str],
    talk_detect: bool,
    played: Callable[[], Awaitable[None]] = _nothing,
    was_set: Callable[[], Awaitable[None]] = _nothing,
) -> None:
    """Set the result and let the channel go on in the dialplan, or hang it up. Never raises.

    more_variables: what plugins add. playing: ids of the prompts that may still play. talk_detect: TALK_DETECT is
    set, and the dialplan did not ask for it. played, was_set: wait until Asterisk has taken what it was asked to play
    and to set on the channel before; what is done here must come after it.

    A caller who has hung up gets the result as long as Asterisk takes it: a moment later it answers 400, 404 or
    409 to everything.
    """
    extra = {"call_id": info.call_id}
    try:
        await played()
        await _stop_prompts(ari, info, playing)
        await was_set()
        await _hand_over(ari, info, end, more_variables, talk_detect)
    except (NotFound, Conflict):
        return
    except AriError as error:
        if end.outcome.cause is EndCause.HANGUP:
            log.info("the caller was gone before the result could be set", extra=extra)
            return
        log.error("the result could not be handed over: %s", error, extra=extra)
    await _let_go(ari, info, end)


async def _stop_prompts(ari: AriClient, info: CallInfo, playing: Iterable[str]) -> None:
    # Asterisk lets everything else on the channel wait until a prompt is over.
    for playback_id in playing:
        try:
            await ari.stop_playback(playback_id, missing_ok=True)
        except AriError as error:
            log.warning("a prompt cannot be stopped: %s", error, extra={"call_id": info.call_id})


async def _hand_over(
    ari: AriClient,
    info: CallInfo,
    end: End,
    more_variables: dict[str, str],
    talk_detect: bool,
) -> None:
    known = end.outcome.variables()
    wanted = known | more_variables | ({"TALK_DETECT(remove)": ""} if talk_detect else {})
    result = {name: wanted.pop(name) for name in known}
    try:
        await _repeated(lambda: ari.set_variables(info.channel_id, result))
    except (BadRequest, ServerError):
        if end.outcome.cause is EndCause.HANGUP:
            raise
        wanted = result | wanted  # one by one: one that Asterisk refuses costs no other
    for name, value in wanted.items():
        try:
            await _repeated(partial(ari.set_variable, info.channel_id, name, value))
        except (BadRequest, ServerError) as error:
            if end.outcome.cause is EndCause.HANGUP:
                raise
            log.error("%s could not be set: %s", name, error, extra={"call_id": info.call_id})


async def _repeated(request: Callable[[], Awaitable[None]]) -> None:
    """Make a request, and once more if no answer came."""
    try:
        await request()
    except AriUnreachable:
        # Asterisk closes idle connections; a request sent just then is lost.
        await request()


async def _let_go(ari: AriClient, info: CallInfo, end: End) -> None:
    """Let the caller go as the call has decided, or, where that fails, in any way: never leave it in silence."""
    ways: list[Callable[[], Awaitable[None]]] = [
        lambda: ari.continue_in_dialplan(info.channel_id),
        lambda: ari.hangup(info.channel_id),
    ]
    if end.leave == "hangup":
        ways.insert(0, ways[-1])
    elif end.context or end.extension:
        priority = 1 if end.extension else 0
        ways.insert(
            0, lambda: ari.continue_in_dialplan(info.channel_id, end.context, end.extension, priority)
        )
    for way in ways:
        try:
            await way()
        except (NotFound, Conflict):
            return
        except AriError as error:
            log.error("the caller could not be let go: %s", error, extra={"call_id": info.call_id})
        else:
            return

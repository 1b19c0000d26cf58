"""Who calls whom: what is known of a call before anything is decided about it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CallInfo:
    """The caller's channel as it entered the Stasis application."""

    call_id: str
    """The id in logs, console and journal, and in `OFFHOOK_CALL_ID`."""
    channel_id: str
    caller_number: str = ""
    caller_name: str = ""
    dialed: str = ""
    """The extension that was dialed."""
    context: str = ""
    """The dialplan context that the call came from."""
    args: tuple[str, ...] = field(default=())
    """The arguments of `Stasis(app,…)`."""

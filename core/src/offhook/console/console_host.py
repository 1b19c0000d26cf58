"""What the console needs of the host, and of the settings. The host implements it; tests use a stand-in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from offhook.call.record import CallRecord


class ConsoleHost(Protocol):
    """The host as the console sees it. Whatever is synchronous is quick: it comes from memory."""

    @property
    def records(self) -> Mapping[str, CallRecord]:
        """Call id → record: the live calls, and some that ended lately. Oldest first."""
        ...

    @property
    def ready(self) -> bool:
        """True while the host takes calls: connected to Asterisk, and not stopping."""
        ...

    async def tools(self) -> list[dict[str, Any]]:
        """The tools on offer: `{"type": "function", "name", "description", "parameters"}` each."""
        ...

    def call_settings(self, call_id: str | None) -> Mapping[str, Any] | None:
        """The effective settings as the tree of the settings file, secrets masked.

        They are those of a call (None if it is unknown), or with no call id those of the next calls.
        """
        ...

    async def update_session(self, changes: Mapping[str, Any], call_id: str | None) -> Mapping[str, Any]:
        """Change settings (leaf name → value, also `tools`) of a running call, or of all next calls.

        Returns what was applied. Raises ValueError with a sentence for people: an unknown leaf, a bad value,
        a setting that a running call cannot change any more. Nothing is applied then.
        """
        ...

    def hangup(self, call_id: str) -> bool:
        """End a running call with cause `operator`; False if no such call runs."""
        ...

"""What plugins did wrong: told in the log under the plugin's name, and counted for the metrics."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from typing import Literal

log = logging.getLogger("offhook.plugins")

Kind = Literal["raised", "nonsense", "late", "blocked", "flooded", "dropped", "stale"]
"""`raised`: an exception. `nonsense`: a value of the wrong type. `late`: an awaited answer that took too long.
`blocked`: it kept its thread. `flooded`: too many actions. `dropped`: audio that a listener was too slow to take.
`stale`: something was asked of a call that has ended."""

Failure = tuple[str, str, str]
"""(plugin, where, kind)"""


class Failures:
    """Takes note of each failure; may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[Failure] = Counter()

    def note(
        self,
        plugin: str,
        where: str,
        kind: Kind,
        text: str,
        *,
        call_id: str = "",
        error: BaseException | None = None,
        times: int = 1,
    ) -> None:
        """Count a failure and log it as one line; `where` is a hook or a role, `error` adds its traceback."""
        with self._lock:
            self._counts[plugin, where, kind] += times
        log.error(
            "plugin %s: %s %s",
            plugin,
            where,
            text,
            exc_info=error,
            extra={"call_id": call_id} if call_id else {},
        )

    def counts(self) -> dict[Failure, int]:
        """How often each failure happened since the host was made."""
        with self._lock:
            return dict(self._counts)

"""How long one Python thread may compute while another waits.

Python's default is 5 ms. A thread that computes then costs the host's loop 5 ms at each system call, and a call in
which a plugin computes for a quarter of a second costs all others their audio. With half a millisecond their packets
stay on time (`bench/containment.py`; docs/decisions/0009).
"""

from __future__ import annotations

import sys
import threading
from typing import Final

SHORT_SECONDS: Final = 0.0005


class _ShortInterval:
    """The interval is the process's, whatever hosts there are in it: the last one to go restores it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted = 0
        self._before = 0.0

    def acquire(self) -> None:
        with self._lock:
            self._wanted += 1
            if self._wanted == 1:
                self._before = sys.getswitchinterval()
                sys.setswitchinterval(min(self._before, SHORT_SECONDS))

    def release(self) -> None:
        with self._lock:
            self._wanted -= 1
            if self._wanted == 0:
                sys.setswitchinterval(self._before)


short_interval: Final = _ShortInterval()

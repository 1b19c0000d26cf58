"""What holds for all tests."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Let SIGINT reach the programs that tests start: a run in the background ignores it, and they would too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)

"""The demonstration's recording: what the caller heard, as a WAV file in a directory of its own."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from offhook.simulators.asterisk import SimulatedCaller
from offhook.simulators.wav import reason


class DemoError(Exception):
    """A file or a directory that cannot be used; the text names it."""


class Recording:
    """Where the recording goes. The directory is made at once: that it cannot be is better known before the call.

    Raises DemoError.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "what-the-caller-heard.wav"
        self._made = not directory.exists()
        if not self._made and not directory.is_dir():
            raise DemoError(f"--directory {directory}: not a directory; one is wanted for the recording")
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DemoError(
                f"--directory {directory}: {reason(error)}; a directory is wanted for the recording"
            ) from None

    def save(self, caller: SimulatedCaller | None) -> float:
        """Write what was heard so far; returns its seconds. Without any, nothing is left behind.

        Raises DemoError.
        """
        heard = caller.heard if caller else b""
        if caller is None or not heard:
            if self._made:
                with suppress(OSError):
                    self.path.parent.rmdir()
            return 0.0
        try:
            caller.save(self.path)
        except OSError as error:
            raise DemoError(f"{self.path}: {reason(error)}; the recording cannot be saved") from None
        return len(heard) / 16_000

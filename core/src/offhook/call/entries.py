"""What the record of a call is made of: its status, turns, function calls, digits, notes and running timers.

Times (`at`, `finished_at`) are seconds on the host's monotonic clock; `CallRecord.when` turns them into
wall-clock times.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

TEXT_LIMIT: Final = 4000
"""Characters kept of one turn, argument list or tool output."""


class CallStatus(StrEnum):
    """The words of `ari_call_status_update`."""

    RINGING = "ringing"
    ACTIVE = "active"
    ENDED = "ended"
    ERROR = "error"
    """Ended with `RECOG_STATUS` `ERROR`."""


@dataclass(slots=True)
class Entry:
    """One thing worth showing, in the order in which things began."""

    at: float
    number: int = field(default=0, init=False)
    """Counts up within a call; an entry keeps its number when it changes."""


@dataclass(slots=True)
class Turn(Entry):
    """What one side said: a conversation item with its words."""

    actor: Literal["caller", "bot"]
    item_id: str
    text: str = ""
    final: bool = False
    failed: bool = False
    """The caller's words could not be transcribed."""
    response_id: str = ""
    sounded: bool = False
    """Audio of this answer was queued for the caller."""
    cut: bool = False
    """The caller did not hear this answer to its end."""
    heard_ms: int = 0
    received_ms: int = 0
    delay_ms: int | None = None
    """An answer's first audio, counted from the moment the caller was known to be silent."""

    @property
    def heard(self) -> str:
        """The words that the caller heard; where the answer was cut, an estimate to the last whole word.

        It takes as much of the text as was heard of the audio.
        """
        if not self.cut:
            return self.text
        if self.heard_ms <= 0 or self.received_ms <= 0:
            return ""
        end = round(len(self.text) * min(1.0, self.heard_ms / self.received_ms))
        if end < len(self.text):
            end = self.text.rfind(" ", 0, end + 1) + 1
        return self.text[:end]

    @property
    def unheard(self) -> str:
        """The words after `heard`."""
        return self.text[len(self.heard) :]


@dataclass(slots=True)
class FunctionCall(Entry):
    """One call of a tool by the model."""

    tool_call_id: str
    name: str
    arguments: str
    output: str | None = None
    failed: bool = False
    finished_at: float | None = None


@dataclass(slots=True)
class Digits(Entry):
    """Keys pressed one after the other, with nothing else between them."""

    digits: str


@dataclass(slots=True)
class Note(Entry):
    """Anything else worth showing: a prompt, a message to the model, a problem, the end."""

    kind: Literal["tts_prompt", "system_message", "error_message"]
    text: str


@dataclass(frozen=True, slots=True)
class RunningTimer:
    """A timer that runs since `at`, for `seconds`."""

    owner: str
    name: str
    seconds: float
    at: float


def bounded(text: str) -> str:
    """The text, or so much of it as is kept, with a sign that something is missing."""
    return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]}…"

"""How a call ends: the closed list of causes and the one table that decides the result variables.

Completion causes are those of the MRCPv2 recognizer (RFC 6787 §9.4.11); the status words are the ones that
UniMRCP dialplans already test.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class EndCause(StrEnum):
    """Why a call ended: the value of `OFFHOOK_END_CAUSE`. Exactly one holds for each call."""

    RECOGNIZED = "recognized"
    SPEECH_COMPLETE = "speech_complete"
    NO_MATCH = "no_match"
    NO_SPEECH = "no_speech"
    MAX_DURATION = "max_duration"
    DTMF = "dtmf"
    TOOL = "tool"
    TRANSFER = "transfer"
    IDLE = "idle"
    HANGUP = "hangup"
    OPERATOR = "operator"
    SHUTDOWN = "shutdown"
    STREAM_IDLE = "stream_idle"
    PROVIDER_ERROR = "provider_error"
    MEDIA_ERROR = "media_error"
    CONFIG_ERROR = "config_error"
    PLUGIN_ERROR = "plugin_error"
    REJECTED = "rejected"


class Status(StrEnum):
    """The value of `RECOG_STATUS`."""

    OK = "OK"
    ERROR = "ERROR"
    INTERRUPTED = "INTERRUPTED"


Verdict = tuple[Status, str]
"""Status and the three digits of the completion cause."""

SUCCESS: Final = "000"
NO_MATCH: Final = "001"
NO_INPUT_TIMEOUT: Final = "002"
ERROR: Final = "006"
SUCCESS_MAXTIME: Final = "008"
CANCELLED: Final = "011"
NO_MATCH_MAXTIME: Final = "015"

_OK: Final = (Status.OK, SUCCESS)
_FAILED: Final = (Status.ERROR, ERROR)
_INTERRUPTED: Final = (Status.INTERRUPTED, CANCELLED)

# cause → (verdict of a recognition, verdict of a conversation). A cause that cannot happen in one session
# kind has the verdict that tells most truthfully of it, so that the contract stays total.
VERDICTS: Final[dict[EndCause, tuple[Verdict, Verdict]]] = {
    EndCause.RECOGNIZED: (_OK, _OK),
    EndCause.SPEECH_COMPLETE: (_OK, _OK),
    EndCause.NO_MATCH: ((Status.OK, NO_MATCH), (Status.OK, NO_MATCH)),
    EndCause.NO_SPEECH: ((Status.OK, NO_INPUT_TIMEOUT), (Status.OK, NO_INPUT_TIMEOUT)),
    EndCause.MAX_DURATION: ((Status.OK, SUCCESS_MAXTIME), (Status.OK, SUCCESS_MAXTIME)),
    EndCause.DTMF: (_OK, _OK),
    EndCause.TOOL: (_OK, _OK),
    EndCause.TRANSFER: (_OK, _OK),
    EndCause.IDLE: ((Status.OK, NO_INPUT_TIMEOUT), (Status.OK, NO_INPUT_TIMEOUT)),
    EndCause.HANGUP: (_INTERRUPTED, _OK),
    EndCause.OPERATOR: (_INTERRUPTED, _INTERRUPTED),
    EndCause.SHUTDOWN: (_INTERRUPTED, _INTERRUPTED),
    EndCause.STREAM_IDLE: (_FAILED, _FAILED),
    EndCause.PROVIDER_ERROR: (_FAILED, _FAILED),
    EndCause.MEDIA_ERROR: (_FAILED, _FAILED),
    EndCause.CONFIG_ERROR: (_FAILED, _FAILED),
    EndCause.PLUGIN_ERROR: (_FAILED, _FAILED),
    EndCause.REJECTED: (_FAILED, _FAILED),
}

TRANSCRIPTION_LIMIT: Final = 3000
"""`FINAL_TRANSCRIPTION` is cut to this many bytes of UTF-8: well below Asterisk's 4096-byte substitution."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The one result of a call: what the dialplan reads, and what the call's record keeps."""

    call_id: str
    cause: EndCause
    status: Status
    completion_cause: str
    transcription: str = ""
    digits: str = ""
    error: str = ""
    """One line for people, set only with status `ERROR`."""

    def variables(self) -> dict[str, str]:
        """The channel variables of the result contract, in the order in which they are set."""
        return {
            "RECOG_STATUS": self.status.value,
            "RECOG_COMPLETION_CAUSE": self.completion_cause,
            "FINAL_TRANSCRIPTION": self.transcription,
            "DTMF_RESULT": self.digits,
            "RECOGNITION_ERROR": self.error,
            "OFFHOOK_END_CAUSE": self.cause.value,
            "OFFHOOK_CALL_ID": self.call_id,
        }


def decide(
    call_id: str,
    cause: EndCause,
    *,
    recognition: bool,
    transcripts: list[str],
    digits: str = "",
    reason: str = "",
) -> Outcome:
    """Make the outcome of a call that ended for `cause`.

    `transcripts` are the caller's finished turns, oldest first; `reason` is a sentence about what went wrong
    and is kept only where the status is `ERROR`.
    """
    text = one_line(transcripts[-1] if transcripts else "") if recognition else _joined(transcripts)
    status, completion = VERDICTS[cause][0 if recognition else 1]
    if cause is EndCause.MAX_DURATION and recognition and not text:
        completion = NO_MATCH_MAXTIME
    error = ""
    if status is Status.ERROR:
        error = one_line(reason) or f"the call ended with {cause.value}"
    return Outcome(call_id, cause, status, completion, text, digits, error)


def one_line(text: str) -> str:
    """Join lines, drop control characters, and cut to the documented length, never within a character."""
    flat = " ".join(text.split())
    flat = "".join(c for c in flat if c.isprintable())
    return flat.encode()[:TRANSCRIPTION_LIMIT].decode(errors="ignore")


def _joined(transcripts: list[str]) -> str:
    return one_line(" | ".join(t for t in (one_line(t) for t in transcripts) if t))

"""The log of a program that runs a host: one event a line, with the call's id. Embedding programs set up their
own; the host only writes to loggers below `offhook`.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import TextIO


class LineFormatter(logging.Formatter):
    """`2026-11-25T01:02:03.456Z info offhook.host call=8f3a51c0de77 call ended: hangup`."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        call_id = getattr(record, "call_id", "")
        call = f" call={call_id}" if call_id else ""
        # What others say (a transcript, an error of the provider) must not look like a line of its own.
        text = " ".join(record.getMessage().splitlines())
        line = f"{moment.replace('+00:00', 'Z')} {record.levelname.lower()} {record.name}{call} {text}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def set_up_logging(level: str, stream: TextIO | None = None) -> None:
    """Log from `level` on (`debug` … `critical`) to `stream`, by default to stderr."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Libraries speak of every connection; their warnings are enough.
    for library in ("websockets", "aiohttp", "asyncio", "stevedore"):
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLogger().level))
    # What a stranger sends that is no HTTP is answered with 400 and is no error of ours.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)

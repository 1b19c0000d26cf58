"""What a host's own journals say of a load: when it read an event, and how much it wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from phones import FIRST_NUMBER


def journals(folder: Path) -> Iterator[tuple[int, Iterator[dict[str, Any]]]]:
    """Each call's number and the lines of its journal after the head."""
    for file in sorted(folder.rglob("*.jsonl")):
        with file.open() as lines:
            parsed = (json.loads(line) for line in lines)
            yield int(next(parsed)["call"]["caller_number"]) - FIRST_NUMBER, parsed


def talking_read(folder: Path) -> list[tuple[int, float]]:
    """(call, time) of each `ChannelTalkingStarted` that the host has read."""
    return [
        (call, line["at"])
        for call, lines in journals(folder)
        for line in lines
        if "TalkingStarted" in (line["event"] or ())
    ]


def kilobytes(folder: Path) -> float:
    """All of them."""
    return sum(file.stat().st_size for file in folder.rglob("*.jsonl")) / 1000

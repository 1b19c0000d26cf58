"""A watcher's view of a session's messages: audio replaced by its length, secrets masked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

Json = dict[str, Any]

MASK = "***"
_SECRETS = frozenset({"authorization", "headers"})
"""Keys of a remote MCP server's tool whose values are passwords."""


class Observer:
    """Hands copies of messages to `watch`, fit to be shown and kept."""

    def __init__(self, watch: Callable[[Literal["in", "out"], Json], None]) -> None:
        self._watch = watch
        self._sensitive: set[str] = set()

    def sensitive_item(self) -> str:
        """A new item id whose texts are masked, in the message that creates it and in the server's echoes."""
        item_id = f"sensitive_{len(self._sensitive) + 1}"
        self._sensitive.add(item_id)
        return item_id

    def appended(self, size: int) -> None:
        """Caller audio of `size` bytes went out."""
        self._watch("out", {"type": "input_audio_buffer.append", "audio": size})

    def sent(self, message: Json) -> None:
        self._watch("out", self._shown(message))

    def received(self, message: Json) -> None:
        if message.get("type") == "response.output_audio.delta":
            self._watch("in", {**message, "delta": _audio_size(message.get("delta"))})
        else:
            self._watch("in", self._shown(message))

    def _shown(self, value: Any, hidden: bool = False) -> Any:
        """A copy of a message, or of a part of it; `hidden` inside a sensitive item."""
        if isinstance(value, list):
            return [self._shown(element, hidden) for element in value]
        if not isinstance(value, dict):
            return value
        hidden = hidden or value.get("id") in self._sensitive
        copy: Json = {}
        for key, part in value.items():
            if (key in _SECRETS and part) or (hidden and key in ("text", "transcript")):
                copy[key] = MASK
            elif key == "audio" and isinstance(part, str):
                copy[key] = _audio_size(part)
            else:
                copy[key] = self._shown(part, hidden)
        return copy


def _audio_size(text: object) -> int:
    """Bytes of audio in base64 text."""
    return len(text) * 3 // 4 - text.count("=") if isinstance(text, str) else 0

"""JSON where there is much of it: orjson, and the standard library for the little that orjson refuses.

That is a lone surrogate (`"\\ud83d"`, half of a character that was cut in two, which a model does send), integers of
more than 64 bits and keys that are no text. Neither is a reason to lose a message.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson


def loads(text: bytes | str) -> Any:
    """Read JSON. Raises ValueError if it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return json.loads(text)
        except RecursionError:
            raise ValueError("nested too deep") from None


def dumps(value: Any, *, default: Callable[[Any], Any] | None = None) -> str:
    """Write JSON, compact. default: makes something else of what JSON has no form for; else that is a TypeError."""
    try:
        return orjson.dumps(value, default).decode()
    except TypeError:
        return json.dumps(value, separators=(",", ":"), default=default)

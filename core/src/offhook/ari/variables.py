"""Reading or setting many channel variables with one request: the dialplan functions EVAL and ARRAY.

ARI reads one variable a request, and some 120 settings can come as channel variables: 20 to 36 ms of our
and Asterisk's time for each call. But ARI reads functions as well, and `EVAL(${A}…${B}…)` puts all values
into one text (under 1 ms). EVAL replaces once: a value that itself looks like `${SHELL(id)}` stays as it is.
What stands between two values is drawn at random for each request, so no caller can put it into one.

Wrapping each value as `${URIENCODE(${A})}` needs no such thing, but is wrong: Asterisk takes the `:1` of a
value `a):1` for a substring's offset and loses the value.

ARRAY sets what is named to what is given, both separated by commas. Quotes, parentheses and brackets keep it from
seeing a comma, and all of these lose their meaning behind a backslash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

MAX_EXPRESSION_BYTES = 3500
"""The longest expression, as encoded in a URL: Asterisk refuses request lines over 4096 bytes (http.c)."""

_BRACES_BYTES = len("%24%7B%7D")
"""What `${}` takes in a URL; names and separators are plain ASCII."""

_TAKEN_BY_ARRAY = re.compile(r'[\\,"()\[\]]')

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def check_names(names: Iterable[str]) -> None:
    """Raise `ValueError` unless all are plain variable names: a letter or `_`, then letters, digits, `_`."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a plain channel variable name (A-Z, a-z, 0-9 and _)")


def expression(names: Sequence[str], separator: str) -> str:
    """What to ask for: `EVAL(${A}<separator>${B}…)`."""
    return f"EVAL({separator.join(f'${{{name}}}' for name in names)})"


def chunks(names: Sequence[str], separator: str) -> Iterator[list[str]]:
    """Cut the names into pieces whose expressions fit a request line."""
    chunk: list[str] = []
    size = 0
    for name in names:
        added = len(name) + _BRACES_BYTES + len(separator)
        if chunk and size + added > MAX_EXPRESSION_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(name)
        size += added
    if chunk:
        yield chunk


def values(names: Sequence[str], separator: str, text: str) -> dict[str, str] | None:
    """Take the answer apart again; empty ones are left out. None if it does not fit the question."""
    parts = text.split(separator)
    if len(parts) != len(names):
        return None
    return {name: value for name, value in zip(names, parts, strict=True) if value}


def assignment(values: Mapping[str, str]) -> tuple[str, str]:
    """What to set to what, so that each variable gets its value: `ARRAY(A,B)` and the values in one."""
    joined = ",".join(_TAKEN_BY_ARRAY.sub(r"\\\g<0>", value) for value in values.values())
    return f"ARRAY({','.join(values)})", joined

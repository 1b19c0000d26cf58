"""Condense captured ARI exchanges into the shapes of Asterisk's messages: keys and types, no values.

python scripts/ari_shapes.py CAPTURE.jsonl… > tests/unit/ari_shapes.json

A capture has one JSON object a line: {"event": …} or {"request": "METHOD /path", "status": …, "response": …}.
A key that only some messages of a kind have ends in "?" in the result. `tests/unit/test_ari_shapes.py` holds
the simulated Asterisk to these shapes.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

Shape = Any
"""A type's name ("string", "integer", "boolean", "null"), several joined by "|", a list of one shape, or a
dict.
"""

_IDS = re.compile(r"/(channels|bridges|playbacks|applications|play)/(?!externalMedia)[^/]+")


def shape_of(value: Any) -> Shape:
    """The shape of one JSON value."""
    match value:
        case dict():
            return {key: shape_of(item) for key, item in value.items()}
        case list():
            shape: Shape = []
            for item in value:
                shape = merge(shape, [shape_of(item)])
            return shape
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case _:
            return "null"


def merge(one: Shape, other: Shape) -> Shape:
    """The shape of values that have one or the other shape."""
    match one, other:
        case dict(), dict():
            merged = {}
            for name in sorted({key.rstrip("?") for key in (*one, *other)}):
                found = [side[key] for side in (one, other) for key in (name, f"{name}?") if key in side]
                always = name in one and name in other
                merged[name if always else f"{name}?"] = merge(*found) if len(found) == 2 else found[0]
            return merged
        case list(), list():
            return [merge(one[0], other[0])] if one and other else one or other
        case str(), str():
            return "|".join(sorted({*one.split("|"), *other.split("|")}))
        case _:
            raise ValueError(f"{one} and {other} have nothing in common")


def endpoint(method: str, path: str) -> str:
    """A request's method and path, its ids replaced by `{}`."""
    return f"{method} {_IDS.sub(lambda found: f'/{found[1]}/{{}}', path)}"


def condense(lines: list[dict[str, Any]]) -> dict[str, dict[str, Shape]]:
    """The shapes of events by type, and of answers by "METHOD /path STATUS"."""
    events: dict[str, Shape] = {}
    answers: dict[str, Shape] = {}
    for line in lines:
        if "event" in line:
            table, key, value = events, line["event"]["type"], line["event"]
        else:
            table, value = answers, line["response"]
            key = f"{endpoint(*line['request'].split(' ', 1))} {line['status']}"
        table[key] = merge(table[key], shape_of(value)) if key in table else shape_of(value)
    return {"events": dict(sorted(events.items())), "answers": dict(sorted(answers.items()))}


def main() -> None:
    """Read the captures named on the command line; write the shapes to standard output."""
    lines = []
    for name in sys.argv[1:]:
        for text in Path(name).read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            if "event" in line or "request" in line:
                lines.append(line)
    json.dump(condense(lines), sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()

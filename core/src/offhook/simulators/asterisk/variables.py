"""Channel variables as the dialplan reads them: `${NAME}`, nesting, substrings, and the functions that ARI
clients use.

Enough of Asterisk's language for `ARRAY(…)`, and for `GET /channels/{id}/variable` with `EVAL(…)`, `URIENCODE(…)`,
`LEN(…)`, `CALLERID(…)` and `CHANNEL(…)`; anything else is an unknown function, as it is in Asterisk without the module.
"""

import re
from collections.abc import Callable
from urllib.parse import quote, unquote

Lookup = Callable[[str], str | None]
"""The value of a plain variable or of a channel's own function such as `CALLERID(num)`; None when unset."""


class UnknownFunctionError(Exception):
    """The dialplan has no function of that name."""


def read(expression: str, lookup: Lookup) -> str | None:
    """The value of `NAME` or `FUNCTION(arguments)`; None for a variable that is not set."""
    name, parenthesis, rest = expression.partition("(")
    if not parenthesis or not expression.endswith(")"):
        return lookup(expression)
    argument = rest[:-1]
    match name:
        case "EVAL":
            return substitute(argument, lookup)
        case "URIENCODE":
            return quote(argument, safe="-_.!~*'()")
        case "URIDECODE":
            return unquote(argument)
        case "LEN":
            return str(len(argument.encode()))
        case _:
            value = lookup(expression)
            if value is None:
                raise UnknownFunctionError(name)
            return value


def substitute(text: str, lookup: Lookup) -> str:
    """The text with each `${…}` replaced; unset variables become nothing."""
    result, position = [], 0
    while (start := text.find("${", position)) >= 0:
        result.append(text[position:start])
        end = _closing_brace(text, start + 2)
        result.append(_value(substitute(text[start + 2 : end], lookup), lookup))
        position = end + 1
    result.append(text[position:])
    return "".join(result)


def arguments(text: str) -> list[str]:
    """Cut at commas as `AST_STANDARD_APP_ARGS` does: not in quotes or brackets, nor behind a backslash."""
    found, depth, quoted, escaped = [""], {"(": 0, "[": 0}, False, False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
            continue
        elif character == '"':
            quoted = not quoted
            continue
        elif character in "([":
            depth[character] += 1
        elif character in ")]":
            opening = "(" if character == ")" else "["
            depth[opening] = max(0, depth[opening] - 1)
        elif character == "," and not quoted and not any(depth.values()):
            found.append("")
            continue
        found[-1] += character
    return found


def _value(expression: str, lookup: Lookup) -> str:
    """The value of what stands between the braces: an expression, and perhaps `:offset:length`.

    As in Asterisk, the first colon outside of parentheses begins the offset, even when the parenthesis before
    it came out of a nested variable's value.
    """
    depth = 0
    for position, character in enumerate(expression):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == ":" and depth == 0:
            value = read(expression[:position], lookup) or ""
            return _part(value, expression[position + 1 :])
    return read(expression, lookup) or ""


def _part(value: str, bounds: str) -> str:
    """The substring that `offset:length` names; what is no number counts as 0."""
    found = re.match(r"(-?\d+)(?::(-?\d+))?", bounds)
    if found is None:
        return value
    value = value[int(found[1]) :]
    return value[: int(found[2])] if found[2] else value


def _closing_brace(text: str, position: int) -> int:
    """Where the `${` whose content begins at `position` ends."""
    depth = 1
    while position < len(text):
        if text.startswith("${", position):
            depth += 1
            position += 1
        elif text[position] == "}":
            depth -= 1
            if depth == 0:
                return position
        position += 1
    return len(text)

"""Checks of a JSON value against what the API allows, each with the refusal that the API gives.

A check takes the value, the parameter's path and the value in force, and returns the new value in force.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from offhook.simulators.realtime.errors import Json, RequestError, invalid_value, missing, unknown, wrong_type

Check = Callable[[Any, str, Any], Any]


def anything(value: Any, param: str, current: Any) -> Any:
    """Taken as it is: the simulated server does nothing with it."""
    return value


def boolean(value: Any, param: str, current: Any) -> bool:
    """`true` or `false`."""
    if not isinstance(value, bool):
        raise wrong_type(value, param, "a boolean")
    return value


def text(value: Any, param: str, current: Any) -> str:
    """A string."""
    if not isinstance(value, str):
        raise wrong_type(value, param, "a string")
    return value


def one_of(*allowed: str) -> Check:
    """One of these strings."""

    def check(value: Any, param: str, current: Any) -> str:
        if text(value, param, current) not in allowed:
            raise invalid_value(value, param, allowed)
        return str(value)

    return check


def pattern(expression: str) -> Check:
    """A string that matches the whole expression."""

    def check(value: Any, param: str, current: Any) -> str:
        if not re.fullmatch(expression, text(value, param, current)):
            raise RequestError(
                "invalid_value",
                f"Invalid '{param}': string does not match pattern. "
                f"Expected a string that matches the pattern '^{expression}$'.",
                param,
            )
        return str(value)

    return check


def number(low: float, high: float, *, whole: bool = False) -> Check:
    """A number from low to high."""
    kind = "integer" if whole else "decimal"

    def check(value: Any, param: str, current: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise wrong_type(value, param, "an integer" if whole else "a decimal")
        for bound, side, broken in ((low, "below_min", value < low), (high, "above_max", value > high)):
            if broken:
                raise RequestError(
                    f"{kind}_{side}_value",
                    f"Invalid '{param}': {kind} {side.replace('_', ' ')} value. "
                    f"Expected a value {'>=' if side == 'below_min' else '<='} {bound}, but got {value} instead.",
                    param,
                )
        return value if whole else float(value)

    return check


def nullable(inner: Check) -> Check:
    """`null`, or what the inner check takes."""

    def check(value: Any, param: str, current: Any) -> Any:
        return None if value is None else inner(value, param, current)

    return check


def or_word(word: str, inner: Check) -> Check:
    """One certain string, or what the inner check takes."""

    def check(value: Any, param: str, current: Any) -> Any:
        return value if value == word else inner(value, param, current)

    return check


def list_of(inner: Check) -> Check:
    """An array of what the inner check takes."""

    def check(value: Any, param: str, current: Any) -> list[Any]:
        if not isinstance(value, list):
            raise wrong_type(value, param, "an array")
        return [inner(element, f"{param}[{index}]", None) for index, element in enumerate(value)]

    return check


def fields(value: Any, param: str, checks: Mapping[str, Check], current: Json) -> Json:
    """The fields of an object, each by its own check. Raises for a field that is none of them."""
    if not isinstance(value, dict):
        raise wrong_type(value, param, "an object")
    result: Json = {}
    for name, given in value.items():
        path = f"{param}.{name}"
        if name not in checks:
            raise unknown(path)
        result[name] = checks[name](given, path, current.get(name))
    return result


def merged(checks: Mapping[str, Check]) -> Check:
    """An object whose fields replace those in force; a field that is not mentioned stays."""

    def check(value: Any, param: str, current: Any) -> Json:
        current = current or {}
        return {**current, **fields(value, param, checks, current)}

    return check


def whole(checks: Mapping[str, Check], *required: str, defaults: Json | None = None) -> Check:
    """An object that replaces the one in force; what it leaves out takes the defaults."""

    def check(value: Any, param: str, current: Any) -> Json:
        result = fields(value, param, checks, {})
        for name in required:
            if name not in result:
                raise missing(f"{param}.{name}")
        return {**(defaults or {}), **result}

    return check


def by_type(kinds: Mapping[str, Check]) -> Check:
    """An object whose `type` names the check for it."""

    def check(value: Any, param: str, current: Any) -> Json:
        if not isinstance(value, dict):
            raise wrong_type(value, param, "an object")
        if "type" not in value:
            raise missing(f"{param}.type")
        name = one_of(*kinds)(value["type"], f"{param}.type", None)
        result: Json = kinds[name](value, param, current)
        return result

    return check

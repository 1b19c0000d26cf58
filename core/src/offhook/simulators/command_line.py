"""What the simulators' command lines have in common: values that are checked before anything starts.

The types raise `ValueError` for what is no number, as `int` and `float` do: argparse then names the type.
"""

import math
from argparse import ArgumentTypeError

from offhook.simulators.wav import reason


def port(text: str) -> int:
    """A port to serve at; 0 takes any that is free."""
    number = int(text)
    if not 0 <= number <= 65_535:
        raise ArgumentTypeError(f"{number} is no port; 0 to 65535 are")
    return number


def count(text: str) -> int:
    """How many; at least one."""
    number = int(text)
    if number < 1:
        raise ArgumentTypeError(f"{number} is too few; at least 1 is wanted")
    return number


def rate(text: str) -> float:
    """How many a second; more than zero."""
    number = float(text)
    if not number > 0:
        raise ArgumentTypeError(f"{text} is not more than 0")
    return number


def amount(text: str) -> float:
    """Zero or more, and not without end."""
    number = float(text)
    if not (math.isfinite(number) and number >= 0):
        raise ArgumentTypeError(f"{text} is not 0 or more")
    return number


def cannot_serve(host: str, wanted_port: int, error: OSError) -> str:
    """One line for a port that cannot be opened."""
    return (
        f"cannot serve {host}:{wanted_port}: {reason(error)} (--host, --port; port 0 takes any that is free)"
    )

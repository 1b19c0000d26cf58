"""The caller's sensitive digits (`dtmfSensitive`) in texts for people: dots in their place."""

from __future__ import annotations

import re
from typing import Final

TELLING_DIGITS: Final = 3
"""So long a sequence of sensitive digits is looked for in other texts and masked there too."""
MASK: Final = "•"
MASKED: Final = "(masked)"
"""In place of a whole text."""

_SPELT: Final = re.compile(r"\d(?:[ ,.-]{0,2}\d)+")
"""Digits in a row, or as a model says them: "5 0 9 3", "5-0-9-3", "5, 0, 9, 3"."""


def without_digits(text: str, pressed: str) -> str:
    """The text with dots for each run of three or more digits that is part of what was pressed.

    Blanks, commas, points and hyphens between them do not hide them; digits that are spelt out in words do.
    """
    return _SPELT.sub(lambda found: _masked(found[0], pressed), text)


def _masked(spelt: str, pressed: str) -> str:
    places = [place for place, one in enumerate(spelt) if one.isdecimal()]
    digits = "".join(spelt[place] for place in places)
    shown, begin = list(spelt), 0
    while begin < len(digits):
        end = begin
        while end < len(digits) and digits[begin : end + 1] in pressed:
            end += 1
        if end - begin >= TELLING_DIGITS:
            for place in places[begin:end]:
                shown[place] = MASK
            begin = end
        else:
            begin += 1
    return "".join(shown)

"""The simulated TALK_DETECT, frame by frame, and the channel variables' language."""

import pytest

from offhook.simulators.asterisk.talk_detect import TalkDetect
from offhook.simulators.asterisk.variables import UnknownFunctionError, read
from offhook.simulators.g711 import encode_ulaw, ulaw_level
from offhook.simulators.wav import silence, tone

LOUD = encode_ulaw(tone(500, 0.02, level=2000))
FAINT = encode_ulaw(tone(500, 0.02, level=300))
SILENT = encode_ulaw(silence(0.02))


def changes(detect: TalkDetect, frames: list[bytes]) -> list[tuple[int, int]]:
    """(number of the frame, what it changed)."""
    found = []
    for number, frame in enumerate(frames):
        change = detect.frame(frame, number * 0.02)
        if change is not None:
            found.append((number, change))
    return found


def test_the_second_number_is_an_amplitude() -> None:
    assert 100 < ulaw_level(FAINT) < 256 < ulaw_level(LOUD)

    assert changes(TalkDetect.parse("250,256"), [FAINT] * 50) == []
    assert changes(TalkDetect.parse("250,100"), [FAINT] * 50) == [(0, -1)]
    assert changes(TalkDetect.parse(""), [SILENT] * 5 + [LOUD]) == [(5, -1)]


def test_talking_ends_after_the_silence_and_the_silence_is_not_part_of_it() -> None:
    frames = [LOUD] * 10 + [SILENT] * 12 + [LOUD] + [SILENT] * 20

    # 12 frames of silence are 240 ms: not enough; then 13 frames are 260 ms
    assert changes(TalkDetect.parse("250,256"), frames) == [(0, -1), (35, 35 * 20 - 250)]
    assert changes(TalkDetect.parse("500,256"), frames) == [(0, -1)]


def test_a_pause_longer_than_the_silence_splits_a_sentence() -> None:
    frames = [LOUD] * 5 + [SILENT] * 15 + [LOUD] * 5
    assert [change for _, change in changes(TalkDetect.parse("250"), frames)] == [
        -1,
        4 * 20 + 13 * 20 - 250,
        -1,
    ]


def test_what_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="loud"):
        TalkDetect.parse("250,loud")


VARIABLES = {
    "A": "x & y",
    "B": "(1) ${A}",
    "N": "A",
    "LONG": "abcdef",
    "TRAP": "ab):1",
    "CALLERID(num)": "100",
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("A", "x & y"),
        ("C", None),
        ("CALLERID(num)", "100"),
        ("URIENCODE(x,y z)", "x%2Cy%20z"),
        ("EVAL(a,b)", "a,b"),
        ("EVAL(${C})", ""),
        ("EVAL(${A}&${C}&${B})", "x & y&&(1) ${A}"),
        ("EVAL(${URIENCODE(${A})}&${URIENCODE(${B})})", "x%20%26%20y&(1)%20%24%7BA%7D"),
        ("EVAL(${${N}})", "x & y"),
        ("EVAL(${LONG:2}-${LONG:1:2}-${LONG:-2})", "cdef-bc-ef"),
        ("EVAL(${LEN(${LONG})})", "6"),
        ("EVAL(${CALLERID(num)})", "100"),
        ("EVAL(${TRAP})", "ab):1"),
        ("EVAL(${URIENCODE(${TRAP})})", "b"),
    ],
)
def test_expressions(expression: str, value: str | None) -> None:
    assert read(expression, VARIABLES.get) == value


def test_an_unknown_function() -> None:
    with pytest.raises(UnknownFunctionError):
        read("NOPE(x)", VARIABLES.get)

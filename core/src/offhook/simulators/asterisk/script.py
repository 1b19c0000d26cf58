"""Scripted calls: what a simulated caller does, step by step (`STEPS`), as words of a command line."""

import asyncio
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from offhook.simulators.caller import SimulatedCaller, wav_as_ulaw
from offhook.simulators.wav import reason

STEPS = {
    "wait:S": "do nothing for S seconds",
    "play:WAV": "speak a WAV file (mono, 16 bits) and wait for its end",
    "play&:WAV": "the same without waiting: the next step begins at once",
    "stop": "fall silent",
    "dtmf:DIGITS": "press keys: 0-9, *, #, A-D",
    "heard[:S]": "wait for sound, at most S seconds (30)",
    "quiet:S": "wait until the other side has been silent for S seconds",
    "bye[:S]": "wait for the other side to hang up, at most S seconds (60)",
    "hangup": "hang up",
    "save:WAV": "write what was heard so far",
}
"""The steps as they are written, and what each does."""

_WORDS = tuple(step.partition(":")[0].rstrip("[") for step in STEPS)
_NEEDS_ARGUMENT = ("wait", "play", "play&", "dtmf", "quiet", "save")
_NEEDS_CALL = ("play", "play&", "dtmf")
_SECONDS = ("wait", "heard", "quiet", "bye")


def check(steps: Sequence[str]) -> None:
    """Raise `ValueError` for the first step that is not one. Looks at no file; see `check_files`."""
    for step in steps:
        word, _, argument = step.partition(":")
        if word not in _WORDS:
            raise ValueError(f"step {step!r}: {word!r} is not one of {', '.join(_WORDS)}")
        if word in _NEEDS_ARGUMENT and not argument:
            raise ValueError(f"step {step!r}: {word}: needs a value after the colon")
        if word in _SECONDS and argument and not _is_seconds(argument):
            raise ValueError(f"step {step!r}: {argument!r} is not a number of seconds")
        if word == "dtmf" and (wrong := argument.strip("0123456789*#ABCDabcd")):
            raise ValueError(f"step {step!r}: {wrong[0]!r} is no key of a telephone (0-9, *, #, A-D)")


def check_files(steps: Sequence[str]) -> None:
    """Raise `ValueError` for the first step whose file cannot be played or written."""
    for step in steps:
        word, _, argument = step.partition(":")
        try:
            if word in ("play", "play&"):
                wav_as_ulaw(argument)  # it stays in memory: the call needs the file no more
            elif word == "save":
                _check_writable(Path(argument))
        except ValueError as error:
            raise ValueError(f"step {word}: {error}") from None


def _is_seconds(text: str) -> bool:
    try:
        return math.isfinite(seconds := float(text)) and seconds >= 0
    except ValueError:
        return False


def _check_writable(path: Path) -> None:
    if path.is_dir():
        raise ValueError(f"{path}: a directory; the name of a file is wanted")
    if not path.parent.is_dir():
        raise ValueError(f"{path}: there is no directory {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError(f"{path}: it cannot be written")


async def run(call: SimulatedCaller, steps: Sequence[str], answer_seconds: float = 30) -> dict[str, Any]:
    """Run the steps once the call is answered, then hang up. Returns the facts of the call; times are in
    seconds after dialling. A step that is not met ends the call and is named under `failed`.
    """
    marks: list[tuple[str, float]] = []
    failed: str | None = None
    step = "answer"
    try:
        await call.answered(answer_seconds)
        marks.append(("answered", _since(call)))
        for step in steps:
            await _step(call, step)
            marks.append((step, _since(call)))
    except (TimeoutError, ConnectionError) as error:
        failed = f"{step}: {str(error) or 'timed out'}"
    except OSError as error:
        failed = f"{step}: {reason(error)}"
    await call.hangup()
    left = await call.left_stasis()
    return {
        "channel": call.channel_id,
        "caller": call.number,
        "marks": marks,
        "failed": failed,
        "seconds": _since(call),
        "left": left.how,
        "context": left.context,
        "extension": left.extension,
        "variables": dict(left.variables),
    }


def _since(call: SimulatedCaller) -> float:
    return round(time.monotonic() - call.dialled_at, 3)


async def _step(call: SimulatedCaller, step: str) -> None:
    word, _, argument = step.partition(":")
    if word in _NEEDS_CALL and call.ended_at is not None:
        raise ConnectionError(f"call {call.channel_id} is over")
    match word:
        case "wait":
            await asyncio.sleep(float(argument))
        case "play":
            call.play(argument)
            await call.played()
        case "play&":
            call.play(argument)
        case "stop":
            call.stop_speaking()
        case "dtmf":
            await call.press(argument)
        case "heard":
            await call.wait_heard(float(argument or 30))
        case "quiet":
            await call.wait_quiet(float(argument))
        case "bye":
            await call.ended(float(argument or 60))
        case "hangup":
            await call.hangup()
        case "save":
            call.save(argument)

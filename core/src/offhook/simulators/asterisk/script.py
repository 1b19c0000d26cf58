"""Scripted calls: what a simulated caller does, step by step, as words of a command line.

| step | meaning |
|---|---|
| `wait:S` | do nothing for S seconds |
| `play:WAV` | speak a mono 16-bit WAV file and wait for its end; `play&:WAV` does not wait |
| `stop` | fall silent |
| `dtmf:DIGITS` | press keys |
| `heard` or `heard:S` | wait for sound, at most S seconds (30) |
| `quiet:S` | wait until the other side has been silent for S seconds |
| `bye` or `bye:S` | wait for the other side to hang up, at most S seconds (60) |
| `hangup` | hang up |
| `save:WAV` | write what was heard so far |
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from offhook.simulators.caller import SimulatedCaller

STEPS = ("wait", "play", "play&", "stop", "dtmf", "heard", "quiet", "bye", "hangup", "save")
_NEEDS_ARGUMENT = ("wait", "play", "play&", "dtmf", "quiet", "save")
_SECONDS = ("wait", "heard", "quiet", "bye")


def check(steps: Sequence[str]) -> None:
    """Raise `ValueError` for the first step that is not one."""
    for step in steps:
        word, _, argument = step.partition(":")
        if word not in STEPS:
            raise ValueError(f"step {step!r}: {word!r} is not one of {', '.join(STEPS)}")
        if word in _NEEDS_ARGUMENT and not argument:
            raise ValueError(f"step {step!r}: {word}: needs a value after the colon")
        if word in _SECONDS and argument:
            try:
                float(argument)
            except ValueError:
                raise ValueError(f"step {step!r}: {argument!r} is not a number of seconds") from None


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

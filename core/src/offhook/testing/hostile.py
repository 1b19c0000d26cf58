"""Calls that no part expects: every event in any order, twice, with odd values. The same ones in every run."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

from offhook.call import events as ev
from offhook.call.events import Event

from .scenario import CallScenario

Step = tuple[float, Event]
"""(seconds since the last step, what happens)"""

CALLS: Final = 150
STEPS: Final = 25
ODD_TEXTS: Final = ("", " ", "yes", "a\nb\x00", "ü🙂" * 2000)
ODD_NAMES: Final = ("", "wake", "no such name", "x" * 500)
KEYS: Final = "0123456789*#ABCD"

_MAKERS: Final[Sequence[Callable[[random.Random], Event]]] = (
    lambda r: ev.Arrived(r.random() < 0.5),
    lambda r: ev.MediaReady(),
    lambda r: ev.PlaybackStarted(r.choice(("greeting", *ODD_NAMES))),
    lambda r: ev.PlaybackFinished(r.choice(("greeting", "greeting", *ODD_NAMES)), r.random() < 0.3),
    lambda r: ev.TalkingStarted(),
    lambda r: ev.TalkingFinished(r.choice((0, 40, 100_000))),
    lambda r: ev.Digit(r.choice(KEYS), r.choice((0, 120))),
    lambda r: ev.Digit(r.choice(KEYS)),
    lambda r: ev.StreamOpened("s"),
    lambda r: ev.SpeechStarted(r.choice(("i1", "i2", ""))),
    lambda r: ev.SpeechStopped(r.choice(("i1", "i2", ""))),
    lambda r: ev.TurnCommitted(r.choice(("i1", "i2"))),
    lambda r: ev.InterimTranscript(r.choice(("i1", "i2")), r.choice(ODD_TEXTS)),
    lambda r: ev.FinalTranscript(r.choice(("i1", "i2")), r.choice(ODD_TEXTS)),
    lambda r: ev.TranscriptFailed("i1", "no model"),
    lambda r: ev.ResponseStarted(r.choice(("r1", "r2"))),
    lambda r: ev.ResponseDone(r.choice(("r1", "r2")), r.choice(("completed", "cancelled", "failed"))),
    lambda r: ev.AnswerAudioStarted("r1", r.choice(("a1", "a2"))),
    lambda r: ev.AnswerTranscript("r1", "a1", r.choice(ODD_TEXTS), r.random() < 0.5),
    lambda r: ev.AnswerPlayed(r.choice(("a1", "a2")), r.choice((0, 900))),
    lambda r: ev.PlayoutStopped((ev.HeardItem("a1", 0, 1000),)),
    lambda r: ev.ToolRequested("r1", "t1", r.choice(ODD_NAMES), r.choice(("{}", "no JSON"))),
    lambda r: ev.ToolFinished("t1", "look_up", r.choice(ODD_TEXTS), r.random() < 0.5),
    lambda r: ev.ProviderError("code", r.choice(ODD_TEXTS)),
    lambda r: ev.PluginEvent(
        r.choice(ODD_NAMES), r.choice((None, 7, "x", {"a": [1]})), r.choice(("", "other"))
    ),
    lambda r: ev.WorkFinished(
        r.choice((1, 2, 99)), r.choice((None, "found", 7)), r.choice(("", "no answer"))
    ),
    lambda r: ev.SayRequested("Hello."),
    lambda r: ev.EndRequested(),
)
_LAST: Final[Sequence[Callable[[random.Random], Event]]] = (
    lambda r: ev.CallerHungUp(),
    lambda r: ev.OperatorHangup(r.choice(("operator", "shutdown"))),
    lambda r: ev.MediaFailed("no audio", r.random() < 0.5),
    lambda r: ev.StreamFailed("gone"),
)
_BEGINS: Final[Sequence[Sequence[Step]]] = (
    [],
    [(0.0, ev.Arrived())],
    [(0.0, ev.Arrived()), (0.0, ev.MediaReady())],
    [(0.0, ev.Arrived()), (0.0, ev.MediaReady()), (0.1, ev.StreamOpened("s"))],
)


def hostile_call(number: int) -> list[Step]:
    """One of the calls, by its number; it ends with somebody hanging up."""
    chance = random.Random(number)
    steps = list(chance.choice(_BEGINS))
    for _ in range(chance.randrange(STEPS)):
        maker = chance.choice(_LAST) if chance.random() < 0.02 else chance.choice(_MAKERS)
        steps.append((chance.choice((0.0, 0.0, 0.04, 0.5, 3.0, 20.0)), maker(chance)))
    return [*steps, (0.5, ev.CallerHungUp())]


def play(call: CallScenario, steps: Sequence[Step]) -> None:
    """Let all this happen. Raises AssertionError where a part breaks."""
    for seconds, event in steps:
        call.at(call.now + seconds, event)


def shortest(steps: Sequence[Step], fails: Callable[[Sequence[Step]], object]) -> list[Step]:
    """As few of these steps as still fail: one after the other is left out where that changes nothing."""
    kept = list(steps)
    position = 0
    while position < len(kept):
        without = kept[:position] + kept[position + 1 :]
        if fails(without):
            kept = without
        else:
            position += 1
    return kept


def told(steps: Sequence[Step]) -> str:
    """The steps for people, one a line."""
    lines = [f"  {seconds:g} s later: {str(event)[:200]}" for seconds, event in steps]
    return "\n".join(["what happened:", *lines])

"""What the model says: a few rules about what it heard, or a script.

A `Dialogue` turns what is known when a response begins (`Turn`) into what the response consists of: `Say`, which
becomes a spoken item of its own, and `CallTool`. `RuleDialogue` answers by `RULES`, read from top to bottom;
`ScriptedDialogue` answers from a JSON file, for tests and for people who want another conversation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from offhook.simulators.realtime.speech import RECORDED_ANSWER
from offhook.simulators.wav import reason


@dataclass(frozen=True, slots=True)
class Say:
    """Words that become one spoken (or written) item."""

    text: str


@dataclass(frozen=True, slots=True)
class CallTool:
    """A function call; left out where the session does not offer the tool."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


Reply = Sequence[Say | CallTool]


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """What the client answered to a function call: the tool's name and its output as text."""

    name: str
    output: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What the model knows when it begins a response."""

    heard: str | None = None
    """The caller's last words, spoken or written; empty if not understood, None if nobody has spoken."""
    outputs: tuple[ToolOutput, ...] = ()
    """Outputs of functions that came since the model's last words."""
    instructions: str = ""
    """The session's instructions."""
    asked: str = ""
    """The instructions of this very response (`response.create`)."""
    tools: frozenset[str] = frozenset()
    idle: bool = False
    """True when the caller has been silent for `idle_timeout_ms`."""


class Dialogue(Protocol):
    """Decides what to say. Called in the event loop: it must not block.

    Each session gets its own copy (`copy.copy`), so it may keep the place where it is.
    """

    def reply(self, turn: Turn) -> Reply:
        """The parts of one response; empty for a response without output."""
        ...


GREETING = "Hello, this is the simulated assistant. How can I help you?"
HOURS = RECORDED_ANSWER
STORY = (
    "Let me tell you a story. Once upon a time there was a small telephone exchange on a hill. "
    "Every evening a hundred people called one another through it. "
    "One night a storm broke the line to the village. "
    "The operator took a coil of wire and walked all the way down to the river. "
    "In the morning the line was as good as new. Nobody ever learned who had repaired it."
)

_DIGITS = {
    "zero": "0",
    "oh": "0",
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
}
_NUMBER = re.compile(
    rf"\b(?:{'|'.join(_DIGITS)}|\d+)(?:[\s,.-]+(?:{'|'.join(_DIGITS)}|\d+))+\b|\b\d{{2,}}\b", re.I
)
_QUOTED = re.compile(r"\b(?:say|greet|answer|begin)\b[^\"“:]*(?::\s*[\"“]?|[\"“])\s*(?P<words>[^\"”]+)", re.I)

_WORD_FOR_WORD = re.compile(r"\bword for word\b[^:]*:\s*(?P<words>.*\S)", re.I | re.S)


def asked_to_say(instructions: str) -> str:
    """What a response is told to say "word for word": all that follows the colon. Empty: it may say what it likes."""
    found = _WORD_FOR_WORD.search(instructions)
    return found["words"] if found else ""


def spoken_number(text: str) -> str:
    """The first number of two or more digits in the text, as digits: `four, seven` is `47`. Empty if none."""
    match = _NUMBER.search(text)
    words = re.findall(r"[a-z]+|\d", match[0].lower()) if match else []
    return "".join(_DIGITS.get(word, word) for word in words)


def _number(turn: Turn) -> Reply:
    digits = spoken_number(turn.heard or "")
    return [Say(f"I heard the number {', '.join(digits)}. Is that right?")]


def _tool_or(name: str, without: str, **arguments: str) -> Callable[[Turn], Reply]:
    def reply(turn: Turn) -> Reply:
        return [CallTool(name, arguments)] if name in turn.tools else [Say(without)]

    return reply


def _transfer(turn: Turn) -> Reply:
    digits = spoken_number(turn.heard or "") or "100"
    if "transfer_call" in turn.tools:
        return [CallTool("transfer_call", {"extension": digits})]
    return [Say("I am sorry, I cannot transfer you.")]


def _say(text: str) -> Callable[[Turn], Reply]:
    return lambda turn: [Say(text)]


RULES: tuple[tuple[str, Callable[[Turn], Reply]], ...] = (
    (r"^\W*(stop|wait|hold on|be quiet)\b", _say("Okay, I stop. What would you like to know?")),
    (
        r"\b(good ?bye|bye|hang up|end the call)\b",
        _tool_or("end_call", "Goodbye, and thank you for calling."),
    ),
    (r"\b(transfer|connect me|put me through|speak (to|with) (a|an|some))", _transfer),
    (r"\bopening hours\b|\bwhen (are|do) you (open|close)|\bopen on\b", _say(HOURS)),
    (
        r"\bwhat('s| is)? the time\b|\bwhat time is it\b|\btell me the time\b|\btime is it\b",
        _tool_or("get_current_time", "I am sorry, I have no clock here."),
    ),
    (r"\bstory\b", _say(STORY)),
    (_NUMBER.pattern, _number),
    (r"^\W*(yes|right|correct|exactly)\b", _say("Very good, that is settled. Is there anything else?")),
    (r"^\W*no\b", _say("All right. Then please tell me what you need.")),
    (r"\bthank(s| you)\b", _say("You are welcome.")),
    (r"^\W*(hello|hi|good (morning|afternoon|evening))\W*$", _say(GREETING)),
)
"""A pattern in what the caller said, and the reply to it. The first that is found counts."""


class RuleDialogue:
    """Answers by `RULES`; what fits none of them is repeated."""

    def reply(self, turn: Turn) -> Reply:
        """The parts of one response."""
        if turn.outputs:
            return [Say(" ".join(_about(output) for output in turn.outputs))]
        if turn.asked and (quoted := _QUOTED.search(turn.asked)):
            return [Say(quoted["words"].strip())]
        if turn.idle:
            return [Say("Are you still there?")]
        if turn.heard is None:
            return [Say(GREETING)]
        for expression, reply in RULES:
            if re.search(expression, turn.heard, re.I):
                return reply(turn)
        if turn.heard:
            return [Say(f"You said: {turn.heard}")]
        return [Say("I did not understand you. Could you say that again, please?")]


class FixedDialogue:
    """Answers everything with the same words, as a server does that cannot understand speech."""

    def __init__(self, text: str) -> None:
        self._text = text

    def reply(self, turn: Turn) -> Reply:
        """The same words, whatever was said."""
        return [Say(self._text)]


class ScriptedDialogue:
    """Answers from a list of steps, in order; the last one stays.

    A step is an object: `say` (a text, or a list of texts: an item each), `call` (a tool's name) with
    `arguments`, and `when` (a regular expression). A step with `when` is no part of the order: it answers
    whenever its expression is found in what the caller said.
    """

    def __init__(self, steps: Sequence[Mapping[str, Any]]) -> None:
        for number, step in enumerate(steps, 1):
            if unknown := set(step) - {"say", "call", "arguments", "when"}:
                raise ValueError(
                    f"step {number}: {', '.join(sorted(unknown))}: only say, call, arguments, when"
                )
            if not {"say", "call"} & set(step):
                raise ValueError(f"step {number}: it must say or call something")
            if not isinstance(step.get("call", ""), str) or not all(
                isinstance(text, str) for text in _texts(step)
            ):
                raise ValueError(f"step {number}: say and call take texts")
        self._ordered = [step for step in steps if "when" not in step]
        try:
            self._by_words = [(re.compile(step["when"], re.I), step) for step in steps if "when" in step]
        except re.error as error:
            raise ValueError(f"when: {error.pattern!r} is no regular expression: {error.msg}") from error
        self._next = 0

    @classmethod
    def load(cls, path: str | Path) -> ScriptedDialogue:
        """Read a JSON file: an array of steps. Raises `ValueError`; its text is one sentence with the path."""
        try:
            steps = json.loads(Path(path).read_text(encoding="utf-8"))
            if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
                raise ValueError("an array of objects is wanted")
            return cls(steps)
        except OSError as error:
            raise ValueError(f"{path}: {reason(error)}; a file with JSON is wanted") from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: no JSON: {error}") from None
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def reply(self, turn: Turn) -> Reply:
        """The step's parts: what it says, then what it calls."""
        step = self._step(turn)
        parts: list[Say | CallTool] = [Say(text) for text in _texts(step)]
        if "call" in step:
            parts.append(CallTool(step["call"], step.get("arguments", {})))
        return parts

    def _step(self, turn: Turn) -> Mapping[str, Any]:
        for expression, step in self._by_words:
            if turn.heard and not turn.outputs and expression.search(turn.heard):
                return step
        if not self._ordered:
            return {}
        step = self._ordered[min(self._next, len(self._ordered) - 1)]
        self._next += 1
        return step


def _texts(step: Mapping[str, Any]) -> list[Any]:
    said = step.get("say", [])
    return said if isinstance(said, list) else [said]


_AFTERWARDS = {
    "end_call": "Goodbye, and thank you for calling.",
    "transfer_call": "One moment, please. I put you through.",
}
"""What is said once these tools have done their work."""


def _about(output: ToolOutput) -> str:
    try:
        parsed = json.loads(output.output)
    except ValueError:
        parsed = output.output
    if isinstance(parsed, dict) and parsed.get("error"):
        return f"That did not work: {parsed['error']}."
    if output.name in _AFTERWARDS:
        return _AFTERWARDS[output.name]
    if isinstance(parsed, dict):
        facts = (f"{name.replace('_', ' ')} is {value}" for name, value in parsed.items())
        return f"The {output.name.replace('_', ' ')} tool says: {', '.join(facts)}."
    return f"The {output.name.replace('_', ' ')} tool says: {parsed}."

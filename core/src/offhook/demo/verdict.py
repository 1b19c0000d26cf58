"""Whether the demonstration's call was as it should: what was understood, spoken, interrupted, and heard."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from offhook.call.entries import Turn
from offhook.call.record import CallRecord
from offhook.simulators.asterisk import LeftStasis

LIKE_ENOUGH = 0.8
"""Share of words that the recogniser must find again in the recording; a cut word is a lost one."""

_NUMBERS = dict(enumerate(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]))


@dataclass(frozen=True, slots=True)
class Expected:
    """What the call is compared with. question: empty if the caller said words of somebody's own, which are in
    the file own_words.
    """

    greeting: str
    question: str
    own_words: str
    interruption: str
    speech: bool
    """The server understands words."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was not as it should; nothing if all was well."""

    failures: tuple[str, ...]


def words(text: str) -> list[str]:
    """Lower case, without punctuation, digits as words: `From 9, please.` is `from nine please`."""
    found = re.findall(r"[a-z']+|\d", text.lower().replace("’", "'"))
    return [_NUMBERS[int(word)] if word.isdigit() else word for word in found]


def judge(
    expected: Expected, record: CallRecord, left: LeftStasis, understood: str, of_question: Sequence[str]
) -> Verdict:
    """Compare the call's record, what the dialplan got, and the recording as the recogniser understands it.

    of_question: what was understood of the caller before the interruption.
    """
    return Verdict(tuple(_failures(expected, record, left, understood, of_question)))


def _failures(
    expected: Expected, record: CallRecord, left: LeftStasis, understood: str, of_question: Sequence[str]
) -> Iterator[str]:
    turns = [entry for entry in record.entries if isinstance(entry, Turn)]
    caller = [turn.text for turn in turns if turn.actor == "caller" and turn.text]
    answers = [turn for turn in turns if turn.actor == "bot" and turn.sounded]
    if not answers:
        yield "no answer was spoken"
    if expected.speech:
        if not caller:
            yield "nothing that the caller said was understood"
        heard = words(" ".join((expected.greeting, *(turn.heard for turn in answers))))
        if SequenceMatcher(None, heard, words(understood), autojunk=False).ratio() < LIKE_ENOUGH:
            yield f"the recording is understood as {understood!r}, which is not what was spoken"
    if not expected.question:
        if expected.speech and caller and not any(words(text) for text in of_question):
            yield f"nothing of {expected.own_words} was understood"
        return  # somebody's own words: what they lead to is not known
    if expected.speech and caller and words(caller[0]) != words(expected.question):
        yield f"the caller said {expected.question!r}, and {caller[0]!r} was understood"
    if expected.speech and not any(words(text) == words(expected.interruption) for text in caller[1:]):
        yield f"the interruption {expected.interruption!r} was not understood"
    if not any(turn.cut for turn in answers):
        yield "no answer was interrupted"
    if len(answers) < 2:
        yield "the caller was not answered again after the interruption"
    wanted = "tool" if expected.speech else "dtmf"
    cause = left.variables.get("OFFHOOK_END_CAUSE", "")
    if cause != wanted:
        yield f"the call ended with {cause or 'no result'}, not with {wanted}"

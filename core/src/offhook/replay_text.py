"""What `offhook replay` prints: a call's time line, and what came of deciding it again."""

from __future__ import annotations

import dataclasses
import difflib
import json
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

from offhook.call.events import AnswerTranscript, InterimTranscript
from offhook.replay import Moment, Replayed, same_action

_INDENT = " " * 12
_LONGEST = 160
"""Characters of a text that are shown."""


def moment_text(moment: Moment) -> str:
    """A moment of the time line: when and what happened, and below it what the call did.

    Empty where a text has merely grown by a word: it is shown once it is whole.
    """
    match moment.event:
        case InterimTranscript() | AnswerTranscript(final=False) if not moment.written:
            return ""
    return "\n".join(
        [f"{moment.at:+10.3f}  {_happened(moment)}", *(f"{_INDENT}  {a}" for a in _then(moment))]
    )


def report(replayed: Replayed) -> str:
    """What came of it, in a few lines; of a difference, what is decided otherwise and how."""
    call, head = replayed.head.call, replayed.head
    ended = f", ended with {replayed.cause}" if replayed.cause else ""
    lines = [
        f"call {call.call_id} from {call.caller_number or 'unknown'} to {call.dialed}, "
        f"{head.started:%Y-%m-%d %H:%M:%S} UTC, {replayed.seconds:.1f} s{ended}, written by offhook {head.offhook}"
    ]
    lines += [f"note: {note}" for note in replayed.notes]
    if (moment := replayed.difference) is None:
        lines.append(f"decided alike: {replayed.moments} events and timers, {replayed.actions} actions")
    else:
        lines.append(f"decided otherwise {moment.at:.3f} s after the call began, at {_happened(moment)}")
        lines.append(f"{_INDENT}- in the journal, + now")
        lines += [f"{_INDENT}{line}" for line in _compared(moment)]
    return "\n".join(lines)


def _happened(moment: Moment) -> str:
    if moment.event is None:
        return f"expired: {', '.join(moment.expired) or 'nothing'}"
    known = {
        one.name: getattr(moment.event, one.name)
        for one in dataclasses.fields(moment.event)
        if one.name != "settings"
    }
    return _words(type(moment.event).__name__, known)


def _then(moment: Moment) -> list[str]:
    return [_action(action) for action in moment.written]


def _compared(moment: Moment) -> Iterator[str]:
    if moment.error is not None:
        yield from (f"- {line}" for line in _then(moment))
        for line in traceback.format_exception(moment.error):
            yield from (f"+ {one}" for one in line.splitlines())
        return
    # What differs only where digits are masked is the same.
    now = [
        _action(next((then for then in moment.written if same_action(then, action)), action))
        for action in moment.actions
    ]
    then = _then(moment)
    if then == now:  # they differ in what is not shown, being empty
        then, now = (
            [json.dumps(action) for action in actions] for actions in (moment.written, moment.actions)
        )
    yield from (line for line in difflib.ndiff(then, now) if not line.startswith("?"))


def _action(action: Mapping[str, Mapping[str, Any]]) -> str:
    ((name, fields),) = action.items()
    return _words(name, fields)


def _words(name: str, fields: Mapping[str, Any]) -> str:
    return " ".join([name, *(f"{key}={_value(value)}" for key, value in _flat(fields))])


def _flat(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Without what is empty; an outcome's fields stand beside the others."""
    for key, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat(value)
        elif value not in ("", None, (), []):
            yield key, value


def _value(value: Any) -> str:
    if not isinstance(value, str):
        return str(value)
    cut = value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"
    return json.dumps(cut, ensure_ascii=False)

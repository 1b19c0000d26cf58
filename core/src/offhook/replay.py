"""Decides a call again from its journal, with the code and the plugins that are here now, and compares.

A call's decisions depend on nothing but its settings, its events and their times, and all of these are in the
journal. So the same code comes to the same actions, and where it does not, the first difference tells what has changed:
a rule of ours, a plugin, or what a plugin looks at beside the call, such as the time of day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offhook.call.call import Call
from offhook.call.events import Digit, Event
from offhook.call.masking import MASK
from offhook.plugins.hooks import Hooks
from offhook.plugins.loader import FoundPlugin
from offhook.telemetry.journal_lines import (
    OPAQUE,
    Head,
    JournalError,
    LineReader,
    written_action,
)

__all__ = ["JournalError", "Moment", "Replayed", "find_journal", "replay", "same_action"]


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a journal, decided again."""

    at: float
    """Seconds since the call began."""
    event: Event | None
    """None: timers ran out."""
    expired: tuple[str, ...]
    """The names of these timers."""
    written: list[Any]
    """The actions as the journal has them: each an object `{name: {field: value}}`."""
    actions: list[Any]
    """The actions as they are decided now, in the same form."""
    error: Exception | None = None
    """What the call failed with, where it failed now."""

    @property
    def same(self) -> bool:
        return self.error is None and same_action(self.written, self.actions)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a replay."""

    head: Head
    moments: int
    """Lines that were decided again, up to the difference, if any."""
    actions: int
    """Actions that came of them."""
    seconds: float
    """From the first to the last of them."""
    cause: str
    """`OFFHOOK_END_CAUSE` as the journal has it; empty where it has no end."""
    difference: Moment | None
    """The first moment that is not the same. What comes after it may follow from it, and is not decided again."""
    notes: tuple[str, ...]
    """What a reader should know: other plugins, values that could not be written down, a torn end."""


def find_journal(call: str, directory: str) -> Path:
    """The journal at a path, or that of the call with this id in the journals' directory.

    Raises FileNotFoundError, with a text for people.
    """
    path = Path(call)
    if path.is_file():
        return path
    if not call or path.exists():
        what = "a directory" if path.is_dir() else "no regular file"
        raise FileNotFoundError(f"{call!r} is {what}; it must be a journal or a call's id")
    if not directory:
        raise FileNotFoundError(
            f"{call} is no file, and JOURNAL_DIR, where a call's id would be looked for, is not set"
        )
    if not Path(directory).is_dir():
        raise FileNotFoundError(f"{call} is no file, and JOURNAL_DIR is {directory}, which is no directory")
    found = sorted(Path(directory).glob(f"*/*-{_literal(call)}.jsonl"))
    if not found:
        raise FileNotFoundError(
            f"{call} is neither a file nor the id of a call with a journal in {directory} (JOURNAL_DIR)"
        )
    return found[-1]


def replay(
    lines: Iterable[str], hooks: Hooks, *, tell: Callable[[Moment], None] = lambda _: None
) -> Replayed:
    """Decide the call again, up to the first difference. It may have to wait for plugins' code.

    hooks: the plugins to decide with. tell: is told of each moment. Raises JournalError.
    """
    whole = iter(lines)
    if not (first := next(whole, "")):
        raise JournalError("it is empty")
    head = Head.read(first)
    notes = [f"not as it was: {problem}" for problem in head.unread]
    notes += _other_plugins(head.plugins, hooks.plugins)
    call = _made(head, hooks)
    reading = _Reading(whole)
    masked = False
    moments = actions = 0
    began = at = head.began
    cause, difference = "", None
    for at, event, written in reading:
        began = began if moments else at
        masked = masked or (isinstance(event, Digit) and head.settings.dtmf.dtmf_sensitive)
        moment = _decided(call, at, event, written, at - began)
        tell(moment)
        moments, actions = moments + 1, actions + len(written)
        if not moment.same:
            difference = moment
            for _ in reading:  # raises JournalError: damage further down may be the cause of the difference
                pass
            break
        cause = cause or next((a["End"]["outcome"]["cause"] for a in written if "End" in a), "")
    if not moments and not reading.torn:
        raise JournalError("it has its first line and nothing else")
    if masked:
        notes.append("its digits are masked: a part that tells one from another may decide differently now")
    if reading.opaque:
        notes.append("it has values that JSON has no form for: what depends on them is not decided again")
    if reading.torn:
        notes.append("its last line is torn")
    if not cause and difference is None:
        notes.append("it has no end: the host was killed, or could not write on")
    return Replayed(head, moments, actions, at - began, cause, difference, tuple(notes))


def same_action(written: Any, action: Any) -> bool:
    """True if an action that was written is this one; where digits are masked, any will do."""
    match written, action:
        case dict(), dict():
            return written.keys() == action.keys() and all(
                same_action(value, action[key]) for key, value in written.items()
            )
        case list(), list():
            return len(written) == len(action) and all(map(same_action, written, action))
        case str(), str():
            return len(written) == len(action) and all(
                one in (other, MASK) for one, other in zip(written, action, strict=True)
            )
        case _:
            return bool(written == action)


class _Reading:
    """The lines after the head. The last one may be torn: the host was killed while it wrote."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._reader = LineReader()
        self.torn = self.opaque = False

    def __iter__(self) -> Iterator[tuple[float, Event | None, list[Any]]]:
        for line in self._lines:
            if not line.endswith("\n"):
                self.torn = True
                return
            self.opaque = self.opaque or OPAQUE in line
            yield self._reader.read(line)


def _made(head: Head, hooks: Hooks) -> Call:
    mode = head.settings.recognition.recognition_activation_mode
    activation, keypad = hooks.parts_now(mode, head.settings)
    return Call(head.call, head.settings, activation=activation, keypad=keypad, problems=head.problems)


def _decided(call: Call, at: float, event: Event | None, written: list[Any], since: float) -> Moment:
    expired = tuple(name for _, name in call.state.timers.due(at)) if event is None else ()
    try:
        actions = call.tick(at) if event is None else call.handle(event, at)
    except Exception as error:  # the very thing that a journal may be read for
        return Moment(since, event, expired, written, [], error)
    return Moment(since, event, expired, written, [written_action(action) for action in actions])


def _other_plugins(then: Mapping[str, str], now: Iterable[FoundPlugin]) -> Iterator[str]:
    here = {
        plugin.name: f"{plugin.distribution} {plugin.version}" for plugin in now if plugin.plugin is not None
    }
    for name in sorted(then.keys() | here.keys()):
        was, is_now = then.get(name, "not there"), here.get(name, "not there")
        if was != is_now:
            yield f"the plugin {name} was {was}, and is {is_now}"


def _literal(text: str) -> str:
    """For a glob: a text that stands for itself."""
    return "".join(f"[{one}]" if one in "*?[" else one for one in text)

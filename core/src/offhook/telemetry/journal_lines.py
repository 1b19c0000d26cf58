"""The lines of a call's journal: one JSON object each, the head first, then every event with the actions that followed.

    {"journal": 1, "offhook": "0.1.0", "began": 8361.2, "started": "…", "call": {…}, "settings": {…}, …}
    {"at": 8361.204, "event": {"Digit": {"digit": "1", "duration_ms": 80}}, "actions": [{"StartTimer": {…}}]}
    {"at": 8363.2, "event": null, "actions": [{"End": {…}}]}

`at` is the very number that the call was given as `now`, in seconds of the host's monotonic clock; an event that is
null means that time passed. The names are those of `call/events.py` and `call/actions.py`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Annotated, Any, Final, get_args

from annotated_types import Len
from pydantic import Field, TypeAdapter, ValidationError

from offhook import json_text
from offhook.call import actions as do
from offhook.call import events as ev
from offhook.call.info import CallInfo
from offhook.call.masking import MASK, MASKED, without_digits
from offhook.settings import LayeredSettings, Settings, shown_tree
from offhook.settings.leaves import shown_values, without_credentials

VERSION: Final = 1
OPAQUE: Final = "$opaque"
"""The key of what stands for a value that JSON has no form for: its `repr`."""
REPR_LIMIT: Final = 200

_WORDS: Final = frozenset(
    {
        *("text", "arguments", "output", "reason", "message", "transcription", "error", "data", "result"),
        *("media", "context", "extension"),
    }
)
"""The fields in which sensitive digits may turn up again."""
_LARGEST: Final = 2**63 - 1
_EVENTS: Final[Mapping[str, Any]] = {event.__name__: event for event in get_args(ev.Event)}
_ACTIONS: Final = frozenset(action.__name__ for action in get_args(do.Action))
_SHOWN: Final = 60
"""Characters of a bad value in a message."""


class JournalError(ValueError):
    """A journal that cannot be read; the text says which line, and why."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first line: what a call was made with."""

    call: CallInfo
    settings: Settings
    """All layers merged; secrets are masked."""
    began: float
    """Seconds on the host's monotonic clock when the call was made."""
    started: datetime
    """The time of day at that moment."""
    plugins: Mapping[str, str] = field(default_factory=dict)
    """Each plugin that took part: its distribution and version."""
    problems: tuple[str, ...] = ()
    """What was wrong with the call's settings."""
    offhook: str = version("offhook-core")
    """The version that wrote the journal."""
    unread: tuple[str, ...] = ()
    """What of the settings in the journal this version cannot use."""

    def line(self) -> str:
        return json_text.dumps(
            {
                "journal": VERSION,
                "offhook": self.offhook,
                "began": self.began,
                "started": self.started.astimezone(UTC).isoformat(),
                "call": self.call,
                "problems": self.problems,
                "plugins": self.plugins,
                "settings": shown_tree(self.settings),
            },
            default=_fields,
        )

    @classmethod
    def read(cls, line: str) -> Head:
        """Raises JournalError."""
        told = _json(line, 1)
        if told.get("journal") != VERSION:
            raise JournalError(
                f"line 1: journal is {told.get('journal')!r}; this version reads journals that begin with "
                f'{{"journal":{VERSION}'
            )
        try:
            known = _adapter(_HeadLine).validate_python(told)
        except ValueError as error:
            raise JournalError(f"line 1: {_one_line(error)}") from None
        settings = _settings(known.settings)
        return cls(
            known.call,
            settings.settings,
            known.began,
            known.started,
            known.plugins,
            tuple(known.problems),
            known.offhook,
            settings.problems,
        )


_Named = Annotated[dict[str, dict[str, Any]], Len(1, 1)]
"""An event or an action: its name and its fields."""
_Finite = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class _HeadLine:
    """What the first line holds, for pydantic to check."""

    call: CallInfo
    settings: dict[str, Any]
    began: _Finite
    started: datetime
    plugins: dict[str, str]
    problems: list[str]
    offhook: str


@dataclass(frozen=True)
class _Line:
    """What a line holds, for pydantic to check."""

    at: _Finite
    event: _Named | None
    actions: list[_Named]


class LineWriter:
    """Makes the lines of one call.

    digits_sensitive: the caller's digits are masked wherever they appear (`dtmfSensitive`), but for the terminator,
    without which nobody could tell where they ended. A `SendText` that is sensitive has its text masked in any case.
    """

    def __init__(self, *, digits_sensitive: bool, terminator: str) -> None:
        self._sensitive = digits_sensitive
        self._terminator = terminator
        self._pressed = ""
        self._growing = Growing()

    def line(self, event: ev.Event | None, actions: Sequence[do.Action], now: float) -> str:
        told: Any = None if event is None else _event(event)
        did: Any = [_action(action) for action in actions]
        if self._sensitive:
            if isinstance(event, ev.Digit):
                self._pressed += event.digit
            # As plain values, which can be looked through.
            told, did = json_text.loads(json_text.dumps([told, did], default=_fields))
            self._mask([told, did])
        if type(event) in _GROWING:
            told = self._growing.shortened(told)
        return json_text.dumps({"at": now, "event": told, "actions": did}, default=_fields)

    def _mask(self, value: Any) -> None:
        """Mask digits in place, wherever a field may hold them."""
        for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
            if key in ("digit", "digits"):
                value[key] = "".join(one if one == self._terminator else MASK for one in inner)
            elif key in _WORDS:
                value[key] = self._masked(inner)
            elif isinstance(inner, dict | list):
                self._mask(inner)

    def _masked(self, value: Any) -> Any:
        match value:
            case str():
                return without_digits(value, self._pressed)
            case dict():
                return {self._masked(key): self._masked(inner) for key, inner in value.items()}
            case list():
                return [self._masked(inner) for inner in value]
            case int() | float() if (shown := without_digits(str(value), self._pressed)) != str(value):
                return shown
            case _:
                return value


class LineReader:
    """Reads the lines after the head, in order."""

    def __init__(self) -> None:
        self._growing = Growing()
        self._number = 1
        self._at = -math.inf
        self._over = False

    def read(self, line: str) -> tuple[float, ev.Event | None, list[Any]]:
        """Time, event and the written actions. Raises JournalError."""
        self._number += 1
        told = _json(line, self._number)
        try:
            known = _adapter(_Line).validate_python(told)
            if self._over:
                raise ValueError("comes after the end of the call")
            if known.at < self._at:
                raise ValueError(f"at is {known.at}, which is before the line above")
            if unknown := {name for action in known.actions for name in action} - _ACTIONS:
                raise ValueError(f"this version knows no action {min(unknown)!r}")
            self._at, self._over = known.at, any("End" in action for action in known.actions)
            return known.at, None if known.event is None else self._event(known.event), known.actions
        except (KeyError, TypeError, ValueError) as error:
            raise JournalError(f"line {self._number}: {_one_line(error)}") from None

    def _event(self, told: _Named) -> ev.Event:
        ((name, fields),) = told.items()
        kind = _EVENTS.get(name)
        if kind is None:
            raise ValueError(f"this version knows no event {name!r}")
        if kind in _GROWING:
            fields = self._growing.whole(name, fields)
        if kind is ev.SettingsChanged:
            changes = tuple((leaf, value) for leaf, value in fields["changes"])
            return ev.SettingsChanged(_settings(fields["settings"]).settings, changes)
        event: ev.Event = _adapter(kind).validate_python(fields)
        return event


_GROWING: Final = frozenset({ev.AnswerTranscript, ev.InterimTranscript})


class Growing:
    """Texts that grow from event to event: only what is new is written, with how much is `kept` of the text before.

    Else an answer of a minute, which comes word by word, would be written a hundred times.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, str]] = {}
        """The event's name → the item that it was about, and its text."""

    def shortened(self, told: Any) -> dict[str, dict[str, Any]]:
        ((name, event),) = told.items()
        fields = event if isinstance(event, dict) else _fields(event)
        text = fields["text"]
        kept = self._kept(name, fields["item_id"], text)
        return {name: {**fields, "text": text[kept:], "kept": kept}}

    def whole(self, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        kept, item_id = int(fields.get("kept", 0)), fields["item_id"]
        known, before = self._last.get(name, ("", ""))
        if kept and (known != item_id or len(before) < kept):
            raise ValueError(f"{name} continues a text of {item_id!r} that is not there")
        text = before[:kept] + fields["text"]
        self._last[name] = item_id, text
        return {key: value for key, value in fields.items() if key != "kept"} | {"text": text}

    def _kept(self, name: str, item_id: str, text: str) -> int:
        known, before = self._last.get(name, ("", ""))
        self._last[name] = item_id, text
        return len(before) if known == item_id and text.startswith(before) else 0


def written_action(action: do.Action) -> Any:
    """An action as a line has it, but for the mask."""
    return json_text.loads(json_text.dumps(_action(action), default=_fields))


# --- One by one -----------------------------------------------------------------------------------------


def _event(event: ev.Event) -> dict[str, Any]:
    told: Any = event
    match event:
        case ev.PluginEvent(name=name, data=data, plugin=plugin):
            told = {"name": name, "data": _plain(data), "plugin": plugin}
        case ev.WorkFinished(work_id=work_id, result=result, error=error):
            told = {"work_id": work_id, "result": _plain(result), "error": error}
        case ev.SettingsChanged(settings=settings, changes=changes):
            told = {"settings": shown_tree(settings), "changes": shown_values(_plain(changes))}
        case _:
            pass
    return {type(event).__name__: told}


def _action(action: do.Action) -> dict[str, Any]:
    told: Any = action
    match action:
        case do.StartWork(work_id=work_id, owner=owner, name=name):
            told = {"work_id": work_id, "owner": owner, "name": name}
        case do.SendText(sensitive=True):
            told = dataclasses.replace(action, text=MASKED)
        # What comes from the settings, in whose tree such things are masked too: it is the same in a replay.
        case do.SendText(text=text) | do.Say(text=text):
            told = dataclasses.replace(action, text=without_credentials(text))
        case do.Play(media=media):
            told = dataclasses.replace(action, media=without_credentials(media))
        case _:
            pass
    return {type(action).__name__: told}


def _plain(value: Any) -> Any:
    """What a plugin hands over, as JSON has it."""
    match value:
        case None | bool() | str():
            return value
        case int() if abs(value) <= _LARGEST:
            return value
        case float() if math.isfinite(value):
            return value
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case dict() if all(isinstance(key, str) for key in value):
            return {key: _plain(inner) for key, inner in value.items()}
        case _:
            return {OPAQUE: repr(value)[:REPR_LIMIT]}


def _fields(value: Any) -> dict[str, Any]:
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"{value!r} has no place in a journal")
    return {known.name: getattr(value, known.name) for known in dataclasses.fields(value)}


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _settings(tree: Mapping[str, Any]) -> LayeredSettings:
    return LayeredSettings(Settings()).with_tree("the journal", tree)


def _json(line: str, number: int) -> dict[str, Any]:
    try:
        told = json_text.loads(line)
    except ValueError:
        raise JournalError(f"line {number} is not JSON") from None
    if not isinstance(told, dict):
        raise JournalError(f"line {number} is not a JSON object")
    return told


def _one_line(error: Exception) -> str:
    match error:
        case KeyError():
            return f"{error} is missing"
        case ValidationError():
            first = error.errors()[0]
            where = ".".join([*([error.title] if error.title in _EVENTS else []), *map(str, first["loc"])])
            if first["type"] == "missing":
                return f"{where} is missing"
            return f"{where} is {repr(first['input'])[:_SHOWN]}: {first['msg']}"
        case _:
            return str(error)

"""Every single setting of the tree: its names, what it takes, and what may be shown of its value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal, get_args, get_origin

import annotated_types
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from .model import Settings
from .section import About, Section

HIDDEN = "***"
_PYDANTICS_MASK = str(SecretStr("a secret"))
_SHOWN_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Leaf:
    """One setting."""

    name: str
    """Its camelCase name, which no other setting has."""
    path: str
    """Its place in a JSON file, such as `appConfig.dtmfConfig.dtmfMaxDigits`."""
    attributes: tuple[str, ...]
    """The way to it from a `Settings`, such as `("app_config", "dtmf", "dtmf_max_digits")`."""
    section: type[Section]
    env: str
    """Its name in the environment; with `APP_` before it, its channel variable."""
    env_aliases: tuple[str, ...]
    aliases: tuple[str, ...]
    """Other names that a JSON file may use."""
    per_call: bool
    """True if a channel variable, a plugin or the console may set it for one call."""
    secret: bool
    """True if the value, or a part of it, is never to be shown."""
    description: str
    allowed: str
    """What a good value looks like, in words."""

    def of(self, settings: Settings) -> Any:
        """The value that it has in `settings`."""
        value: Any = settings
        for attribute in self.attributes:
            value = getattr(value, attribute)
        return value

    def parse(self, raw: Any) -> Any:
        """The setting's value for what was written.

        Raises:
            ValueError: it is not allowed.
        """
        attribute = self.attributes[-1]
        return getattr(self.section.model_validate({attribute: raw}), attribute)

    def shown(self, settings: Settings) -> str:
        """The effective value as text, with secrets masked."""
        section: Any = settings
        for attribute in self.attributes[:-1]:
            section = getattr(section, attribute)
        attribute = self.attributes[-1]
        value = section.model_dump(mode="json", by_alias=True, include={attribute})[self.name]
        if isinstance(getattr(section, attribute), SecretStr):
            return HIDDEN if value else ""
        return without_credentials(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))

    def shown_raw(self, raw: Any) -> str:
        """A value as it was written, for a message: short, and hidden where it may hold a secret."""
        if self.secret:
            return HIDDEN
        text = without_credentials(repr(raw))
        return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def shown_tree(settings: Settings) -> dict[str, Any]:
    """All settings as the tree of a JSON file, with secrets masked."""
    tree: dict[str, Any] = shown_values(settings.model_dump(mode="json", by_alias=True))
    return tree


def shown_values(value: Any) -> Any:
    """The same JSON value, with secrets masked in all its texts."""
    match value:
        case dict():
            return {name: shown_values(inner) for name, inner in value.items()}
        case list():
            return [shown_values(inner) for inner in value]
        case str():
            return HIDDEN if value == _PYDANTICS_MASK else without_credentials(value)
        case _:
            return value


def without_credentials(text: str) -> str:
    """Mask the user, the password and the query of every address in `text`."""
    text = re.sub(r"(?i)\b(bearer|basic|token) +[^\s\"',}]+", rf"\1 {HIDDEN}", text)
    text = re.sub(r"(://)[^/@\s\"']+@", rf"\1{HIDDEN}@", text)
    return re.sub(r"(://[^\s\"'?]*)\?[^\s\"',}]+", rf"\1?{HIDDEN}", text)


def environment_names() -> set[str]:
    """Every name of a setting in the environment, other names for it included."""
    return {name for leaf in leaves() for name in (leaf.env, *leaf.env_aliases)}


@cache
def leaves() -> tuple[Leaf, ...]:
    """All settings, in the order of the tree."""
    return tuple(_walk(Settings, (), ()))


@cache
def _by_name() -> Mapping[str, Leaf]:
    names: dict[str, Leaf] = {}
    for leaf in leaves():
        for name in (leaf.name, leaf.path, leaf.attributes[-1], *leaf.aliases):
            names[name] = leaf
    return names


def find_leaf(name: str) -> Leaf | None:
    """The setting of that camelCase name, dotted path, attribute name or alias."""
    return _by_name().get(name)


def nearest(name: str) -> str:
    """The path of the setting or section whose name is most like `name`; empty if none is."""
    if not isinstance(name, str):
        return ""
    paths = {path.rpartition(".")[2].casefold(): path for path in _section_paths()}
    paths |= {known.casefold(): leaf.path for known, leaf in _by_name().items()}
    matches = get_close_matches(name.casefold(), paths, n=1) or get_close_matches(
        name.rpartition(".")[2].casefold(), paths, n=1
    )
    return paths[matches[0]] if matches else ""


@cache
def _section_paths() -> tuple[str, ...]:
    paths = {leaf.path.rpartition(".")[0] for leaf in leaves()}
    return tuple(sorted(paths | {path.rpartition(".")[0] for path in paths} - {""}))


def subsection(field: FieldInfo) -> type[Section] | None:
    """The section that the field holds; None for a leaf."""
    annotation = field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def _walk(section: type[Section], path: tuple[str, ...], attributes: tuple[str, ...]) -> Iterator[Leaf]:
    for attribute, field in section.model_fields.items():
        name = field.alias or attribute
        if inner := subsection(field):
            yield from _walk(inner, (*path, name), (*attributes, attribute))
            continue
        about = next(known for known in field.metadata if isinstance(known, About))
        yield Leaf(
            name=name,
            path=".".join((*path, name)),
            attributes=(*attributes, attribute),
            section=section,
            env=about.env or section.ENV_PREFIX + attribute.upper(),
            env_aliases=(*about.env_aliases, *map(_capitals, about.aliases)),
            aliases=about.aliases,
            per_call=section.PER_CALL if about.per_call is None else about.per_call,
            secret=_holds_secret(field.annotation),
            description=field.description or "",
            allowed=about.allowed or _allowed(field),
        )


def _capitals(camel: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", camel).upper()


def _holds_secret(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return any(_holds_secret(field.annotation) for field in annotation.model_fields.values())
    return annotation is SecretStr or any(_holds_secret(argument) for argument in get_args(annotation))


def _allowed(field: FieldInfo) -> str:
    annotation: Any = field.annotation
    origin = get_origin(annotation) or annotation
    if origin is Literal:
        return f"one of {', '.join(map(str, get_args(annotation)))}"
    if origin is bool:
        return "true or false"
    if origin in (int, float):
        return ("a whole number" if origin is int else "a number") + _limits(field)
    if origin is tuple:
        return "a list"
    if origin is dict:
        return "name=value pairs"
    return "text"


def _limits(field: FieldInfo) -> str:
    words = ""
    for limit in field.metadata:
        match limit:
            case annotated_types.Ge(ge=low):
                words += f" from {low}"
            case annotated_types.Gt(gt=low):
                words += f" above {low}"
            case annotated_types.Le(le=high):
                words += f" to {high}" if " from " in words else f" and at most {high}"
            case annotated_types.MultipleOf(multiple_of=step):
                words += f" in steps of {step}"
            case _:
                pass
    return words

"""Where settings are written down before a host starts: a JSON file, `.env`, the environment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream

from .leaves import Leaf, environment_names, find_leaf, leaves, nearest, subsection
from .legacy import IGNORED
from .model import Settings
from .section import Section


@dataclass(frozen=True, slots=True)
class Entry:
    """One value that somebody wrote for one setting."""

    leaf: Leaf
    raw: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something written that is no entry, such as an unknown key."""

    text: str


def named_entries(origin: str, values: Mapping[str, Any]) -> Iterator[Entry | Problem]:
    """Entries of a flat mapping from setting names to values; None counts as unset."""
    for name, raw in values.items():
        if (leaf := find_leaf(name)) is None:
            yield _unknown(name, origin)
        elif raw is not None:
            yield Entry(leaf, raw, origin)


def file_entries(path: Path) -> Iterator[Entry | Problem]:
    """Entries of a JSON configuration file."""
    origin = f"file {path.name}"
    try:
        tree = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        yield Problem(f"the configuration file {path} cannot be read: {error.strerror}")
    except json.JSONDecodeError as error:
        yield Problem(f"{origin}, line {error.lineno}, column {error.colno} is not JSON: {error.msg}")
    except UnicodeDecodeError:
        yield Problem(f"{origin} is not UTF-8 text")
    else:
        yield from tree_entries(tree, origin)


def tree_entries(tree: Any, origin: str) -> Iterator[Entry | Problem]:
    """Entries of the tree of a JSON configuration file."""
    yield from _tree_entries(tree, Settings, "", origin)


def _tree_entries(tree: Any, section: type[Section], path: str, origin: str) -> Iterator[Entry | Problem]:
    if not isinstance(tree, dict):
        yield Problem(f"{path or 'the top level'} in {origin} must be an object with settings in it")
        return
    fields = {field.alias: field for field in section.model_fields.values()}
    for key, value in tree.items():
        inside = f"{path}.{key}" if path else key
        if key in fields and (inner := subsection(fields[key])):
            yield from _tree_entries(value, inner, inside, origin)
        elif (leaf := find_leaf(key)) and leaf.section is section and key in (leaf.name, *leaf.aliases):
            if value is not None:
                yield Entry(leaf, value, origin)
        elif inside != "$schema":
            yield _unknown(inside, origin)


def _unknown(name: str, origin: str) -> Problem:
    known = nearest(name)
    hint = f"; the nearest is {known}" if known else ""
    return Problem(f"{name} in {origin} is no known setting{hint}")


def environment_entries(environ: Mapping[str, str], origin: str = "") -> Iterator[Entry]:
    """Entries of environment variables. An empty one counts as unset; of several names the first wins.

    `origin` is that of all of them; without it each is `environment NAME`.
    """
    for leaf in leaves():
        for name in (leaf.env, *leaf.env_aliases):
            if environ.get(name, "").strip():
                yield Entry(leaf, environ[name], origin or f"environment {name}")
                break


def ignored_names(environ: Mapping[str, str]) -> Iterator[str]:
    """A warning for each variable of the original that has no effect."""
    for name, reason in IGNORED.items():
        if environ.get(name, "").strip():
            yield f"{name} has no effect: {reason}"


def misspelt_names(environ: Mapping[str, str]) -> Iterator[str]:
    """A warning for each variable whose name is almost that of a setting."""
    known = environment_names() | set(IGNORED)
    for name in environ.keys() - known:
        if meant := get_close_matches(name, known, n=1, cutoff=0.92):
            yield f"{name} is no setting: is {meant[0]} meant?"


def read_dotenv(path: Path | None) -> tuple[dict[str, str], list[Problem]]:
    """The variables of a `.env` file, taken literally, and what is wrong with it; nothing if there is no such file."""
    if path is None or not path.is_file():
        return {}, []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        return {}, [Problem(f"the file {path} cannot be read: {error.strerror}")]
    except UnicodeDecodeError:
        return {}, [Problem(f"{path.name} is not UTF-8 text")]
    values: dict[str, str] = {}
    problems: list[Problem] = []
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            problems.append(Problem(f"{path.name}, line {binding.original.line} is not NAME=value"))
        elif binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
    return values, problems

"""`offhook plugins new`: a plugin distribution to start from, filled in from the templates in `skeleton/`."""

from __future__ import annotations

import importlib.metadata
import keyword
import re
from importlib import resources
from pathlib import Path
from string import Template
from typing import Final

from .loader import FIRST_PARTY

KINDS: Final = ("mode", "keypad", "tools")
LONGEST: Final = 40
"""Characters of a name: it is part of a tool's name, for which the Realtime API has 64."""

_TAKEN: Final = frozenset({"offhook-core", *FIRST_PARTY})


class NewPluginRefused(Exception):
    """A plugin cannot be made: the name is not allowed, or there is something in its place already."""


def plugin_name(given: str) -> str:
    """A plugin's name as it is written in Python: `Night-Mode` → `night_mode`. Raises NewPluginRefused."""
    name = given.replace("-", "_").lower()
    allowed = re.fullmatch(r"[a-z](_?[a-z0-9])*", name, re.ASCII) and len(name) <= LONGEST
    if not allowed or keyword.iskeyword(name):
        raise NewPluginRefused(
            f"a plugin cannot be named {given!r}; allowed are a letter, then letters and digits with single - "
            f"or _ between them, at most {LONGEST} in all, and no word that Python keeps for itself"
        )
    if _distribution(name) in _TAKEN:
        raise NewPluginRefused(
            f"the distribution {_distribution(name)} is Offhook's own; take another NAME than {given!r}, and to "
            f"replace a plugin of Offhook write its name into [project.entry-points] of pyproject.toml"
        )
    return name


def new_plugin(given: str, *, kind: str = "mode", directory: Path | None = None) -> Path:
    """Write a plugin's files into `directory`, by default `offhook-NAME` below the working directory.

    Returns the directory. Raises NewPluginRefused, and OSError if it cannot be written.
    """
    name = plugin_name(given)
    place = directory or Path(_distribution(name))
    files = {place / path: text for path, text in rendered(name, kind).items()}
    for obstacle in (place, *place.parents):
        if obstacle.exists() and not obstacle.is_dir():
            raise NewPluginRefused(f"{obstacle} is no directory")
    if existing := [str(file) for file in files if file.exists()]:
        raise NewPluginRefused(f"{', '.join(existing)}: there already, and nothing is overwritten")
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as written:
            written.write(text)
    return place


def rendered(name: str, kind: str) -> dict[str, str]:
    """The files of a plugin: path below its directory → text."""
    words = {
        "name": name,
        "package": f"offhook_{name}",
        "distribution": _distribution(name),
        "mode": name.replace("_", ""),
        "MODE": name.upper(),
        "core": importlib.metadata.version("offhook-core"),
    }
    templates = resources.files(__package__) / "skeleton"

    def fill(*path: str) -> str:
        text = templates.joinpath(*path).read_text(encoding="utf-8")
        return Template(text).substitute(words)

    return {
        "pyproject.toml": fill("pyproject.toml.template"),
        "README.md": fill(kind, "README.md.template"),
        f"src/offhook_{name}/__init__.py": fill(kind, "plugin.py.template"),
        f"src/offhook_{name}/py.typed": "",
        f"tests/test_{name}.py": fill(kind, "test_plugin.py.template"),
    }


def _distribution(name: str) -> str:
    return f"offhook-{name.replace('_', '-')}"

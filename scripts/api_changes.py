"""What has changed between two snapshots of the public API, and whether the change log says so.

A snapshot has one line for each name: `Digit: event (digit: str)`, `Host.hangup: (call_id: str) -> bool`,
`hook tools: version 1, (settings: Settings) -> Iterable[Tool] | None`. What stands before the first `: ` is the key.
Nothing here reads a file.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping

HOOK = "hook "


def parsed(snapshot: str) -> dict[str, str]:
    """A snapshot's lines: key → what is said of it."""
    lines = (line for line in snapshot.splitlines() if line and not line.startswith("#"))
    return {key: text for key, _, text in (line.partition(": ") for line in lines)}


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """The keys that were added, removed or altered; a rename is both of the first.

    A class that came or went stands for its members.
    """
    differing = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    whole = {key for key in differing if (key in old) != (key in new)}
    return sorted(key for key in differing if not any(parent in whole for parent in _parents(key)))


def _parents(key: str) -> list[str]:
    words = key.split(".")
    return [".".join(words[:count]) for count in range(1, len(words))]


def unmentioned(keys: Iterable[str], known: Iterable[str], text: str) -> list[str]:
    """Those of the keys that no words in backticks speak of.

    Words speak of the longest of the `known` keys that they begin with: `Host.hangup()` of `Host.hangup` and not of
    `Host`, `Digit.duration_ms` of `Digit` if the field has no key of its own.
    """
    spoken = {" ".join(words.split()).removeprefix("offhook.") for words in re.findall(r"`([^`]+)`", text)}
    names = {name for key in known for name in _names(key)}
    mentioned = set()
    for words in spoken:
        beginnings = [name for name in names if re.match(rf"{re.escape(name)}(?!\w)", words)]
        mentioned.add(max(beginnings, key=len, default=""))
    return [key for key in keys if not mentioned.intersection(_names(key))]


def _names(key: str) -> list[str]:
    """What a key may be called: a setting also by its name in a file, as users know it."""
    name = key.removeprefix(HOOK)
    if not re.match(r"Settings\.\w+\.", key):
        return [name]
    first, *others = name.rpartition(".")[2].split("_")
    return [name, first + "".join(word.capitalize() for word in others)]


def unreleased(change_log: str) -> str:
    """The text of the section `Unreleased`; empty if there is none."""
    found = re.search(r"^## Unreleased\n(.*?)(?=^## |\Z)", change_log, re.M | re.S)
    return found[1] if found else ""


def releases(change_log: str) -> list[str]:
    """The versions that have a section, newest first: `## 0.2.0`, whatever follows."""
    return re.findall(r"^## v?(\d[\w.]*)", change_log, re.M)


def newest(versions: Iterable[str]) -> str | None:
    """The highest of some versions such as `0.10.0`. ValueError if one is no three numbers."""

    def order(version: str) -> tuple[int, ...]:
        if not re.fullmatch(r"\d+\.\d+\.\d+", version):
            raise ValueError(f"the version {version} is not allowed: three numbers are, such as 0.2.0")
        return tuple(map(int, version.split(".")))

    return max(versions, key=order, default=None)


# --- Hooks --------------------------------------------------------------------------------------------


def without_new_version(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """What is wrong with the versions of hooks: a sentence for each.

    Plugins implement hooks, so an argument that came fits them all, and so does a further kind of answer that is
    allowed. An argument that went or changed its type, an answer that is no longer allowed, and another rule of who
    answers first do not: the version has to rise.
    """
    problems = []
    for key in sorted(old.keys() & new.keys()):
        if not key.startswith(HOOK):
            continue
        before, now = _version(old[key]), _version(new[key])
        reasons = _incompatible(old[key], new[key])
        if now < before:
            problems.append(f"{key}: its version went from {before} back to {now}")
        elif reasons and now == before:
            problems.append(f"{key}: {', '.join(reasons)}, so its version has to be {before + 1}")
    return problems


def _version(text: str) -> int:
    found = re.match(r"version (\d+)", text)
    if found is None:
        raise ValueError(f"no version in {text!r}")
    return int(found[1])


def _incompatible(old: str, new: str) -> list[str]:
    before, now = _head(old), _head(new)
    arguments = {argument.arg: ast.dump(argument) for argument in now.args.args}
    reasons = []
    for argument in before.args.args:
        if argument.arg not in arguments:
            reasons.append(f"the argument {argument.arg} is gone")
        elif arguments[argument.arg] != ast.dump(argument):
            reasons.append(f"the argument {argument.arg} has another type")
    if not _answers(before.returns) <= _answers(now.returns):
        reasons.append("an answer is no longer allowed")
    if ("first answer wins" in old) != ("first answer wins" in new):
        reasons.append("another rule of whose answer counts")
    return reasons


def _head(text: str) -> ast.FunctionDef:
    """The signature of a hook's line."""
    tree = ast.parse(f"def hook{text[text.index('(') :]}: ...")
    assert isinstance(tree.body[0], ast.FunctionDef)
    return tree.body[0]


def _answers(returns: ast.expr | None) -> set[str]:
    """The kinds of answer that an annotation allows: `A | B` has two."""
    if isinstance(returns, ast.BinOp) and isinstance(returns.op, ast.BitOr):
        return _answers(returns.left) | _answers(returns.right)
    return {"None" if returns is None else ast.unparse(returns)}

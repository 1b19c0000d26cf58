"""The public API is what its snapshot says, told in the change log, documented and typed."""

from __future__ import annotations

import ast
import runpy
from pathlib import Path
from typing import Final

import pytest

import offhook.testing
from api_changes import changed, newest, parsed, releases, unmentioned, unreleased, without_new_version
from api_source import PublicName, public_names

ROOT: Final = Path(__file__).parents[2]
SNAPSHOT: Final = ROOT / "docs" / "public-api.txt"
RELEASES: Final = ROOT / "docs" / "releases"
CHANGE_LOG: Final = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
NAMES: Final = [*public_names(), *public_names(offhook.testing)]


def last_release() -> dict[str, str]:
    """The snapshot of the last release; empty before the first."""
    version = newest(file.stem for file in RELEASES.glob("*.txt"))
    return parsed((RELEASES / f"{version}.txt").read_text(encoding="utf-8")) if version else {}


def today() -> dict[str, str]:
    return parsed(SNAPSHOT.read_text(encoding="utf-8"))


def test_the_snapshot_is_up_to_date() -> None:
    script = runpy.run_path(str(ROOT / "scripts/public-api"))
    assert script["snapshot"]() == SNAPSHOT.read_text(encoding="utf-8"), "run: python scripts/public-api"


def test_the_change_log_names_everything_that_differs_from_the_last_release() -> None:
    before, now = last_release(), today()
    missing = unmentioned(changed(before, now), before | now, unreleased(CHANGE_LOG))
    assert missing == [], "name each in backticks in CHANGELOG.md, under Unreleased"


def test_hooks_that_no_longer_fit_old_plugins_have_a_new_version() -> None:
    assert without_new_version(last_release(), today()) == []


def test_every_release_has_kept_its_snapshot() -> None:
    kept = sorted(file.stem for file in RELEASES.glob("*.txt"))
    assert kept == sorted(releases(CHANGE_LOG)), "run: python scripts/public-api --release VERSION"


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name.name)
def test_every_public_name_has_a_docstring(name: PublicName) -> None:
    assert name.doc, "for a name that is assigned, the text below the assignment"


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name.name)
def test_every_public_method_and_property_has_a_docstring(name: PublicName) -> None:
    # The name of a suite's test says what it looks at.
    callable_members = [
        member
        for member in name.members
        if member.kind in ("method", "property") and not member.name.startswith("test_")
    ]
    dunder = ("__aenter__", "__aexit__", "__enter__", "__exit__")  # their class says what entering it does
    assert [member.name for member in callable_members if not member.doc and member.name not in dunder] == []


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name.name)
def test_every_public_parameter_and_result_is_annotated(name: PublicName) -> None:
    signatures = [(member.name, member.text) for member in name.members if member.kind == "method"]
    if name.kind != "value" and name.signature:
        signatures.append((name.name, name.signature))
    assert [(one, text) for one, text in signatures if unannotated(text)] == []
    assert [one for one, text in signatures if one != name.name and " -> " not in text] == []
    assert [m.name for m in name.members if m.kind == "property" and not m.text] == []


def unannotated(signature: str) -> list[str]:
    """The parameters of `(a: int, b) -> str` that have no type."""
    head = ast.parse(f"def f{signature.removeprefix('async ')}: ...").body[0]
    assert isinstance(head, ast.FunctionDef)
    every = (
        *head.args.posonlyargs,
        *head.args.args,
        *head.args.kwonlyargs,
        *filter(None, (head.args.vararg, head.args.kwarg)),
    )
    return [argument.arg for argument in every if argument.annotation is None]


def test_a_parameter_without_a_type_would_be_found() -> None:
    assert unannotated("async (a: int, *b, c, **d: str) -> None") == ["c", "b"]


def test_every_package_says_that_it_is_typed() -> None:
    packages = [ROOT / "core/src/offhook", *(ROOT / "plugins").glob("*/src/*")]
    assert len(packages) > 5
    assert [package.name for package in packages if not (package / "py.typed").is_file()] == []

"""`offhook plugins` and `offhook plugins new` as a person runs them, and how `offhook run` starts with the same."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from offhook.plugins.new_plugin import KINDS
from plugin_distributions import VERSION, install, install_project, run_python

KEYPAD = """
from offhook import hookimpl

class Keypad:
    def on(self, event, call):
        return ()

@hookimpl
def digit_handler(settings):
    return Keypad()
"""
MISSPELT = KEYPAD.replace("digit_handler", "digits_handler")
CANNOT_SERVE = {
    "ASTERISK_ARI_URL": "http://127.0.0.1:1",
    "ASTERISK_ARI_USERNAME": "offhook",
    "ASTERISK_ARI_PASSWORD": "offhook",
    "OPENAI_API_KEY": "sk-none",
    "PORT": "0",
}
"""With these `offhook run` gets as far as Asterisk, which is not there, and ends."""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


def offhook(site: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    ended = run_python("offhook.cli", *words, cwd=site.parent, path=(site,), **environment)
    assert "Traceback" not in ended.stderr
    return ended


def rows(ended: subprocess.CompletedProcess[str]) -> dict[tuple[str, str], dict[str, Any]]:
    """What `offhook plugins --json` printed, by name and distribution."""
    return {(row["name"], row["distribution"]): row for row in json.loads(ended.stdout)}


# --- The list -----------------------------------------------------------------------------------------------


def test_with_our_plugins_alone_all_is_fine(site: Path) -> None:
    ended = offhook(site, "plugins")
    assert ended.returncode == 0
    assert ended.stderr == ""
    heading, *lines = (line.split() for line in ended.stdout.splitlines())
    assert heading == ["PLUGIN", "DISTRIBUTION", "VERSION", "STATUS", "ABOUT"]
    assert [(name, status, about) for name, _, _, status, about in lines[:5]] == [
        ("activation_fixed_delay", "serves", "activation_mode"),
        ("activation_immediate", "serves", "activation_mode"),
        ("activation_vad", "serves", "activation_mode"),
        ("dtmf", "serves", "digit_handler"),
        ("tools", "serves", "tools"),
    ]


def test_a_replacement_and_what_is_disabled_are_listed_and_fine(site: Path) -> None:
    install(site, "acme-keys", KEYPAD, "dtmf")
    (site.parent / ".env").write_text("OFFHOOK_PLUGINS_DISABLED=tools\n")
    ended = offhook(site, "plugins")
    assert ended.returncode == 0
    lines = {tuple(line.split()[:2]): " ".join(line.split()[2:]) for line in ended.stdout.splitlines()}
    assert lines["dtmf", "acme-keys"] == f"{VERSION} serves digit_handler; replaces offhook-dtmf"
    assert lines["dtmf", "offhook-dtmf"].endswith("replaced replaced by acme-keys")
    assert lines["tools", "offhook-tools"].endswith("disabled left out by plugins.disabled (.env)")


def test_a_broken_plugin_is_listed_with_its_reason_and_the_status_is_1(site: Path) -> None:
    install(site, "acme-crm", "import sys; print('hello'); sys.exit(1)", "crm")
    install(site, "acme-keys", MISSPELT, "dtmf")
    ended = offhook(site, "plugins", "--json")
    assert ended.returncode == 1
    found = rows(ended)
    assert found["crm", "acme-crm"]["status"] == "broken"
    assert found["crm", "acme-crm"]["reason"] == "its import failed with SystemExit: 1"
    assert found["dtmf", "acme-keys"]["reason"] == (
        "there is no hook digits_handler, the nearest is digit_handler; offhook-dtmf serves in its place"
    )
    assert found["dtmf", "offhook-dtmf"]["status"] == "serves"
    assert "hello" in ended.stderr, "what a plugin prints is no part of the list"


def test_with_a_conflict_all_are_listed_with_the_way_out_and_the_status_is_1(site: Path) -> None:
    install(site, "acme-keys", KEYPAD, "dtmf")
    install(site, "bell-keys", KEYPAD, "dtmf")
    ended = offhook(site, "plugins", "--json")
    assert ended.returncode == 1
    found = rows(ended)
    assert {row["distribution"] for row in found.values() if row["status"] == "conflict"} == {
        "acme-keys",
        "bell-keys",
        "offhook-dtmf",
    }
    assert found["tools", "offhook-tools"]["status"] == "serves"
    assert ended.stderr.count("OFFHOOK_PLUGIN_CHOICES=dtmf=acme-keys") == 1

    solved = offhook(site, "plugins", "--json", OFFHOOK_PLUGIN_CHOICES="dtmf=acme-keys")
    assert solved.returncode == 0
    assert set(rows(solved)["dtmf", "acme-keys"]["replaces"]) == {"bell-keys", "offhook-dtmf"}


def test_a_misspelt_setting_is_told(site: Path) -> None:
    (site.parent / "offhook.json").write_text('{"plugins": {"disabled": ["dmtf"]}}')
    ended = offhook(site, "plugins", "--config", "offhook.json")
    assert ended.returncode == 0
    assert ended.stderr == "offhook: plugins.disabled names 'dmtf', and no such plugin is installed\n"


def test_settings_that_cannot_be_used_end_it_as_they_end_the_other_commands(site: Path) -> None:
    ended = offhook(site, "plugins", DTMF_MAX_DIGITS="many")
    assert ended.returncode == 2
    assert "dtmfMaxDigits is 'many'" in ended.stderr


# --- The start ----------------------------------------------------------------------------------------------


def test_run_starts_with_a_broken_plugin_and_names_it_in_the_log(site: Path) -> None:
    install(site, "acme-keys", MISSPELT, "dtmf")
    ended = offhook(site, "run", **CANNOT_SERVE)
    (line,) = [line for line in ended.stderr.splitlines() if "acme-keys" in line]
    assert " error offhook.plugins plugin dtmf of acme-keys cannot be used: there is no hook digits_" in line
    assert line.endswith("; offhook-dtmf serves in its place")
    assert "ASTERISK_ARI_URL" in ended.stderr.splitlines()[-1], "it went on to Asterisk"


def test_strict_plugins_makes_run_refuse_and_the_list_say_so(site: Path) -> None:
    install(site, "acme-keys", MISSPELT, "dtmf")
    strict = {**CANNOT_SERVE, "OFFHOOK_STRICT_PLUGINS": "yes"}
    ended = offhook(site, "run", **strict)
    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert last.startswith(
        "offhook: plugin dtmf of acme-keys cannot be used: there is no hook digits_handler"
    )
    assert "OFFHOOK_STRICT_PLUGINS" in last
    assert "`offhook run` does not start" in offhook(site, "plugins", **strict).stderr


def test_a_conflict_stops_run_with_both_names(site: Path) -> None:
    install(site, "acme-keys", KEYPAD, "dtmf")
    install(site, "bell-keys", KEYPAD, "dtmf")
    ended = offhook(site, "run", **CANNOT_SERVE)
    assert ended.returncode == 1
    assert "offhook: acme-keys and bell-keys each declare a plugin named 'dtmf'" in ended.stderr


# --- A plugin to start from ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_passes_its_own_tests_and_serves(kind: str, site: Path) -> None:
    made = offhook(site, "plugins", "new", "Night-Desk", "--kind", kind)
    assert made.returncode == 0, made.stderr
    project = site.parent / "offhook-night-desk"
    install_project(site, project)
    commands = [line.strip() for line in made.stdout.splitlines() if line.startswith("    ")]
    assert commands == [
        "pip install -e './offhook-night-desk[test]'",
        "pytest ./offhook-night-desk",
        "offhook plugins",
    ]

    path = (site, project / "src")
    tested = run_python("pytest", "./offhook-night-desk", cwd=site.parent, path=path)
    assert tested.returncode == 0, tested.stdout
    listed = rows(run_python("offhook.cli", "plugins", "--json", cwd=site.parent, path=path))
    row = listed["night_desk", "offhook-night-desk"]
    assert (row["status"], row["version"]) == ("serves", "0.1.0")
    hooks = {"mode": ["activation_mode", "tools"], "keypad": ["digit_handler"], "tools": ["tools"]}
    assert row["hooks"] == hooks[kind]


@pytest.mark.parametrize("name", ["a", "x" * 40])
def test_new_plugins_are_formatted_and_typed_whatever_their_names(name: str, tmp_path: Path) -> None:
    for kind in KINDS:
        given = (kind + name)[:40]
        made = run_python("offhook.cli", "plugins", "new", given, "--kind", kind, cwd=tmp_path)
        assert made.returncode == 0, made.stderr
    projects = sorted(str(path.name) for path in tmp_path.iterdir())
    assert len(projects) == len(KINDS)
    for words in (
        ["ruff", "check", "--no-cache", "."],
        ["ruff", "format", "--no-cache", "--check", "."],
        ["mypy", "--strict", "--config-file", f"{projects[0]}/pyproject.toml", *projects],
    ):
        checked = run_python(*words, cwd=tmp_path)
        assert checked.returncode == 0, f"{checked.stdout}\n{checked.stderr}"


@pytest.mark.parametrize(
    ("name", "words"),
    [("my plugin", "'my plugin'; allowed are"), ("dtmf", "Offhook's own"), ("", "allowed are")],
)
def test_a_name_that_is_not_allowed_makes_nothing(name: str, words: str, site: Path) -> None:
    ended = offhook(site, "plugins", "new", name)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert list(site.parent.iterdir()) == []


def test_nothing_is_overwritten(site: Path) -> None:
    assert offhook(site, "plugins", "new", "menu").returncode == 0
    changed = site.parent / "offhook-menu" / "README.md"
    changed.write_text("mine")
    ended = offhook(site, "plugins", "new", "menu", "--kind", "tools")
    assert ended.returncode == 2
    assert "nothing is overwritten" in ended.stderr
    assert changed.read_text() == "mine"


def test_a_directory_that_cannot_be_written_is_named(site: Path) -> None:
    ended = offhook(site, "plugins", "new", "menu", "--directory", "/proc/nowhere")
    assert ended.returncode == 1
    assert "/proc/nowhere" in ended.stderr


def test_help_shows_both_commands(site: Path) -> None:
    assert "new" in offhook(site, "plugins", "--help").stdout
    assert "--kind {mode,keypad,tools}" in " ".join(offhook(site, "plugins", "new", "--help").stdout.split())

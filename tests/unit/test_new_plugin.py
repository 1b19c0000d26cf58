"""Making a plugin to start from: its name, its files, and what stays as it is."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from offhook.plugins.new_plugin import KINDS, NewPluginRefused, new_plugin, plugin_name, rendered


@pytest.mark.parametrize(
    ("given", "name"), [("menu", "menu"), ("Night-Mode", "night_mode"), ("a1", "a1"), ("x" * 40, "x" * 40)]
)
def test_a_name_is_taken_as_python_writes_it(given: str, name: str) -> None:
    assert plugin_name(given) == name


@pytest.mark.parametrize(
    "given",
    ["", "1st", "my plugin", "_menu", "menu-", "a--b", "menü", "class", "../menu", "menu\n", "x" * 41],
)
def test_a_name_that_cannot_be_one_is_refused_with_what_is_allowed(given: str) -> None:
    with pytest.raises(NewPluginRefused) as refused:
        plugin_name(given)
    assert repr(given) in str(refused.value)
    assert "allowed are a letter, then letters and digits" in str(refused.value)


@pytest.mark.parametrize("given", ["dtmf", "activation-vad", "core"])
def test_a_distribution_of_offhook_itself_is_not_made_again(given: str) -> None:
    with pytest.raises(NewPluginRefused, match="is Offhook's own"):
        plugin_name(given)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_all_files_and_declares_the_plugin(kind: str) -> None:
    files = rendered("night_mode", kind)
    assert list(files) == [
        "pyproject.toml",
        "README.md",
        "src/offhook_night_mode/__init__.py",
        "src/offhook_night_mode/py.typed",
        "tests/test_night_mode.py",
    ]
    project = tomllib.loads(files["pyproject.toml"])["project"]
    assert project["name"] == "offhook-night-mode"
    assert project["entry-points"] == {"offhook.plugins": {"night_mode": "offhook_night_mode"}}
    assert not [name for name, text in files.items() if "template" in text or "${" in text]


def test_it_goes_into_a_directory_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert new_plugin("Night-Mode") == Path("offhook-night-mode")
    assert (tmp_path / "offhook-night-mode/tests/test_night_mode.py").exists()


def test_it_may_go_into_a_directory_that_has_other_files(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text("mine")
    assert new_plugin("menu", directory=tmp_path) == tmp_path
    assert (tmp_path / "pyproject.toml").exists()


def test_no_file_is_overwritten_and_then_none_is_written(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(NewPluginRefused, match=r"README\.md: there already"):
        new_plugin("menu", directory=tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == "mine"


def test_a_file_in_place_of_the_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NewPluginRefused, match="file is no directory"):
        new_plugin("menu", directory=tmp_path / "file" / "deeper")

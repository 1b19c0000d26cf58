"""The wheels in fresh environments: the core alone, all of it, with strangers in place of ours, and with gaps."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fresh_environments import ROOT, FreshEnvironment
from offhook import EndCause, Outcome, Status

Make = Callable[..., FreshEnvironment]

OURS = {
    "activation_fixed_delay": "offhook-activation-fixed-delay",
    "activation_immediate": "offhook-activation-immediate",
    "activation_vad": "offhook-activation-vad",
    "dtmf": "offhook-dtmf",
    "tools": "offhook-tools",
}
MODES = ("IMMEDIATE", "FIXED_DELAY", "VAD")
RECOGNITION = {"APP_SESSION_KIND": "recognition"}
CONVERSATION = {"APP_RECOGNITION_ACTIVATION_MODE": "IMMEDIATE"}

KEYPAD = """
from offhook import Digit, EndCause, Finish, hookimpl

class Keypad:
    def on(self, event, call):
        match event:
            case Digit():
                yield Finish(EndCause.DTMF, digits="{answer}")

@hookimpl
def digit_handler(settings):
    return Keypad()
"""
MODE = """
from offhook import EndCause, Finish, Started, hookimpl

class Mode:
    def on(self, event, call):
        match event:
            case Started():
                yield Finish(EndCause.TOOL)

@hookimpl
def activation_mode(mode, settings):
    return Mode() if mode == "vad" else None
"""


def in_mode(mode: str) -> dict[str, Any]:
    return {"variables": {**RECOGNITION, "APP_RECOGNITION_ACTIVATION_MODE": mode}, "say": True}


def with_keys(digits: str) -> dict[str, Any]:
    return {**in_mode("IMMEDIATE"), "press": digits}


def result(call: dict[str, Any]) -> tuple[str, str, str]:
    """(end cause, transcription, digits) of a call that was given back to the dialplan."""
    assert call["how"] == "continued"
    of: dict[str, str] = call["result"]
    return of["OFFHOOK_END_CAUSE"], of["FINAL_TRANSCRIPTION"], of["DTMF_RESULT"]


def stranger(place: Path, distribution: str, plugin: str, source: str) -> Path:
    """A project of somebody else's, with one plugin."""
    project, module = place / distribution, distribution.replace("-", "_")
    project.mkdir()
    (project / f"{module}.py").write_text(source)
    (project / "pyproject.toml").write_text(f"""
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "{distribution}"
version = "1.2.3"
dependencies = ["offhook-core"]

[project.entry-points."offhook.plugins"]
{plugin} = "{module}"
""")
    return project


# --- What is in them ----------------------------------------------------------------------------------------


def test_no_file_is_missing_in_the_wheels(wheels: Path) -> None:
    packed = {name for wheel in wheels.glob("*.whl") for name in zipfile.ZipFile(wheel).namelist()}
    sources = [ROOT / "core" / "src", *ROOT.glob("plugins/*/src")]
    files = {
        str(file.relative_to(source)) for source in sources for file in source.rglob("*") if file.is_file()
    }
    assert {name for name in files if "__pycache__" not in name} <= packed


def test_a_plugin_written_by_the_installed_command_works(fresh: Make) -> None:
    environment = fresh("offhook-core")
    written = environment.run("offhook", "plugins", "new", "night-desk")
    assert written.returncode == 0, written.stderr
    project = environment.place / "offhook-night-desk"
    environment.install(f"{project}[test]")
    ended = environment.run("python", "-m", "pytest", "-q", str(project / "tests"))
    assert ended.returncode == 0, ended.stdout
    mode = {"APP_RECOGNITION_ACTIVATION_MODE": "NIGHT_DESK", "APP_SESSION_KIND": "recognition"}
    (call,) = environment.place_calls({"variables": mode, "say": True})["calls"]
    assert result(call) == ("recognized", "hello there", "")


# --- The core alone -----------------------------------------------------------------------------------------


def test_the_core_alone_gives_every_call_back_with_the_reason(fresh: Make) -> None:
    placed = fresh("offhook-core").place_calls({"variables": {"APP_SESSION_KIND": "recognition"}})
    (call,) = placed["calls"]
    assert result(call) == ("config_error", "", "")
    assert call["result"]["RECOG_STATUS"] == "ERROR"
    assert call["result"]["RECOG_COMPLETION_CAUSE"] == "006"
    assert "VAD" in call["result"]["RECOGNITION_ERROR"]
    assert call["result"]["OFFHOOK_CALL_ID"]
    expected = Outcome("call-1", EndCause.CONFIG_ERROR, Status.ERROR, "006").variables()
    assert set(expected) <= set(call["result"]), "a result variable is not set"
    assert placed["tools"] == []


def test_the_core_alone_has_no_plugin_to_show(fresh: Make) -> None:
    assert fresh("offhook-core").plugins() == (0, {})


# --- All of it ----------------------------------------------------------------------------------------------


def test_with_everything_installed_every_mode_the_keypad_and_the_tools_work(fresh: Make) -> None:
    environment = fresh("offhook")
    status, rows = environment.plugins()
    assert (status, set(rows)) == (0, set(OURS.items()))
    placed = environment.place_calls(
        *map(in_mode, MODES), with_keys("17#"), {"variables": CONVERSATION, "say": True, "hang_up": True}
    )
    *modes, keypad, conversation = placed["calls"]
    assert [result(call) for call in modes] == [("recognized", "hello there", "")] * 3
    assert result(keypad) == ("dtmf", "", "17")
    assert conversation["result"]["OFFHOOK_END_CAUSE"] == "hangup"
    assert conversation["result"]["FINAL_TRANSCRIPTION"] == "hello there"
    assert set(placed["tools"]) == {"end_call", "send_dtmf", "get_current_time"}
    offered = [{tool["name"] for tool in session.get("tools", ())} for session in placed["sessions"]]
    assert set(placed["tools"]) in offered, "the model was not offered them"


@pytest.mark.parametrize("missing", OURS)
def test_the_host_runs_without_any_one_of_our_plugins(missing: str, fresh: Make) -> None:
    environment = fresh("offhook-core", *(name for plugin, name in OURS.items() if plugin != missing))
    placed = environment.place_calls(*map(in_mode, MODES), with_keys("17#"))
    immediate, fixed_delay, vad, keypad = placed["calls"]
    # A mode that nobody has is left out and the default, which is VAD, stands.
    assert result(immediate)[0] == result(fixed_delay)[0] == "recognized"
    assert result(vad)[0] == ("config_error" if missing == "activation_vad" else "recognized")
    assert result(keypad) == (("recognized", "hello there", "") if missing == "dtmf" else ("dtmf", "", "17"))
    assert bool(placed["tools"]) == (missing != "tools")


# --- Strangers ----------------------------------------------------------------------------------------------


def test_a_stranger_of_our_name_serves_until_it_is_uninstalled(fresh: Make, tmp_path: Path) -> None:
    environment = fresh("offhook", stranger(tmp_path, "acme-keys", "dtmf", KEYPAD.format(answer="99")))
    status, rows = environment.plugins()
    assert (status, rows["dtmf", "offhook-dtmf"]["status"]) == (0, "replaced")
    assert rows["dtmf", "acme-keys"]["replaces"] == ["offhook-dtmf"]
    (call,) = environment.place_calls(with_keys("17#"))["calls"]
    assert result(call) == ("dtmf", "", "99")
    environment.uninstall("acme-keys")
    _, rows = environment.plugins()
    assert rows["dtmf", "offhook-dtmf"]["status"] == "serves"
    (call,) = environment.place_calls(with_keys("17#"))["calls"]
    assert result(call) == ("dtmf", "", "17")


def test_a_stranger_under_another_name_has_our_mode_until_it_is_uninstalled(
    fresh: Make, tmp_path: Path
) -> None:
    environment = fresh("offhook", stranger(tmp_path, "zeta-ears", "zeta_ears", MODE))
    _, rows = environment.plugins()
    assert rows["zeta_ears", "zeta-ears"]["status"] == "serves"
    vad, immediate = environment.place_calls(in_mode("VAD"), in_mode("IMMEDIATE"))["calls"]
    assert (result(vad)[0], result(immediate)[0]) == ("tool", "recognized")
    environment.uninstall("zeta-ears")
    (call,) = environment.place_calls(in_mode("VAD"))["calls"]
    assert result(call)[0] == "recognized"


def test_two_strangers_of_one_name_stop_the_start_until_one_is_chosen(fresh: Make, tmp_path: Path) -> None:
    environment = fresh(
        "offhook",
        stranger(tmp_path, "acme-keys", "dtmf", KEYPAD.format(answer="99")),
        stranger(tmp_path, "beta-keys", "dtmf", KEYPAD.format(answer="88")),
    )
    refused = environment.place_calls(with_keys("1"))["refused"]
    assert "acme-keys" in refused
    assert "beta-keys" in refused
    assert "OFFHOOK_PLUGIN_CHOICES=dtmf=acme-keys" in refused
    status, rows = environment.plugins()
    assert (status, rows["dtmf", "beta-keys"]["status"]) == (1, "conflict")
    started = environment.run("offhook", "run", PORT="0", OPENAI_API_KEY="sk-none")
    assert started.returncode != 0
    assert refused in started.stderr

    choice = "dtmf=beta-keys"
    (call,) = environment.place_calls(with_keys("17#"), OFFHOOK_PLUGIN_CHOICES=choice)["calls"]
    assert result(call) == ("dtmf", "", "88")
    status, rows = environment.plugins(OFFHOOK_PLUGIN_CHOICES=choice)
    assert (status, rows["dtmf", "beta-keys"]["status"]) == (0, "serves")

"""Environments as an operator makes them: this repository's wheels, installed by uv, with no way to the checkout."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from offhook.settings.leaves import leaves

ROOT: Final = Path(__file__).parents[1]
UV: Final = shutil.which("uv")
_PLACE_CALL: Final = ROOT / "tests" / "packaging" / "place_call.py"
_NOT_PASSED_ON: Final = {name for leaf in leaves() for name in (leaf.env, *leaf.env_aliases)} | {
    "PYTHONPATH",
    "VIRTUAL_ENV",
}


def build_wheels(into: Path) -> None:
    """Build a wheel of every distribution of the workspace."""
    _uv("build", "--all-packages", "--wheel", "--out-dir", str(into), cwd=ROOT)


class FreshEnvironment:
    """A virtual environment in `place`, which is made for it."""

    def __init__(self, place: Path, wheels: Path) -> None:
        place.mkdir()
        self.place = place
        self._wheels = wheels
        self._bin = place / "env" / ("Scripts" if sys.platform == "win32" else "bin")
        # Of what others have written the versions that all tests run with: uv's cache has them.
        self._versions = place / "versions.txt"
        self._versions.write_text("".join(f"{line}\n" for line in _others_here()))
        _uv("venv", "--python", sys.executable, str(place / "env"), cwd=place)

    def install(self, *requirements: str | Path) -> None:
        """Install distributions by name, which may be in the wheels, or projects by their folder."""
        _uv(
            *("pip", "install", "--python", str(self._bin / "python")),
            *("--find-links", str(self._wheels), "--constraint", str(self._versions)),
            *map(str, requirements),
            cwd=self.place,
        )

    def uninstall(self, *names: str) -> None:
        _uv("pip", "uninstall", "--python", str(self._bin / "python"), *names, cwd=self.place)

    def run(self, command: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, with no setting of Offhook but these; whatever its exit status."""
        clean = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
        return subprocess.run(
            [self._bin / command, *words],
            cwd=self.place,
            env={**clean, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def plugins(self, **environment: str) -> tuple[int, dict[tuple[str, str], dict[str, Any]]]:
        """What `offhook plugins` says: the exit status, and its rows by plugin and distribution."""
        ended = self.run("offhook", "plugins", "--json", **environment)
        return ended.returncode, {(row["name"], row["distribution"]): row for row in json.loads(ended.stdout)}

    def place_calls(
        self, *calls: dict[str, Any], model: Sequence[dict[str, Any]] = (), **environment: str
    ) -> dict[str, Any]:
        """Start a host with these settings in its environment, and place calls: see `place_call.py`."""
        script = (json.dumps(calls), json.dumps(model))
        ended = self.run("python", "-I", str(_PLACE_CALL), *script, **environment)
        assert ended.returncode == 0, ended.stderr
        answer: dict[str, Any] = json.loads(ended.stdout)
        assert not Path(answer["offhook"]).is_relative_to(ROOT), "it was the checkout's code"
        return {**answer, "log": ended.stderr}


def _others_here() -> list[str]:
    """The distributions of this environment that are not the project's own, with their versions."""
    return sorted(
        f"{found.name}=={found.version}"
        for found in importlib.metadata.distributions()
        if not found.name.startswith("offhook")
    )


def _uv(*words: str, cwd: Path) -> None:
    """Run uv, out of its cache alone where that has everything. Raises AssertionError with uv's own words."""
    assert UV is not None
    clean = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
    for offline in ({"UV_OFFLINE": "1"}, {}):
        ended = subprocess.run(
            [UV, *words],
            cwd=cwd,
            env={**clean, **offline},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        if ended.returncode == 0:
            return
    raise AssertionError(f"uv {' '.join(words)}\n{ended.stderr}")

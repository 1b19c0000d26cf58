"""Plugin distributions in a directory of their own, as pip would have installed them."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from offhook.settings.leaves import leaves

VERSION = "1.2.3"
_OURS = {name for leaf in leaves() for name in (leaf.env, *leaf.env_aliases)}


def install(site: Path, distribution: str, source: str, *names: str) -> None:
    """Install a distribution with one module, which is declared as the plugins of these names."""
    module = distribution.replace("-", "_")
    site.mkdir(exist_ok=True)
    (site / f"{module}.py").write_text(source)
    _declare(site, distribution, VERSION, dict.fromkeys(names, module))


def install_project(site: Path, project: Path) -> None:
    """Install a project in place (`pip install -e`), as its pyproject.toml says; its `src` has to be on the path."""
    site.mkdir(exist_ok=True)
    about = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    _declare(site, about["name"], about["version"], about["entry-points"]["offhook.plugins"])


def _declare(site: Path, distribution: str, version: str, plugins: dict[str, str]) -> None:
    info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    lines = "".join(f"{name} = {target}\n" for name, target in plugins.items())
    (info / "entry_points.txt").write_text(f"[offhook.plugins]\n{lines}")


def run_python(
    *words: str, cwd: Path, path: tuple[Path, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a module of Python with these directories on the path, and with no setting of Offhook but these."""
    clean = {name: value for name, value in os.environ.items() if name not in _OURS}
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=cwd,
        env={**clean, "PYTHONPATH": os.pathsep.join(map(str, path)), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

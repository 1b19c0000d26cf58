"""The examples of docs/testing-plugins.md are run, against the plugin that `offhook plugins new night_desk` writes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from offhook.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "testing-plugins.md"


def test_the_examples_of_the_page_pass(tmp_path: Path) -> None:
    folder = tmp_path / "offhook-night-desk"
    assert main(["plugins", "new", "night_desk", "--directory", str(folder)]) == 0
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    code = "\n\n".join(blocks).replace("import night_desk\n", "import offhook_night_desk as night_desk\n")
    assert code.count("def test_") == 4
    test = folder / "src" / "test_page.py"
    test.write_text(code)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--import-mode=prepend",
        str(test),
    ]
    ran = subprocess.run(command, cwd=folder / "src", capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"\b10 passed", ran.stdout), ran.stdout

"""The programs on docs/embedding.md: each block compiles, imports what is public, and is typed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "embedding.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_programs_are_typed(tmp_path: Path) -> None:
    assert len(BLOCKS) == 2
    for number, block in enumerate(BLOCKS):
        (tmp_path / f"program_{number}.py").write_text(block)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_the_programs_can_be_imported() -> None:
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec", dont_inherit=True), {"__name__": "program"})

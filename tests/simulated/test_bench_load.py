"""The load benchmark runs, and its figures are whole: two calls for two seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

LOAD = Path(__file__).parents[2] / "bench" / "load.py"


@pytest.mark.timeout(180)
def test_two_calls_through_the_host_and_through_the_floor(tmp_path: Path) -> None:
    command = [sys.executable, str(LOAD), "--calls", "2", "--seconds", "2", "--floor", "--out", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = json.loads((tmp_path / "results.json").read_text())["results"]
    for subject in ("offhook", "floor"):
        (figures,) = results[subject]
        assert figures["calls"] == 2
        assert figures["cpu_ms_per_call_second"] > 0
        for way in ("caller_to_model_ms", "model_to_caller_ms"):
            assert figures[way]["count"] > 100, f"{subject}: {way}"
    assert results["offhook"][0]["caller_frames_lost"] == 0
    assert "<svg" in (tmp_path / "report.html").read_text()

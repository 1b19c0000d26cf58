"""The load benchmark runs, and its figures are whole: two calls for two seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

LOAD = Path(__file__).parents[2] / "bench" / "load.py"
SPREADS = {"count", "least", "p50", "p95", "p99", "p999", "worst"}


def load(out: Path, *more: str) -> dict[str, list[dict[str, object]]]:
    command = [sys.executable, str(LOAD), "--calls", "2", "--seconds", "2", "--out", str(out), *more]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    result = json.loads((out / "results.json").read_text())
    assert {"processor", "cores", "system", "python", "uvloop", "asterisk", "load_average_before"} <= set(
        result["machine"]
    )
    found: dict[str, list[dict[str, object]]] = result["results"]
    return found


@pytest.mark.timeout(180)
def test_two_calls_through_the_host_and_through_the_floor(tmp_path: Path) -> None:
    results = load(tmp_path, "--floor")
    for subject in ("offhook", "floor"):
        (figures,) = results[subject]
        assert figures["calls"] == figures["calls_up"] == 2
        assert isinstance(figures["cpu_ms_per_call_second"], float)
        assert figures["cpu_ms_per_call_second"] > 0
        assert figures["caller_frames_lost"] == 0
        for name in ("caller_to_model_ms", "model_to_caller_ms", "gap_ms", "pacing_error_ms"):
            spread = figures[name]
            assert isinstance(spread, dict)
            assert set(spread) == SPREADS
            assert spread["count"] > 100, f"{subject}: {name}"
    assert {"turn_own_time_ms", "silent_after_ms", "told_less_heard_ms", "bursts", "broken", "full"} <= set(
        results["offhook"][0]
    )
    assert "<svg" in (tmp_path / "report.html").read_text()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("who", ["provider", "asterisk"])
def test_interrupted_answers_are_counted_where_the_host_has_audio_left(tmp_path: Path, who: str) -> None:
    fast = ("--speed", "2", "--frames-per-delta", "10", "--seconds", "8", "--interrupted", "1")
    (figures,) = load(tmp_path, "--barge-in", who, *fast)["offhook"]
    spread = figures["silent_after_ms"]
    assert isinstance(spread, dict)
    assert spread["count"] > 0, "no answer was interrupted"
    assert figures["told"] == spread["count"], "the model was not told each time how much was heard"


@pytest.mark.timeout(180)
def test_the_floor_which_stops_for_nobody_is_seen_to_speak_on(tmp_path: Path) -> None:
    fast = ("--speed", "2", "--frames-per-delta", "10", "--seconds", "8", "--interrupted", "1")
    (figures,) = load(tmp_path, "--floor", *fast)["floor"]
    spread = figures["silent_after_ms"]
    assert isinstance(spread, dict)
    assert spread["worst"] > 500, "the measurement would not notice a host that does not stop"

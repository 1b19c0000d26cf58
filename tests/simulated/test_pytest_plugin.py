"""The pytest plugin that comes with the core, as an author's own pytest sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = """
import asyncio
import sys

from offhook_fixture_probe import probe


def test_nothing_is_imported_before_it_is_asked_for():
    assert "offhook" not in probe
    assert "aiohttp" not in probe
    assert "pydantic" not in probe


def test_a_call_on_a_fake_clock(offhook_call):
    call = offhook_call(greeting_audio_path="none")
    call.connected()
    call.expect_activated(0)


def test_a_host_between_simulators(offhook_host):
    async def hold():
        async with offhook_host() as calls:
            caller = await calls.dial()
            await calls.listening()
            await caller.press("1#")
            return (await caller.left_stasis()).variables["DTMF_RESULT"]

    assert asyncio.run(hold()) == "1"
"""


def test_the_fixtures_are_there_and_cost_a_run_nothing_that_does_not_use_them(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(TESTS)
    # Loaded by pytest right after its plugins.
    (tmp_path / "conftest.py").write_text(
        "import sys, types\n"
        "module = types.ModuleType('offhook_fixture_probe')\n"
        "module.probe = frozenset(sys.modules)\n"
        "sys.modules['offhook_fixture_probe'] = module\n"
    )
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:hypothesispytest",
            str(tmp_path),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout

"""Fixtures for the tests with a real Asterisk. Without one they are skipped, and in CI they fail.

How to write a test: the fixture `asterisk` is a running Asterisk (`lab.py`), `SipCaller` is somebody who calls
it (`sip_caller.py`), and `asterisk.result()` is what the dialplan saw after `Stasis()`.

    @pytest.mark.asyncio
    async def test_a_greeting_is_heard(asterisk: Lab) -> None:
        async with your_host(asterisk.environment):
            async with SipCaller(asterisk.sip_address, "7001", variables={"APP_DTMF_MAX_DIGITS": "4"}) as caller:
                assert await caller.call() == 200
                await caller.wait_heard()
                await caller.press("1234")
                await caller.wait_ended()
            result = await asterisk.result(caller.number)
            assert (result["RECOG_STATUS"], result["DTMF_RESULT"]) == ("OK", "1234")

- Extensions (`conf/extensions.conf`): 7000 no greeting, 7001 with a greeting, 7003 answered by the dialplan first,
  7004 speaks to the caller again after `Stasis()`; 610 is a number to transfer a call to; 600 echo, 601 a prompt.
  The caller's `variables` become channel variables before `Stasis()`.
- Extensions to call out to, as `Local/600@lab`: 600 answers, 604 rings, 605 and 607 are busy, 606 rejects. A
  `SipCallee` (`sip_callee.py`) is a telephone to call out to.
- `await caller.play(wav)` speaks in real time and waits; `start_playing(wav)` does not wait. `caller.heard` and
  `caller.sent` are lists of packets with their times (`time.time()`); `packet.is_loud` tells sound from silence.
- `await asterisk.result(caller.number, "hangup")` is what extension `h` saw, `"transferred"` what 610 saw.
- A test has to leave Asterisk without a channel or a bridge, or it fails: end the host within the test.
- Callers can share the event loop with the host; ten of them keep pace beside it.

`OFFHOOK_REQUIRE_ASTERISK=1` turns the skip into a failure, so that CI cannot pass by not looking.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from asterisk import lab as bench
from asterisk.lab import Lab

HERE = Path(__file__).parent
CLEARING_SECONDS = 3.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.asterisk)


@pytest.fixture(scope="session")
def asterisk_root() -> Path:
    """The root file system with Asterisk; the test is skipped, or fails in CI, where there is none."""
    root = bench.asterisk_root()
    if reason := bench.why_not(root):
        if os.environ.get("OFFHOOK_REQUIRE_ASTERISK") == "1":
            pytest.fail(f"OFFHOOK_REQUIRE_ASTERISK=1, but {reason}", pytrace=False)
        pytest.skip(reason)
    return root


@pytest.fixture(scope="session")
def asterisk(asterisk_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One Asterisk for all tests of this run; each test must leave it without a channel or a bridge."""
    with Lab(tmp_path_factory.mktemp("asterisk"), root=asterisk_root) as lab:
        yield lab


@pytest.fixture(autouse=True)
def nothing_left_on_asterisk(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a channel (a snoop, external media) or a bridge on the shared Asterisk.

    It is set up first and so looks last, when every host and caller of the test has been closed.
    """
    shared: Lab | None = request.getfixturevalue("asterisk") if "asterisk" in request.fixturenames else None
    yield
    if shared is None:
        return
    if not shared.is_running:
        shared.stop()
        shared.start()
        pytest.fail("this test left the shared Asterisk stopped", pytrace=False)
    deadline = time.monotonic() + CLEARING_SECONDS
    while (left := shared.leftovers()) and time.monotonic() < deadline:
        time.sleep(0.02)
    if left:
        shared.clear()
        pytest.fail("this test left on Asterisk: " + ", ".join(left), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of Asterisk's log with a failed test."""
    report = yield
    shared = getattr(item, "funcargs", {}).get("asterisk")
    if isinstance(shared, Lab) and report.failed:
        lines = [line for line in shared.log().splitlines() if "@record:" not in line]
        report.sections.append(("Asterisk's log", "\n".join(lines[-40:])))
    return report

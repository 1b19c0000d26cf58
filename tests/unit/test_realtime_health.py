"""Whether a connection is alive and takes what is sent, on a fake clock."""

from __future__ import annotations

from offhook.realtime.health import STALL_BYTES, Health


def test_a_peer_that_speaks_is_well() -> None:
    health = Health(0.0)
    for second in range(600):
        health.last_received = second
        assert health.check(second + 0.9, 0) == "well"


def test_a_silent_peer_is_pinged_and_found_dead_within_40_seconds() -> None:
    health = Health(100.0)
    checks = {second: health.check(100.0 + second, 0) for second in range(1, 41)}
    assert [second for second, found in checks.items() if found == "ping"] == [15, 30]
    dead = [second for second, found in checks.items() if found == "dead"]
    assert dead[0] == 35


def test_a_peer_that_answers_the_ping_stays() -> None:
    health = Health(0.0)
    for second in range(1, 300):
        found = health.check(second, 0)
        assert found in ("well", "ping")
        if found == "ping":
            health.last_received = second + 0.1


def test_a_backlog_that_lasts_is_a_stall() -> None:
    health = Health(0.0)
    found = []
    for second in range(1, 13):
        health.last_received = second
        found.append(health.check(second, STALL_BYTES + 1))
    assert found == ["well"] * 10 + ["stalled"] * 2


def test_a_backlog_that_drains_is_none() -> None:
    health = Health(0.0)
    for second in range(1, 100):
        health.last_received = second
        waiting = STALL_BYTES if second % 9 == 0 else 10 * STALL_BYTES
        assert health.check(second, waiting) == "well"

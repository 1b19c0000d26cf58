"""How long the event stream waits before it calls Asterisk again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.ari.events import next_attempt, reconnect_delay_seconds


def test_the_delay_doubles_from_a_fifth_of_a_second_to_ten_seconds() -> None:
    delays = [reconnect_delay_seconds(attempt, jitter=0.0) for attempt in range(8)]
    assert delays == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0])


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_jitter_takes_off_at_most_half_and_no_attempt_is_beyond_the_limit(
    attempt: int, jitter: float
) -> None:
    longest = reconnect_delay_seconds(attempt, 0.0)
    assert longest / 2 <= reconnect_delay_seconds(attempt, jitter) <= longest <= 10.0


def test_a_connection_that_lasted_starts_over_and_one_that_broke_at_once_does_not() -> None:
    assert next_attempt(-1, connected_seconds=0.1) == 0
    assert next_attempt(4, connected_seconds=3600.0) == 0
    assert next_attempt(4, connected_seconds=0.1) == 5

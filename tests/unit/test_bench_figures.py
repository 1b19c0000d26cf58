"""The figures of the benchmarks, from made-up times."""

from __future__ import annotations

import pytest

from figures import (
    after_ms,
    delays_ms,
    gaps_ms,
    lost,
    percentile,
    spread,
    told_too_much_ms,
    worst_burst,
)
from page import PLOTS, page
from stamps import FRAME_BYTES, Stamp, frame, parse


def answer(*at_ms: float, call: int = 1, stream: int = 1) -> dict[Stamp, float]:
    return {Stamp(call, stream, number): at / 1000 for number, at in enumerate(at_ms)}


def test_a_frame_carries_its_stamp() -> None:
    stamp = Stamp(117, 3, 1_000_000)
    assert len(frame(stamp)) == FRAME_BYTES
    assert parse(frame(stamp)) == stamp
    assert parse(frame(stamp)[:24]) == stamp, "the beginning is enough"
    assert parse(b"\xff" * FRAME_BYTES) is None
    assert parse(b"") is None


def test_a_delay_is_from_the_sending_to_the_arrival() -> None:
    assert delays_ms(answer(0, 20, 40), answer(1, 23)) == pytest.approx([1, 3])
    assert lost(answer(0, 20, 40), answer(1, 23), before=0.05) == 1


def test_gaps_are_within_one_answer() -> None:
    times = answer(0, 20, 45) | answer(100, 120, stream=2) | answer(7, 27, call=2)
    assert sorted(gaps_ms(times)) == pytest.approx([20, 20, 20, 25])


def test_a_burst_is_what_comes_right_after_each_other() -> None:
    assert worst_burst(answer(0, 20, 21, 22, 60)) == 3
    assert worst_burst(answer(0, 20, 40) | answer(1, 21, 41, call=2)) == 1


def test_what_comes_after_an_interruption_is_counted_from_it() -> None:
    times = answer(0, 20, 40)
    assert after_ms({(1, 1): 0.039}, times) == pytest.approx([1])
    assert after_ms({(1, 1): 0.050}, times) == pytest.approx([-10])


def test_the_model_is_told_less_or_more_than_was_heard() -> None:
    assert told_too_much_ms({(1, 1): 60}, answer(0, 20, 40)) == [0]
    assert told_too_much_ms({(1, 1): 100}, answer(0, 20, 40)) == [40]


def test_percentiles_of_few_values() -> None:
    assert percentile([], 0.99) == 0
    assert percentile([1.0, 2.0, 3.0], 0.5) == 2
    assert spread([3, 1, 2])["worst"] == 3


def test_the_page_shows_every_figure_of_every_load() -> None:
    some = dict.fromkeys(["p50", "p95", "p99", "worst"], 1.5)
    figures = {
        "calls": 20,
        "cpu_ms_per_call_second": 2.5,
        "resident_kib_per_call": 80,
        **dict.fromkeys(
            [
                "caller_to_model_ms",
                "model_to_caller_ms",
                "pacing_error_ms",
                "gap_ms",
                "silent_after_interruption_ms",
            ],
            some,
        ),
    }
    html = page(
        {"machine": {"cores": 2}, "seconds": 5, "results": {"offhook": [figures], "floor": [figures]}}
    )
    assert html.count("<svg") == len(PLOTS)
    assert html.count("<tr>") == 3
    assert "cores 2" in html

"""The figures of the benchmarks, from made-up arrivals."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

import figures as fig
from arrivals import Arrival, ArrivalLog, read_arrivals
from page import PLOTS, page
from stamps import CALLER, FRAME_BYTES, SILENCE, STAMP_BYTES, Stamp, frame, frame_base64, parse
from standstills import FILE, Witness, read_standstills

ALWAYS = ("caller_to_model_ms", "model_to_caller_ms", "pacing_error_ms", "gap_ms", "gap_own_ms")
"""The spreads that every load has."""


def answer(*at_ms: float, call: int = 1, stream: int = 1, under_way_ms: float = 0) -> list[Arrival]:
    return [
        Arrival(call, stream, number, (at - under_way_ms) / 1000, at / 1000)
        for number, at in enumerate(at_ms)
    ]


def test_a_frame_carries_its_stamp() -> None:
    stamp = Stamp(117, 3, 1_000_000, 12345.678)
    assert len(frame(*stamp)) == FRAME_BYTES
    assert parse(frame(*stamp)) == stamp
    assert parse(frame(*stamp)[:STAMP_BYTES]) == stamp, "the beginning is enough"


def test_a_stamp_survives_the_way_through_linear_audio() -> None:
    for number in range(300):
        assert 0x7F not in frame(number, 1, number << 7, number / 7), "the second zero of µ-law"


def test_audio_of_others_has_no_stamp() -> None:
    for audio in (SILENCE, b"", frame(1, CALLER, 0, 0.0)[1:]):
        assert parse(audio) is None


def test_a_frame_in_base64_is_the_same_frame() -> None:
    assert b64decode(frame_base64(7, 2, 5, 1.25), validate=True) == frame(7, 2, 5, 1.25)


def test_arrivals_are_read_as_they_were_noted(tmp_path: Path) -> None:
    noted, log = answer(0, 20, 41.5, call=600), ArrivalLog()
    for one in noted:
        log.add(*one)
    log.write(tmp_path / "arrivals")
    assert read_arrivals(tmp_path / "arrivals") == noted


def test_a_delay_is_from_the_sending_to_the_arrival() -> None:
    assert fig.delays_ms(answer(10, 33, under_way_ms=3)) == pytest.approx([3, 3])


def test_a_lost_frame_leaves_a_hole_in_the_count_of_its_stream() -> None:
    whole = answer(0, 20, 40, 60) + answer(0, 20, stream=2)
    assert fig.lost(whole) == 0
    assert fig.lost([one for one in whole if one.number != 1 or one.stream == 2]) == 1


def test_gaps_are_within_one_answer_of_one_call() -> None:
    arrivals = answer(0, 20, 45) + answer(100, 120, stream=2) + answer(7, 27, call=2)
    assert sorted(fig.gaps_ms(arrivals)) == pytest.approx([20, 20, 20, 25])


def test_gaps_of_sending_tell_what_the_load_itself_is_guilty_of() -> None:
    late = [one._replace(at=one.at + 0.005 * one.number) for one in answer(0, 20, 40)]
    assert fig.gaps_ms(late) == pytest.approx([25, 25])
    assert fig.sent_gaps_ms(late) == pytest.approx([20, 20])


def test_a_gap_that_the_sender_made_is_not_counted_against_who_passes_on() -> None:
    frames = answer(0, 20, 40, 65)
    assert fig.own_gaps_ms(frames, []) == pytest.approx([20, 20, 20]), "the last one was sent late"
    assert fig.own_gaps_ms(frames, [], real_time=False) == pytest.approx([20, 20, 25])
    frames[-1] = frames[-1]._replace(sent=0.060)
    assert fig.own_gaps_ms(frames, []) == pytest.approx([20, 20, 25])
    frames[-1] = frames[-1]._replace(sent=0.050)
    assert fig.own_gaps_ms(frames, []) == pytest.approx([20, 20, 25]), "sooner is no excuse"


def test_a_gap_during_which_the_machine_stood_still_is_nobodys() -> None:
    frames = answer(0, 20, 40, 70, 90, under_way_ms=1)
    assert fig.own_gaps_ms(frames, [(0.045, 0.068)], real_time=False) == pytest.approx([20, 20, 20])
    assert fig.own_gaps_ms(frames, [(0.095, 0.099)], real_time=False) == pytest.approx([20, 20, 30, 20])


def test_what_the_witness_saw_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_standstills(tmp_path) is None, "it was not allowed to see anything"
    Witness().write(tmp_path)
    assert read_standstills(tmp_path) == []
    (tmp_path / FILE).write_text("[[1.0, 1.25]]")
    assert read_standstills(tmp_path) == [(1.0, 1.25)]


def test_a_burst_is_what_comes_right_behind_another_frame_of_its_call() -> None:
    assert fig.bursts(answer(0, 20, 21, 22, 60)) == {"frames": 2, "worst": 3}
    assert fig.bursts(answer(0, 20, 40) + answer(1, 21, 41, call=2)) == {"frames": 0, "worst": 1}


def test_the_own_time_of_a_turn_is_that_of_its_first_frame() -> None:
    assert fig.first_ms(answer(4, 90, under_way_ms=4)) == pytest.approx([4])


def test_what_comes_after_an_interruption_is_counted_from_it() -> None:
    assert fig.after_ms({(1, 1): 0.039}, answer(0, 20, 40)) == pytest.approx([1])
    assert fig.after_ms({(1, 1): 0.050}, answer(0, 20, 40)) == pytest.approx([-10])


def test_talking_interrupts_the_answer_that_is_spoken_then_and_no_other() -> None:
    arrivals = answer(0, 20, 40) + answer(1000, 1020, 1040, stream=2) + answer(0, 20, 40, call=2)
    assert fig.spoken_at([(1, 1.030)], arrivals) == {(1, 2): 1.030}
    assert fig.spoken_at([(1, 0.5)], arrivals) == {}, "nothing was spoken"


def test_the_model_is_told_less_or_more_than_was_heard() -> None:
    assert fig.told_less_heard_ms({(1, 1): 60}, answer(0, 20, 40)) == [0]
    assert fig.told_less_heard_ms({(1, 1): 100}, answer(0, 20, 40)) == [40]


def test_a_line_through_points_tells_what_each_further_call_takes() -> None:
    assert fig.slope([(25, 3100), (50, 5100), (100, 9100)]) == pytest.approx(80)
    assert fig.slope([(1, 5)]) == 0


def test_percentiles_of_few_values() -> None:
    assert fig.percentile([], 0.99) == 0
    assert fig.percentile([1.0, 2.0, 3.0], 0.5) == 2
    assert fig.spread([3, 1, 2]) == {
        "count": 3,
        "least": 1,
        "p50": 2,
        "p95": 3,
        "p99": 3,
        "p999": 3,
        "worst": 3,
    }


def test_the_page_shows_every_figure_of_every_load() -> None:
    some = dict.fromkeys(["p50", "p95", "p99", "worst"], 1.5)
    spreads = (*ALWAYS, "silent_after_ms")
    figures = {
        "calls": 20,
        "cpu_ms_per_call_second": 2.5,
        "resident_kib_per_further_call": 80,
        "bursts": {"frames": 0, "worst": 1},
        "told_less_heard_ms": {"count": 1, "least": -20, "worst": 0},
        "standstill_ms": some,
        "silent_after_noticed_ms": some,
        "silent_after_read_ms": some,
        "journal_kb_per_call_minute": 30,
        "turn_own_time_ms": some,
        "broken": ["audio is lost"],
        "full": ["host"],
        "load_average": 1.0,
        "cpu_cores_of_others": 0.5,
        **dict.fromkeys(spreads, some),
    }
    results = {"offhook": [figures], "floor": [figures]}
    html = page({"machine": {"cores": 2}, "how": {"seconds": 5}, "results": results})
    assert html.count("<svg") == len(PLOTS)
    assert html.count("<td>1.50</td>") >= 2 * len(spreads)
    assert "cores 2" in html
    assert "<td>-20.00</td>" in html
    assert "audio is lost" in html
    assert "no CPU time left: host" in html


def test_the_page_leaves_out_what_was_not_measured() -> None:
    some = {"count": 5, **dict.fromkeys(["p50", "p95", "p99", "worst"], 1.5)}
    spreads = (*ALWAYS, "turn_own_time_ms")
    figures: dict[str, Any] = {
        **dict.fromkeys(("calls", "cpu_ms_per_call_second", "resident_kib_per_further_call"), 2),
        "bursts": {"frames": 0, "worst": 1},
        "told_less_heard_ms": {"count": 1, "least": -20, "worst": 0},
        "standstill_ms": None,
        "silent_after_ms": {"count": 0, "p99": 0},
        "silent_after_noticed_ms": {"count": 0, "p99": 0},
        "silent_after_read_ms": {"count": 0, "p99": 0},
        "journal_kb_per_call_minute": 30,
        "broken": [],
        "full": [],
        **dict.fromkeys(("load_average", "cpu_cores_of_others"), 1),
        **dict.fromkeys(spreads, some),
    }
    html = page({"machine": {}, "how": {}, "results": {"offhook": [figures]}})
    assert html.count("<svg") == len(PLOTS) - 1
    assert "<td>–</td>" in html

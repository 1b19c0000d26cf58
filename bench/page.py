"""The report of a load as one page: a table, and a plot for each figure. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

WIDTH, HEIGHT, LEFT, BOTTOM = 460, 220, 60, 34
COLOURS = ("#0b63b5", "#c04000", "#2a7d2e", "#7b3fa0")

Figures = Mapping[str, Any]


class Plot(NamedTuple):
    """One figure over the number of calls."""

    title: str
    unit: str
    of: Callable[[Figures], float | None]
    """None: it was not measured."""


def _of(*keys: str) -> Callable[[Figures], float | None]:
    def find(figures: Figures) -> float | None:
        value: Any = figures
        for key in keys:
            if value is None or value.get("count") == 0:
                return None
            value = value[key]
        return float(value)

    return find


PLOTS = (
    Plot("CPU time, set-up included", "ms a call-second", _of("cpu_ms_per_call_second")),
    Plot("Memory of each further call", "KiB", _of("resident_kib_per_further_call")),
    *(
        Plot(f"{way}, {share}", "ms", _of(figure, share))
        for way, figure in (
            ("Caller to model", "caller_to_model_ms"),
            ("Model to caller", "model_to_caller_ms"),
        )
        for share in ("p50", "p95", "p99")
    ),
    Plot("Pacing error, p99", "ms", _of("pacing_error_ms", "p99")),
    Plot("Gap, p99", "ms", _of("gap_ms", "p99")),
    Plot("Gap, worst", "ms", _of("gap_ms", "worst")),
    Plot("Gap without the sender's and the machine's part, worst", "ms", _of("gap_own_ms", "worst")),
    Plot("Burst, worst", "frames", _of("bursts", "worst")),
    Plot("Last frame after an interruption, p99", "ms", _of("silent_after_ms", "p99")),
    Plot("Own time of a turn, p99", "ms", _of("turn_own_time_ms", "p99")),
)


NOT_DRAWN = (
    Plot(
        "Last frame after the host read ChannelTalkingStarted, p99", "ms", _of("silent_after_read_ms", "p99")
    ),
    Plot("Last frame after another listener read it, p99", "ms", _of("silent_after_noticed_ms", "p99")),
    Plot("Journal a minute of a call", "kB", _of("journal_kb_per_call_minute")),
    Plot("Told to the model less what was heard, least", "ms", _of("told_less_heard_ms", "least")),
    Plot("Told to the model less what was heard, most", "ms", _of("told_less_heard_ms", "worst")),
    Plot("Longest time that the machine stood still", "ms", _of("standstill_ms", "worst")),
    Plot("Load average", "", _of("load_average")),
    Plot("CPU cores that other programs used", "", _of("cpu_cores_of_others")),
)


def page(result: Mapping[str, Any]) -> str:
    """The whole page; it needs nothing else."""
    subjects: Mapping[str, Sequence[Figures]] = result["results"]
    plots = "\n".join(_plot(plot, subjects) for plot in PLOTS)
    how = " · ".join(f"{escape(name)} {escape(str(value))}" for name, value in result["how"].items())
    about = " · ".join(f"{escape(name)} {escape(str(value))}" for name, value in result["machine"].items())
    return f"""<!doctype html>
<meta charset="utf-8"><title>Offhook under load</title>
<style>
body {{ font: 15px/1.4 system-ui, sans-serif; max-width: 1000px; margin: 2em auto; color: #222 }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums }}
td, th {{ padding: 3px 10px; text-align: right; border-bottom: 1px solid #ddd }}
td:first-child, th:first-child {{ text-align: left }}
figure {{ display: inline-block; margin: 12px 16px 12px 0 }}
figcaption {{ font-weight: 600 }}
svg text {{ font-size: 11px; fill: #444 }}
</style>
<h1>Offhook under load</h1>
<p>{about}</p>
<p>{how}</p>
{_table(subjects)}
{plots}
"""


def _table(subjects: Mapping[str, Sequence[Figures]]) -> str:
    loads = [(name, figures) for name, found in subjects.items() for figures in found]
    head = "".join(f"<th>{escape(name)}<br>{figures['calls']}</th>" for name, figures in loads)
    rows = "\n".join(
        f"<tr><td>{escape(', '.join(filter(None, (plot.title, plot.unit))))}</td>"
        + "".join(f"<td>{_shown(plot.of(figures))}</td>" for _, figures in loads)
        + "</tr>"
        for plot in (*PLOTS, *NOT_DRAWN)
    )
    noted = "".join(
        f"<li>{escape(name)}, {figures['calls']} calls: {escape(what)}</li>"
        for name, figures in loads
        for what in _noted(figures)
    )
    return f"<table><tr><th>calls</th>{head}</tr>\n{rows}</table>\n<ul>{noted}</ul>"


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _noted(figures: Figures) -> list[str]:
    return [*figures["broken"], *(f"no CPU time left: {name}" for name in figures["full"])]


def _plot(plot: Plot, subjects: Mapping[str, Sequence[Figures]]) -> str:
    points = {
        name: [(f["calls"], value) for f in loads if (value := plot.of(f)) is not None]
        for name, loads in subjects.items()
    }
    if not any(points.values()):
        return ""
    most_calls = max((x for line in points.values() for x, _ in line), default=1)
    values = [0.0, *(y for line in points.values() for _, y in line)]
    low, high = min(values) * 1.1, max(values) * 1.1
    span = high - low or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + (WIDTH - LEFT - 12) * x / most_calls,
            HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 12) * (y - low) / span,
        )

    drawn = []
    for share in (0.0, 0.5, 1.0):
        value = low + span * share
        _, y = place(0, value)
        drawn.append(f'<line x1="{LEFT}" x2="{WIDTH - 12}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        drawn.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    for number, (colour, (name, line)) in enumerate(zip(COLOURS, points.items(), strict=False)):
        path = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in line)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y in line:
            px, py = place(x, y)
            drawn.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{colour}"/>')
            drawn.append(f'<text x="{px:.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{x}</text>')
        if line:
            px, py = place(*line[-1])
            py += 15 if number else -7  # lines that meet keep their names apart
            drawn.append(
                f'<text x="{px - 4:.1f}" y="{py:.1f}" text-anchor="end" style="fill: {colour}">{escape(name)}</text>'
            )
    drawn.append(f'<text x="{(LEFT + WIDTH) / 2:.0f}" y="{HEIGHT - 4}" text-anchor="middle">calls</text>')
    return (
        f"<figure><figcaption>{escape(plot.title)} ({escape(plot.unit)})</figcaption>"
        f'<svg width="{WIDTH}" height="{HEIGHT}">{"".join(drawn)}</svg></figure>'
    )

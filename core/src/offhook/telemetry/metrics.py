"""What a host counts, for Prometheus: `GET /metrics`. Each host has a registry of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

COUNTED: Final = (
    ("rtp_packets_received", "received", "RTP packets that came from Asterisk."),
    ("rtp_packets_lost", "lost", "RTP packets that never came, or too late; silence took their place."),
    ("rtp_packets_late", "late", "RTP packets dropped because silence had taken their place."),
    ("rtp_packets_duplicate", "duplicates", "RTP packets dropped because they had come before."),
    ("rtp_packets_reordered", "reordered", "RTP packets that came after a later one, and in time."),
    ("rtp_packets_wrong_type", "wrong_type", "RTP packets of another payload type, dropped."),
    ("rtp_packets_malformed", "malformed", "Datagrams from Asterisk that are no RTP, dropped."),
    ("rtcp_packets", "rtcp", "RTCP packets that Asterisk sent to the port of RTP, ignored."),
    (
        "rtp_packets_from_strangers",
        "strangers",
        "Datagrams from addresses that Asterisk did not name, dropped.",
    ),
    ("rtp_sender_restarts", "restarts", "How often a sender changed its SSRC, sequence or clock."),
    ("rtp_filled_ms", "filled_ms", "Silence in place of what was lost or not sent, in milliseconds."),
    ("rtp_packets_sent", "sent", "RTP packets sent to Asterisk."),
    ("rtp_packets_unsent", "unsent", "RTP packets that could not be sent."),
    ("answer_underruns", "underruns", "Pauses within an answer because its audio had not come yet."),
    ("answer_underrun_ms", "underrun_ms", "Length of these pauses in milliseconds."),
    ("answer_stale_ms", "stale_ms", "Audio of answers that had been stopped, dropped, in milliseconds."),
    ("caller_overflow_ms", "overflowed_ms", "Caller's audio that VAD_BUFFER_SECONDS had no room for."),
    ("loop_stalls", "loop_stalls", "Times that the event loop was held up for more than 20 ms: overload."),
    ("loop_stalled_ms", "loop_stalled_ms", "How long it was held up these times, in milliseconds."),
    ("playout_late_ticks", "late_ticks", "Ticks of the playout's clock more than 5 ms late: overload."),
    ("journals_lost", "journals_lost", "Calls whose journal could not be written to its end."),
    ("playout_skipped_ms", "skipped_ms", "Time that the playout's clock could not catch up after a stall."),
)
"""Name of the metric, the count that it sums (`Totals`), and what it is."""

PluginFailures = Mapping[tuple[str, str, str], int]
"""(plugin, where, kind) → how often."""


class HostMetrics(Collector):
    """Reads the numbers when it is asked; a call pays nothing for it.

    Each argument gives a number, or numbers, as they are now: `ended_calls` by cause.
    """

    def __init__(
        self,
        *,
        ready: Callable[[], bool],
        running_calls: Callable[[], int],
        ended_calls: Callable[[], Mapping[str, int]],
        rtp_ports_in_use: Callable[[], int],
        counted: Callable[[], Mapping[str, int]],
        plugin_failures: Callable[[], PluginFailures],
    ) -> None:
        self._ready = ready
        self._running_calls = running_calls
        self._ended_calls = ended_calls
        self._rtp_ports_in_use = rtp_ports_in_use
        self._counted = counted
        self._plugin_failures = plugin_failures
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """The numbers in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily("offhook_ready", "1 while the host takes calls.", float(self._ready()))
        yield GaugeMetricFamily("offhook_calls", "Calls that run.", self._running_calls())
        ended = CounterMetricFamily(
            "offhook_calls_ended", "Calls that have ended, by OFFHOOK_END_CAUSE.", labels=["cause"]
        )
        for cause, count in self._ended_calls().items():
            ended.add_metric([cause], count)
        yield ended
        yield GaugeMetricFamily(
            "offhook_rtp_ports_in_use", "RTP ports that calls hold.", self._rtp_ports_in_use()
        )
        sums = self._counted()
        for name, counted, what in COUNTED:
            yield CounterMetricFamily(f"offhook_{name}", what, sums.get(counted, 0))
        failures = CounterMetricFamily(
            "offhook_plugin_failures",
            "What plugins did wrong: raised, nonsense, late, blocked, flooded, dropped, stale.",
            labels=["plugin", "where", "kind"],
        )
        for (plugin, where, kind), count in self._plugin_failures().items():
            failures.add_metric([plugin, where, kind], count)
        yield failures

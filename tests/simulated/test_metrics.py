"""`GET /metrics`: what a host counts."""

from __future__ import annotations

import socket
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from call_bench import SPEECH, bench, with_plugin
from offhook import Host, Settings, hookimpl
from offhook.simulators.asterisk.channels import ExternalMediaChannel


class BrokenTools:
    @hookimpl
    def tools(self, settings: Settings) -> Any:
        raise LookupError("no catalogue")


def counted(text: str) -> dict[tuple[str, ...], float]:
    """(name, label values in the order of their labels …) → number."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def metrics(host: Host) -> dict[tuple[str, ...], float]:
    async with aiohttp.ClientSession() as http, http.get(f"{host.console_url}metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return counted(await answer.text())


@pytest.mark.asyncio
async def test_the_numbers_follow_the_calls() -> None:
    async with bench() as calls:
        before = await metrics(calls.host)
        assert before["offhook_ready",] == 1
        assert before["offhook_calls",] == 0
        caller = await calls.dial()
        await calls.listening()
        during = await metrics(calls.host)
        assert during["offhook_calls",] == 1
        assert during["offhook_rtp_ports_in_use",] == 1
        await caller.press("1#")
        await caller.left_stasis()
        await calls.over()
        await calls.until(lambda: not calls.host.calls, "the call gone")
        after = await metrics(calls.host)
        assert after["offhook_calls",] == 0
        assert after["offhook_calls_ended_total", "dtmf"] == 1


@pytest.mark.asyncio
async def test_a_plugins_failure_is_counted_under_its_name() -> None:
    async with bench(hooks=with_plugin(BrokenTools())) as calls:
        caller = await calls.dial()
        await calls.listening()
        await caller.hangup()
        await calls.over()
        numbers = await metrics(calls.host)
    assert numbers["offhook_plugin_failures_total", "raised", "mine-1", "the hook tools"] == 1


@pytest.mark.asyncio
async def test_the_packets_of_a_call_stay_counted_when_it_has_ended() -> None:
    async with bench() as calls:
        caller = await calls.dial()
        await calls.listening()
        caller.play(SPEECH)
        await caller.wait_heard()
        await caller.wait_quiet(0.3)
        during = await metrics(calls.host)
        assert during["offhook_rtp_packets_received_total",] > 50
        await caller.hangup()
        await calls.over()
        await calls.until(lambda: not calls.host.calls, "the call gone")
        after = await metrics(calls.host)
    assert after["offhook_rtp_packets_received_total",] >= during["offhook_rtp_packets_received_total",]
    assert after["offhook_rtp_packets_sent_total",] == len(caller.packets)
    assert after["offhook_rtp_packets_lost_total",] == 0


@pytest.mark.asyncio
async def test_what_a_stranger_sends_is_dropped_and_counted() -> None:
    async with bench() as calls:
        caller = await calls.dial()
        await calls.listening()
        (external,) = (
            channel
            for channel in calls.asterisk.channels.values()
            if isinstance(channel, ExternalMediaChannel)
        )
        host, port = external.dial_string.partition("/")[0].split(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for _ in range(20):
                stranger.sendto(bytes(172), (host, int(port)))
        await calls.until(lambda: calls.host._totals.sums().get("strangers", 0) == 20, "all of them counted")
        assert (await metrics(calls.host))["offhook_rtp_packets_from_strangers_total",] == 20
        await caller.hangup()
        await calls.over()


@pytest.mark.asyncio
async def test_what_becomes_of_the_audio_is_counted() -> None:
    async with bench(recognition_activation_mode="IMMEDIATE") as calls:
        caller = await calls.dial()
        await calls.listening()
        caller.play(SPEECH)
        await caller.wait_heard()
        caller.play(SPEECH)  # over the answer, of which the rest has been sent or is on its way
        await calls.until(
            lambda: any(getattr(entry, "cut", False) for entry in calls.record.entries), "the answer cut"
        )
        await caller.hangup()
        await calls.over()
        numbers = await metrics(calls.host)
    assert numbers["offhook_answer_underruns_total",] == 0, (
        "the simulated model speaks faster than it is heard"
    )
    for name in ("answer_stale_ms", "caller_overflow_ms", "playout_late_ticks", "playout_skipped_ms"):
        assert numbers[f"offhook_{name}_total",] >= 0
    for name in ("duplicate", "reordered", "late"):
        assert numbers[f"offhook_rtp_packets_{name}_total",] == 0

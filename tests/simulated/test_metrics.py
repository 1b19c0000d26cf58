"""`GET /metrics`: what a host counts."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from call_bench import bench, with_plugin
from offhook import Host, Settings, hookimpl


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

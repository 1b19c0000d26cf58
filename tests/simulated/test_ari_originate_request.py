"""The request that calls out, against a small web server that answers as Asterisk does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from ari_table import LOGIN, PASSWORD, Asterisk, Seen, serve
from offhook.ari import AriClient, Channel, ServerError

LINE = "POST /channels/17.1"


@pytest_asyncio.fixture
async def asterisk() -> AsyncIterator[Asterisk]:
    asterisk = Asterisk()
    runner, asterisk.url = await serve(asterisk.handle)
    asterisk.answers[LINE] = (200, {"id": "17.1", "name": "PJSIP/alice-1", "state": "Down"})
    yield asterisk
    await runner.cleanup()


@pytest_asyncio.fixture
async def ari(asterisk: Asterisk) -> AsyncIterator[AriClient]:
    async with AriClient(asterisk.url, "ari", PASSWORD, "my-app") as client:
        yield client


@pytest.mark.asyncio
async def test_only_what_was_given_is_asked_for(asterisk: Asterisk, ari: AriClient) -> None:
    made = await ari.originate("PJSIP/alice", channel_id="17.1")
    assert made == Channel("17.1", "PJSIP/alice-1", "Down")
    query = {"endpoint": "PJSIP/alice", "app": "my-app", "timeout": "30"}
    assert asterisk.seen == [Seen("POST", "/channels/17.1", query, None, LOGIN)]


@pytest.mark.asyncio
async def test_everything_that_was_given_is_asked_for(asterisk: Asterisk, ari: AriClient) -> None:
    await ari.originate(
        "Local/600@sales",
        channel_id="17.1",
        caller_id="Ann <4711>",
        app_args="outbound,survey",
        variables={"APP_LANGUAGE": "de"},
        formats="ulaw,alaw",
    )
    query = {
        "endpoint": "Local/600@sales",
        "app": "my-app",
        "appArgs": "outbound,survey",
        "callerId": "Ann <4711>",
        "timeout": "30",
        "formats": "ulaw,alaw",
    }
    body = {"variables": {"APP_LANGUAGE": "de"}}
    assert asterisk.seen == [Seen("POST", "/channels/17.1", query, body, LOGIN)]


@pytest.mark.asyncio
@pytest.mark.parametrize(("seconds", "asked"), [(12.2, "13"), (0.1, "1"), (-1, "-1")])
async def test_a_time_limit_is_rounded_up_to_whole_seconds(
    asterisk: Asterisk, ari: AriClient, seconds: float, asked: str
) -> None:
    await ari.originate("PJSIP/alice", channel_id="17.1", timeout_seconds=seconds)
    assert asterisk.seen[0].query["timeout"] == asked


@pytest.mark.asyncio
@pytest.mark.parametrize("wrong", [0.0, -0.5, -2.0, float("nan"), float("inf")])
async def test_a_time_limit_that_is_none_is_refused_and_nobody_called(
    asterisk: Asterisk, ari: AriClient, wrong: float
) -> None:
    with pytest.raises(ValueError, match=r"timeout_seconds.*above 0, or -1"):
        await ari.originate("PJSIP/alice", channel_id="17.1", timeout_seconds=wrong)
    assert asterisk.seen == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, {"error": "Allocation failed"}),
        (409, {"message": "Channel with given unique ID already exists"}),  # though there is none
    ],
)
async def test_an_endpoint_that_cannot_be_called_is_told_in_words(
    asterisk: Asterisk, ari: AriClient, status: int, answer: Any
) -> None:
    asterisk.answers[LINE] = (status, answer)
    with pytest.raises(
        ServerError, match="PJSIP/alice cannot be called: no such endpoint, or no phone"
    ) as no:
        await ari.originate("PJSIP/alice", channel_id="17.1")
    assert no.value.status == status


@pytest.mark.asyncio
async def test_trouble_on_the_way_to_asterisk_is_not_the_endpoints(
    asterisk: Asterisk, ari: AriClient
) -> None:
    asterisk.answers[LINE] = (503, {"message": "try later"})
    with pytest.raises(ServerError, match=r"503 Service Unavailable: try later$"):
        await ari.originate("PJSIP/alice", channel_id="17.1")

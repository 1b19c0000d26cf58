"""The wait for Asterisk to hand over the channels that were asked for."""

from __future__ import annotations

import asyncio

import pytest

from offhook.runner.arrivals import Arrivals


@pytest.mark.asyncio
async def test_a_channel_that_is_expected_arrives_once() -> None:
    arrivals = Arrivals()
    future = arrivals.expect("offhook-1-media")
    assert not future.done()
    assert arrivals.arrived("offhook-1-media")
    assert future.done()
    assert not arrivals.arrived("offhook-1-media")


@pytest.mark.asyncio
async def test_one_that_nobody_waits_for_is_told_apart() -> None:
    arrivals = Arrivals()
    assert not arrivals.arrived("offhook-2-media")
    future = arrivals.expect("offhook-1-media")
    arrivals.forget("offhook-1-media")
    arrivals.forget("offhook-1-media")
    assert not arrivals.arrived("offhook-1-media"), "the call has ended"
    assert not future.done()


@pytest.mark.asyncio
async def test_one_whose_waiter_gave_up_still_belongs_to_its_call() -> None:
    arrivals = Arrivals()
    future: asyncio.Future[None] = arrivals.expect("offhook-1-media")
    future.cancel()
    assert arrivals.arrived("offhook-1-media")

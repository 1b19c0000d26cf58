"""`greetingText`: the model greets the caller, and is heard."""

from __future__ import annotations

import pytest

from call_bench import SPEECH, Mouth, bench


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", ["IMMEDIATE", "FIXED_DELAY", "VAD"])
async def test_the_caller_hears_it_and_then_talks_with_the_model(mode: str) -> None:
    async with bench(
        mouth=Mouth(0.5),
        recognition_activation_mode=mode,
        greeting_text="Welcome to the shop.",
        greeting_audio_path="sound:not-played",
    ) as calls:
        caller = await calls.dial()
        await caller.wait_heard()
        quiet = await caller.wait_quiet(0.3)
        caller.play(SPEECH)
        await caller.wait_heard(since=quiet)
        messages = calls.provider.sessions[0].messages
        (asked,) = [
            message.body
            for message in messages
            if not message.from_server and message.body["type"] == "response.create"
        ]
        assert "Welcome to the shop." in asked["response"]["instructions"]
        assert len(calls.media_requests) == 1, "the leanest topology"
        await caller.hangup()
        await calls.over()

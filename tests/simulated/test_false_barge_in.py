"""A sound over the answer that is no speech: the caller hears the answer to its end all the same."""

from __future__ import annotations

import pytest

from call_bench import SPEECH, Ears, Mouth, bench, sweep
from offhook.simulators.g711 import encode_ulaw


@pytest.mark.asyncio
async def test_the_answer_goes_on_where_it_was_heard_last() -> None:
    async with bench(
        ears=Ears(("",)),  # understands nothing: it was a noise
        mouth=Mouth(4.0),
        initial_user_prompt="Speak.",
        resume_after_false_barge_in=True,
        no_speech_begin_timeout_seconds=0,
    ) as calls:
        caller = await calls.dial()
        await caller.wait_heard()
        caller.play(SPEECH)
        await caller.wait_quiet(0.3)  # it pauses
        await caller.wait_heard()  # and goes on
        await caller.wait_quiet(0.5)
        heard = b"".join(packet.ulaw for packet in caller.packets)
        (item,) = [item for item in calls.provider.sessions[0].items if item.get("role") == "assistant"]
        assert "truncated" not in str(item)
        requests = [m.body["type"] for m in calls.provider.sessions[0].messages if not m.from_server]
        assert "conversation.item.truncate" not in requests
        assert requests.count("response.create") == 1, "nothing was said that wants an answer"
        await caller.hangup()
        await calls.over()
    whole = encode_ulaw(sweep(4.0))
    assert whole in heard, "every sample, in order, once"


@pytest.mark.asyncio
async def test_words_stop_it_and_are_answered() -> None:
    async with bench(
        ears=Ears(("Wait a moment.",)),
        mouth=Mouth(4.0),
        initial_user_prompt="Speak.",
        resume_after_false_barge_in=True,
        no_speech_begin_timeout_seconds=0,
    ) as calls:
        caller = await calls.dial()
        await caller.wait_heard()
        caller.play(SPEECH)
        quiet = await caller.wait_quiet(0.3)
        await caller.wait_heard(since=quiet)
        requests = [m.body["type"] for m in calls.provider.sessions[0].messages if not m.from_server]
        assert requests.count("conversation.item.truncate") == 1
        assert requests.count("response.create") == 2
        await caller.hangup()
        await calls.over()

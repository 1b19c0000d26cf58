"""What goes wrong around a call: the caller always gets on in the dialplan, with a result that says why."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from call_bench import RESULT_VARIABLES, SPEECH, Bench, bench, failure, sweep
from offhook.ari import AriUnreachable
from offhook.runner.arrivals import OURS
from plain_ari import PlainAri


def closed_port() -> int:
    """A TCP port where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def even_port() -> int:
    """A free UDP port for RTP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            port: int = sock.getsockname()[1]
            if port % 2 == 0:
                return port


def our_channel(calls: Bench, end: str) -> str:
    """The id of the running call's own channel of that name."""
    return next(name for name in calls.asterisk.channels if name.startswith(OURS) and name.endswith(end))


# --- The provider ---------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["conversation", "recognition"])
async def test_a_provider_that_cannot_be_reached_ends_the_call_with_a_sentence(kind: str) -> None:
    port = closed_port()
    async with bench(base_url=f"ws://127.0.0.1:{port}/v1", session_kind=kind) as calls:
        caller = await calls.dial("7001")
        left = await caller.left_stasis()
    cause, error = failure(left)
    assert cause == "provider_error"
    assert f"cannot reach 127.0.0.1:{port}" in error
    assert (left.context, left.extension, left.priority) == ("default", "7001", 3), "the step after Stasis()"


@pytest.mark.asyncio
async def test_a_wrong_key_is_named_by_its_setting_and_never_shown() -> None:
    async with bench(provider_options={"api_key": "sk-right"}, api_key="sk-wrong-secret") as calls:
        caller = await calls.dial()
        cause, error = failure(await caller.left_stasis())
        shown = [problem.text for problem in calls.record.problems]
    assert cause == "provider_error"
    assert "OPENAI_API_KEY" in error
    assert "sk-wrong-secret" not in " ".join([error, *shown])


@pytest.mark.asyncio
@pytest.mark.parametrize("politely", [True, False], ids=["closes", "breaks"])
async def test_a_provider_that_hangs_up_in_mid_call_ends_it(politely: bool) -> None:
    async with bench() as calls:
        caller = await calls.dial()
        await calls.listening()
        caller.play(SPEECH)
        await caller.wait_heard()
        connection = calls.provider.sessions[0]._connection
        if politely:
            await connection.close(1011, "out of order")
        else:
            connection.transport.abort()
        cause, error = failure(await caller.left_stasis())
    assert cause == "provider_error"
    assert ("out of order" if politely else "broke") in error


# --- RTP and prompts ------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_call_without_an_rtp_port_is_rejected_unanswered_and_hurts_no_other() -> None:
    port = even_port()
    async with bench(rtp_port_min=port, rtp_port_max=port, media_topology="bridge") as calls:
        first = await calls.dial()
        await calls.listening()
        second = await calls.dial()
        cause, error = failure(await second.left_stasis())
        assert second.answered_at is None
        await first.press("1#")
        assert (await first.left_stasis()).variables["DTMF_RESULT"] == "1"
        third = await calls.dial()
        await third.answered()  # the port is free again
        await third.hangup()
    assert cause == "rejected"
    assert "RTP_PORT_MAX" in error


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", ["IMMEDIATE", "FIXED_DELAY", "VAD"])
async def test_a_greeting_that_asterisk_does_not_have_costs_only_the_greeting(mode: str) -> None:
    async with bench(barge_in_delay_seconds=0, greeting_audio_path="sound:missing") as calls:
        caller = await calls.dial(recognition_activation_mode=mode)
        await caller.answered()
        await calls.until(
            lambda: calls.host.records and any("sound:missing" in p.text for p in calls.record.problems),
            "the problem on record",
        )
        caller.play(SPEECH)
        await caller.wait_heard()
        await caller.press("1#")
        left = await caller.left_stasis()
    assert left.variables["OFFHOOK_END_CAUSE"] == "dtmf"


# --- The caller hangs up ----------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_caller_who_hangs_up_at_once_leaves_nothing() -> None:
    async with bench(media_topology="split") as calls:
        caller = await calls.dial()
        await caller.hangup()
        await calls.over()
        assert calls.record.outcome is not None
        assert calls.record.outcome.cause == "hangup"


@pytest.mark.asyncio
@pytest.mark.parametrize("asked", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "request_name",
    ["read_variables", "external_media", "snoop", "create_bridge", "add_to_bridge", "answer", "play"],
)
async def test_a_caller_who_hangs_up_at_any_step_of_the_setup_leaves_nothing(
    request_name: str, asked: bool
) -> None:
    settings: dict[str, Any] = {
        "greeting_audio_path": "sound:long",
        "recognition_activation_mode": "VAD",
        "settings_timeout_ms": 100,
    }
    async with bench(asterisk_options={"sounds": {"long": sweep(2.0)}}, **settings) as calls:
        step = calls.hold(request_name, asked=asked)
        caller = await calls.dial(media_topology="split")
        await asyncio.wait_for(step.reached.wait(), 10)
        await caller.hangup()
        await calls.over()
        await asyncio.sleep(0.1)  # time to clear up before the request arrives
        await step.arrived()
        assert calls.record.outcome is not None
        assert calls.record.outcome.cause == "hangup"
        assert calls.record.outcome.error == ""
        await calls.cleared()  # what is made too late, too
        if request_name == "read_variables":
            assert not calls.media_requests, "nothing is begun for a caller who is gone"


@pytest.mark.asyncio
async def test_a_request_that_fails_because_the_caller_has_gone_is_a_hang_up() -> None:
    async with bench(media_topology="bridge") as calls:
        step = calls.hold("answer")
        caller = await calls.dial()
        await asyncio.wait_for(step.reached.wait(), 10)
        calls.refuse("channels", times=1)  # the host has only the failure to learn from
        await calls.asterisk.disconnect_applications()
        await caller.hangup()
        step.released.set()
        await calls.over()
        assert calls.record.outcome is not None
        assert calls.record.outcome.cause == "hangup"


# --- Asterisk -----------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("topology", "end"),
    [("bridge", "-media"), ("split", "-listen"), ("split", "-speak"), ("split", "-snoop")],
)
async def test_a_call_whose_audio_asterisk_ends_is_over(topology: str, end: str) -> None:
    async with bench(media_topology=topology) as calls:
        caller = await calls.dial()
        await calls.listening()
        async with PlainAri(calls.asterisk, app="another") as asterisk:
            await asterisk.do(f"DELETE /channels/{our_channel(calls, end)}")
        cause, error = failure(await caller.left_stasis())
    assert cause == "media_error"
    assert end in error


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "request_name", ["external_media", "snoop", "create_bridge", "add_to_bridge", "answer"]
)
async def test_a_request_that_asterisk_refuses_during_the_setup_ends_the_call(request_name: str) -> None:
    async with bench(media_topology="split") as calls:
        calls.refuse(request_name)
        caller = await calls.dial()
        cause, error = failure(await caller.left_stasis())
    assert cause == "media_error"
    assert "Allocation failed" in error


@pytest.mark.asyncio
async def test_a_prompt_that_asterisk_refuses_costs_only_the_prompt() -> None:
    async with bench(greeting_audio_path="sound:long") as calls:
        calls.refuse("play")
        caller = await calls.dial()
        await calls.listening()
        caller.play(SPEECH)
        await caller.wait_heard()
        await caller.hangup()


@pytest.mark.asyncio
async def test_a_prompt_that_is_on_its_way_at_the_end_is_stopped_and_not_left_to_the_dialplan() -> None:
    sounds = {"long": bytes(8000 * 20)}
    async with bench(greeting_audio_path="sound:long", asterisk_options={"sounds": sounds}) as calls:
        hold = calls.hold("play")
        caller = await calls.dial()
        await hold.reached.wait()
        assert calls.host.hangup(calls.record.call_id)
        asyncio.get_running_loop().call_later(0.2, hold.released.set)
        left = await caller.left_stasis()
        asked = [f"{request.method} {request.path}" for request in calls.asterisk.requests]
        played = next(n for n, request in enumerate(asked) if request.endswith("-greeting"))
        assert asked[played].startswith("POST ")
        assert any(request.startswith("DELETE ") for request in asked[played:] if "/playbacks/" in request)
        assert left.variables["OFFHOOK_END_CAUSE"] == "operator"


@pytest.mark.asyncio
async def test_a_caller_whose_talking_cannot_be_watched_is_not_left_in_silence() -> None:
    async with bench(recognition_activation_mode="VAD") as calls:
        calls.refuse("set_variable", about="TALK_DETECT(set)")
        caller = await calls.dial()
        cause, error = failure(await caller.left_stasis())
    assert cause == "media_error"
    assert "talking" in error


@pytest.mark.asyncio
@pytest.mark.parametrize("answered", [True, False])
async def test_a_caller_who_is_up_already_is_not_answered_again(answered: bool) -> None:
    async with bench() as calls:
        caller = await calls.asterisk.dial(answered=answered)
        await calls.listening()
        caller.play(SPEECH)
        await caller.wait_heard()
        await caller.press("1#")
        assert (await caller.left_stasis()).variables["DTMF_RESULT"] == "1"
        answers = [request.path for request in calls.asterisk.requests if request.path.endswith("/answer")]
    assert len(answers) == (0 if answered else 1)


@pytest.mark.asyncio
async def test_a_channel_of_ours_that_no_call_waits_for_is_hung_up() -> None:
    async with bench() as calls, PlainAri(calls.asterisk, app="another") as asterisk:
        orphan = f"{OURS}0123456789ab-media"
        await asterisk.do(
            "POST /channels/externalMedia",
            app=calls.asterisk.app,
            channelId=orphan,
            external_host="127.0.0.1:9",
            format="ulaw",
        )
        await calls.until(lambda: orphan not in calls.asterisk.channels, "the orphan's end")
        assert not calls.host.records


# --- Handing the result over ----------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_result_that_asterisk_does_not_take_still_gives_the_caller_back() -> None:
    async with bench(result_context="ivr", result_extension="next") as calls:
        caller = await calls.dial()
        await calls.listening()
        calls.refuse("set_variables")
        calls.refuse("set_variable")
        await caller.press("1#")
        left = await caller.left_stasis()
        assert calls.record.outcome is not None
        assert calls.record.outcome.digits == "1", "the record has it all the same"
    assert (left.how, left.context, left.extension) == ("continued", "ivr", "next")


@pytest.mark.asyncio
async def test_one_lost_request_costs_no_result() -> None:
    async with bench() as calls:
        caller = await calls.dial()
        await calls.listening()
        lost = AriUnreachable("POST", "/variable", None, "Server disconnected")
        calls.refuse("set_variables", lost, times=1, about="dtmf")
        await caller.press("1#")
        left = await caller.left_stasis()
    assert set(RESULT_VARIABLES) <= left.variables.keys()
    assert left.variables["OFFHOOK_END_CAUSE"] == "dtmf"


@pytest.mark.asyncio
async def test_a_place_in_the_dialplan_that_asterisk_refuses_becomes_the_next_step() -> None:
    async with bench(result_context="nowhere", result_extension="next") as calls:
        caller = await calls.dial("7002")
        await calls.listening()
        calls.refuse("continue_in_dialplan", times=1)
        await caller.press("1#")
        left = await caller.left_stasis()
    assert (left.how, left.context, left.extension) == ("continued", "default", "7002")
    assert left.variables["DTMF_RESULT"] == "1"


@pytest.mark.asyncio
async def test_a_caller_whom_the_dialplan_cannot_have_is_hung_up() -> None:
    async with bench() as calls:
        caller = await calls.dial()
        await calls.listening()
        calls.refuse("continue_in_dialplan")
        await caller.press("1#")
        left = await caller.left_stasis()
    assert left.how == "hung_up_by_app"
    assert left.variables["DTMF_RESULT"] == "1"


@pytest.mark.asyncio
async def test_what_cannot_be_cleared_up_keeps_nothing_else() -> None:
    async with bench() as calls:
        caller = await calls.dial()
        await calls.listening()
        calls.refuse("delete_bridge", times=1)
        await caller.press("1#")
        await caller.left_stasis()
        await calls.until(lambda: not calls.host.ports_in_use, "the port given back")
        async with PlainAri(calls.asterisk, app="another") as asterisk:
            for bridge in list(calls.asterisk.bridges):
                await asterisk.do(f"DELETE /bridges/{bridge}")

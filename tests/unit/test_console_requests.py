"""What a page asks over the WebSocket, and what is wrong with some of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from console_calls import StandInHost, interrupted_call, new_record
from offhook.console.requests import answer


@pytest.fixture
def host() -> StandInHost:
    host = StandInHost()
    host.play(host.add(new_record()), interrupted_call())
    return host


def ask(host: StandInHost, **request: Any) -> dict[str, Any]:
    return asyncio.run(answer(host, json.dumps(request)))


def test_settings_for_the_next_calls(host: StandInHost) -> None:
    session = {"instructions": "Be brief.", "ttsVoice": "cedar", "dtmfMaxDigits": 4}
    assert ask(host, type="session.update", session=session) == {
        "type": "config_update_ack",
        "status": "processed",
        "callId": None,
        "appliedConfig": {"instructions": "Be brief.", "voice": "cedar", "dtmfMaxDigits": 4},
    }
    assert host.changes == [(None, {"instructions": "Be brief.", "voice": "cedar", "dtmfMaxDigits": 4})]


def test_settings_for_one_running_call(host: StandInHost) -> None:
    reply = ask(host, type="session.update", callId="call-1", session={"instructions": "Hurry."})
    assert (reply["type"], reply["callId"]) == ("config_update_ack", "call-1")
    assert host.changes == [("call-1", {"instructions": "Hurry."})]


def test_a_refused_setting_says_why(host: StandInHost) -> None:
    assert ask(host, type="session.update", session={"voice": "robot"}) == {
        "type": "error",
        "message": "voice is 'robot'; it must be one of alloy, marin, cedar",
    }


def test_the_settings_of_a_call_and_of_the_next_calls(host: StandInHost) -> None:
    for call_id in ("call-1", None):
        reply = ask(host, type="get_call_configuration", callId=call_id)
        assert (reply["type"], reply["callId"]) == ("call_configuration", call_id)
        assert reply["payload"]["openAIRealtimeAPI"]["voice"] == "marin"


def test_the_conversation_of_a_call(host: StandInHost) -> None:
    reply = ask(host, type="get_conversation_history", callId="call-1")
    assert (reply["type"], reply["callId"]) == ("conversation_history", "call-1")
    assert reply["payload"][1]["content"] == "Do you have a table for four tonight?"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a request must be JSON"),
        ("[" * 100_000, "a request must be JSON"),
        ("[]", "a request must be a JSON object"),
        ("{}", "type is None; it must be one of session.update"),
        ('{"type": "reboot"}', "type is 'reboot'; it must be one of session.update"),
        ('{"type": "session.update"}', "session must be an object with at least one setting"),
        ('{"type": "session.update", "session": []}', "session must be an object with at least one setting"),
        ('{"type": "get_conversation_history"}', "callId is missing"),
        ('{"type": "get_conversation_history", "callId": 7}', "callId must be text"),
    ],
)
def test_a_bad_request_is_answered_with_what_is_wrong(host: StandInHost, text: str, message: str) -> None:
    reply = asyncio.run(answer(host, text))
    assert reply["type"] == "error"
    assert reply["message"].startswith(message)


@pytest.mark.parametrize("kind", ["session.update", "get_call_configuration", "get_conversation_history"])
def test_an_unknown_call_is_named(host: StandInHost, kind: str) -> None:
    assert ask(host, type=kind, callId="gone", session={"voice": "ash"}) == {
        "type": "error",
        "message": "there is no call 'gone'",
        "callId": "gone",
    }
    assert host.changes == []

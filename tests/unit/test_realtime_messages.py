"""Every message that the host sends, held against the openai package."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from offhook.realtime import messages
from openai_types import validate_client


@pytest.mark.parametrize("size", [0, 1, 2, 3, 160, 960, 100_000])
def test_an_append_built_by_hand_is_what_json_would_write(size: int) -> None:
    audio = bytes(index % 251 for index in range(size))
    message = json.loads(messages.append_payload(audio))
    validate_client(message)
    assert message["type"] == "input_audio_buffer.append"
    assert base64.b64decode(message["audio"], validate=True) == audio


@pytest.mark.parametrize(
    "message",
    [
        messages.commit(),
        messages.text_item("Hello", "user"),
        messages.text_item("Be brief", "system"),
        messages.text_item("1234", "user", "item_7"),
        messages.function_call_output("call_1", "42"),
        messages.create_response(),
        messages.cancel_response(),
        messages.cancel_response("resp_1"),
        messages.truncate("item_1", 480),
        messages.delete("item_1"),
    ],
    ids=lambda message: str(message["type"]),
)
def test_the_api_knows_every_message(message: dict[str, Any]) -> None:
    messages.Sent().stamp(message)
    assert message["event_id"]
    validate_client(message)


def test_an_error_is_traced_to_the_message_at_fault() -> None:
    sent = messages.Sent()
    first, second = messages.commit(), messages.truncate("item_1", 1)
    sent.stamp(first)
    sent.stamp(second)
    assert first["event_id"] != second["event_id"]
    assert sent.culprit({"error": {"event_id": first["event_id"]}}) == "input_audio_buffer.commit"
    assert sent.culprit({"error": {"event_id": second["event_id"]}}) == "conversation.item.truncate"
    unknown: list[dict[str, Any]] = [{"error": {"event_id": None}}, {"error": {}}, {"error": None}, {}]
    assert {sent.culprit(message) for message in unknown} == {""}


def test_only_the_newest_messages_are_remembered() -> None:
    sent = messages.Sent()
    first = messages.commit()
    sent.stamp(first)
    for _ in range(messages.REMEMBERED):
        sent.stamp(messages.commit())
    assert sent.culprit({"error": {"event_id": first["event_id"]}}) == ""

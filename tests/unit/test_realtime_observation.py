"""What a watcher of the Realtime messages may see."""

from __future__ import annotations

import base64
import copy
from typing import Any

from offhook.realtime.messages import text_item
from offhook.realtime.observation import Observer


def watched() -> tuple[Observer, list[tuple[str, dict[str, Any]]]]:
    seen: list[tuple[str, dict[str, Any]]] = []
    return Observer(lambda direction, message: seen.append((direction, message))), seen


def test_audio_is_replaced_by_its_length_in_bytes() -> None:
    observer, seen = watched()
    observer.appended(160)
    for size in (158, 159, 160):
        audio = base64.b64encode(bytes(size)).decode()
        observer.received({"type": "response.output_audio.delta", "item_id": "i1", "delta": audio})
        content = [{"type": "input_audio", "audio": audio, "transcript": "Hello"}]
        observer.received({"type": "conversation.item.retrieved", "item": {"id": "i1", "content": content}})
    assert seen[0] == ("out", {"type": "input_audio_buffer.append", "audio": 160})
    assert [message["delta"] for _, message in seen if "delta" in message] == [158, 159, 160]
    parts = [message["item"]["content"][0] for _, message in seen if "item" in message]
    assert [part["audio"] for part in parts] == [158, 159, 160]
    assert parts[0]["transcript"] == "Hello"


def test_a_session_keeps_its_audio_settings_and_loses_its_secrets() -> None:
    observer, seen = watched()
    tool = {"type": "mcp", "server_label": "crm", "authorization": "hush", "headers": {"X-Key": "hush"}}
    audio = {"input": {"format": {"type": "audio/pcmu"}}}
    message = {"type": "session.update", "session": {"audio": audio, "tools": [tool]}}
    before = copy.deepcopy(message)
    observer.sent(message)
    assert message == before
    [(_, shown)] = seen
    assert shown["session"]["audio"] == audio
    assert shown["session"]["tools"][0]["server_label"] == "crm"
    assert "hush" not in str(shown)


def test_a_sensitive_item_is_masked_both_ways_and_another_is_not() -> None:
    observer, seen = watched()
    secret, other = text_item("1234", "user", observer.sensitive_item()), text_item("Hello", "user", "i1")
    observer.sent(secret)
    observer.sent(other)
    observer.received({"type": "conversation.item.added", "item": secret["item"]})
    assert secret["item"]["content"][0]["text"] == "1234"
    assert [message["item"]["content"][0]["text"] for _, message in seen] == ["***", "Hello", "***"]
    assert observer.sensitive_item() != secret["item"]["id"]

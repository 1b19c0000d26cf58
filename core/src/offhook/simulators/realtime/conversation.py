"""The conversation: its items in order, and what a client may do to them."""

from __future__ import annotations

import copy
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from offhook.media.formats import PCM24, AudioFormat
from offhook.simulators.realtime import checks as c
from offhook.simulators.realtime.errors import Json, RequestError, invalid_value, missing, wrong_type

_CONTENT_TYPES = {
    "system": ("input_text",),
    "user": ("input_text", "input_audio", "input_image"),
    "assistant": ("output_text", "output_audio"),
}
_OTHER_ITEMS = (
    "function_call",
    "function_call_output",
    "mcp_approval_response",
    "mcp_list_tools",
    "mcp_call",
    "mcp_approval_request",
)


@dataclass(slots=True, eq=False)
class Item:
    """One item. `body` is its JSON without audio; `audio` is in the wire's format `audio_format`."""

    body: Json
    audio: bytearray
    audio_format: AudioFormat = PCM24
    heard_ms: int | None = None
    """What the client said was heard of it (`conversation.item.truncate`); None: nothing said."""

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def type(self) -> str:
        return str(self.body["type"])

    @property
    def role(self) -> str:
        """`user`, `assistant` or `system`; empty for an item that is no message."""
        return str(self.body.get("role", ""))

    @property
    def audio_ms(self) -> float:
        return len(self.audio) / self.audio_format.bytes_per_ms

    @property
    def text(self) -> str:
        """The words of a message, written or spoken."""
        parts = self.body.get("content", [])
        return " ".join(str(part.get("text") or part.get("transcript") or "") for part in parts).strip()


class Conversation:
    """The items of one session, in order."""

    def __init__(self) -> None:
        self.items: list[Item] = []

    def __contains__(self, item: object) -> bool:
        return item in self.items

    @property
    def last_id(self) -> str | None:
        return self.items[-1].id if self.items else None

    def find(self, item_id: str) -> Item | None:
        """The item of this id, or None."""
        return next((item for item in reversed(self.items) if item.id == item_id), None)

    def previous_id(self, item: Item) -> str | None:
        """The id of the item before this one; None for the first."""
        index = self.items.index(item)
        return self.items[index - 1].id if index else None

    def append(self, item: Item) -> None:
        """Add at the end."""
        self.items.append(item)

    def insert(self, item: Item, previous_item_id: str | None) -> None:
        """Add after another item: None is the end, `root` the beginning. Raises `RequestError`."""
        if self.find(item.id) is not None:
            raise RequestError(
                "item_create_duplicate_id",
                f"Error adding item: an item with id '{item.id}' exists.",
                "item.id",
            )
        if item.type == "function_call_output" and self._call(item.body["call_id"]) is None:
            raise RequestError(
                "invalid_tool_call_id",
                f"Tool call ID '{item.body['call_id']}' not found in conversation.",
                "item.call_id",
            )
        if previous_item_id is None:
            self.items.append(item)
        elif previous_item_id == "root":
            self.items.insert(0, item)
        else:
            previous = self._existing(previous_item_id, "create", "previous_item_id")
            self.items.insert(self.items.index(previous) + 1, item)

    def delete(self, item_id: str) -> None:
        """Remove an item. Raises `RequestError`."""
        self.items.remove(self._existing(item_id, "delete"))

    def retrieve(self, item_id: str) -> Json:
        """The item with its audio in base64. Raises `RequestError`."""
        item = self._existing(item_id, "retrieve")
        body = copy.deepcopy(item.body)
        for part in body.get("content", []):
            if part["type"] in ("input_audio", "output_audio"):
                part["audio"] = b64encode(item.audio).decode()
        return body

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int, *, uncounted_ms: int = 0) -> Item:
        """Keep only what was heard of an answer, and drop its transcript. Raises `RequestError`.

        uncounted_ms: so much of the audio at the end is not counted (`Quirks`).
        Without its transcript the model cannot refer to what the caller did not hear (API event
        `conversation.item.truncate`).
        """
        item = self._existing(item_id, "truncate")
        if item.role != "assistant" or not item.audio:
            raise RequestError(
                "unsupported_content_type", "Only model output audio messages can be truncated", None
            )
        if content_index != 0:
            raise RequestError("invalid_value", "Content index out of range", "content_index")
        counted_ms = max(0, int(item.audio_ms) - uncounted_ms)
        if audio_end_ms > counted_ms:
            raise RequestError(
                "invalid_value",
                f"Audio content of {counted_ms}ms is already shorter than {audio_end_ms}ms",
                None,
            )
        del item.audio[audio_end_ms * item.audio_format.bytes_per_ms :]
        item.heard_ms = audio_end_ms
        for part in item.body["content"]:
            part.pop("transcript", None)
        return item

    def tool_name(self, call_id: str) -> str:
        """The name of the function that was called by this id; empty if there is none."""
        call = self._call(call_id)
        return str(call.body["name"]) if call else ""

    def _call(self, call_id: str) -> Item | None:
        calls = (item for item in self.items if item.type == "function_call")
        return next((item for item in calls if item.body["call_id"] == call_id), None)

    def _existing(self, item_id: str, verb: str, param: str = "item_id") -> Item:
        item = self.find(item_id)
        if item is None:
            doing = {"create": "inserting", "delete": "deleting", "retrieve": "retrieving"}.get(
                verb, "truncating"
            )
            raise RequestError(
                f"item_{verb}_invalid_item_id",
                f"Error {doing} item: the item with id '{item_id}' does not exist.",
                param,
            )
        return item


def client_item(value: Any, new_id: str) -> Item:
    """The item of a `conversation.item.create`, checked. new_id: for one that brings none."""
    if not isinstance(value, dict):
        raise missing("item") if value is None else wrong_type(value, "item", "an object")
    if "type" not in value:
        raise missing("item.type")
    kind = c.one_of("message", *_OTHER_ITEMS)(value["type"], "item.type", None)
    body: Json = {"id": value.get("id") or new_id, "object": "realtime.item", "status": "completed", **value}
    if kind == "message":
        body["content"] = [_part(part, value, index) for index, part in enumerate(_content(value))]
    for name in {"function_call_output": ("call_id", "output"), "function_call": ("name", "arguments")}.get(
        kind, ()
    ):
        if name not in value:
            raise missing(f"item.{name}")
        if not isinstance(value[name], str):
            raise wrong_type(value[name], f"item.{name}", "a string")
    if kind == "function_call":
        body.setdefault("call_id", new_id.replace("item_", "call_"))
    return Item(body, bytearray())


def _content(value: Json) -> list[Any]:
    for name in ("role", "content"):
        if name not in value:
            raise missing(f"item.{name}")
    c.one_of(*_CONTENT_TYPES)(value["role"], "item.role", None)
    if not isinstance(value["content"], list):
        raise wrong_type(value["content"], "item.content", "an array")
    return value["content"]


def _part(part: Any, item: Json, index: int) -> Json:
    param = f"item.content[{index}]"
    if not isinstance(part, dict):
        raise wrong_type(part, param, "an object")
    if part.get("type") not in _CONTENT_TYPES[item["role"]]:
        raise invalid_value(part.get("type"), f"{param}.type", _CONTENT_TYPES[item["role"]])
    if part["type"].endswith("_text") and not isinstance(part.get("text"), str):
        raise missing(f"{param}.text")
    return {name: value for name, value in part.items() if name != "audio"}

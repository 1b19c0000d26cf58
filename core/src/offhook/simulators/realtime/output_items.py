"""The items of a response, each with the events that it consists of, from its first to its last."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Protocol

from offhook.media.formats import PCM24, AudioFormat
from offhook.simulators.realtime.conversation import Item
from offhook.simulators.realtime.errors import Json

if TYPE_CHECKING:
    from offhook.simulators.realtime.response import Response


class OutputItem(Protocol):
    """What a response is made of."""

    item: Item

    def finish(self, status: str) -> None:
        """Send the closing events. status: `completed` or `incomplete`."""
        ...


class SpokenItem:
    """A message of the assistant that is heard: transcript and audio, interleaved."""

    def __init__(self, response: Response, audio_format: AudioFormat) -> None:
        body = _message(response, {"type": "output_audio", "transcript": ""})
        self.item = Item(body, bytearray(), audio_format)
        self._response = response
        self._index = response.open(self)
        self._transcript = ""
        self._send("response.content_part.added", part={"type": "audio", "transcript": ""})

    def say(self, text: str) -> None:
        """The next words of the transcript."""
        self._transcript += text
        self.item.body["content"][0]["transcript"] = self._transcript
        self._send("response.output_audio_transcript.delta", delta=text)

    def sound(self, audio: bytes) -> None:
        """The next audio, in the session's output format."""
        self.item.audio += audio
        self._send("response.output_audio.delta", delta=b64encode(audio).decode())

    def finish(self, status: str) -> None:
        """Send the closing events."""
        self._send("response.output_audio.done")
        self._send("response.output_audio_transcript.done", transcript=self._transcript)
        self._send("response.content_part.done", part={"type": "audio", "transcript": self._transcript})
        self._response.close(self, self._index, status)

    def _send(self, event: str, **fields: object) -> None:
        self._response.send_part(event, self.item.id, self._index, content_index=0, **fields)


class WrittenItem:
    """A message of the assistant that is read."""

    def __init__(self, response: Response) -> None:
        self.item = Item(_message(response, {"type": "output_text", "text": ""}), bytearray(), PCM24)
        self._response = response
        self._index = response.open(self)
        self._text = ""
        self._send("response.content_part.added", part={"type": "text", "text": ""})

    def write(self, text: str) -> None:
        """The next words."""
        self._text += text
        self.item.body["content"][0]["text"] = self._text
        self._send("response.output_text.delta", delta=text)

    def finish(self, status: str) -> None:
        """Send the closing events."""
        self._send("response.output_text.done", text=self._text)
        self._send("response.content_part.done", part={"type": "text", "text": self._text})
        self._response.close(self, self._index, status)

    def _send(self, event: str, **fields: object) -> None:
        self._response.send_part(event, self.item.id, self._index, content_index=0, **fields)


class FunctionCallItem:
    """A function call; its arguments come as text in pieces."""

    def __init__(self, response: Response, name: str) -> None:
        self.call_id = response.session.new_id("call")
        body: Json = {
            "id": response.session.new_id("item"),
            "object": "realtime.item",
            "type": "function_call",
            "status": "in_progress",
            "name": name,
            "call_id": self.call_id,
            "arguments": "",
        }
        self.item = Item(body, bytearray(), PCM24)
        self._response = response
        self._index = response.open(self)

    def argue(self, arguments: str) -> None:
        """The next piece of the arguments' JSON."""
        self.item.body["arguments"] += arguments
        self._send("response.function_call_arguments.delta", delta=arguments)

    def finish(self, status: str) -> None:
        """Send the closing events."""
        body = self.item.body
        self._send("response.function_call_arguments.done", name=body["name"], arguments=body["arguments"])
        self._response.close(self, self._index, status)

    def _send(self, event: str, **fields: object) -> None:
        self._response.send_part(event, self.item.id, self._index, call_id=self.call_id, **fields)


def _message(response: Response, part: Json) -> Json:
    return {
        "id": response.session.new_id("item"),
        "object": "realtime.item",
        "type": "message",
        "status": "in_progress",
        "role": "assistant",
        "content": [part],
    }

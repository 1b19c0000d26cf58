"""One response of the model, from `response.created` to `response.done`."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import logging
import re
from typing import TYPE_CHECKING

from offhook.simulators.realtime.configuration import check_tool_choice, output_format
from offhook.simulators.realtime.dialogue import CallTool, Reply, Say, ToolOutput, Turn, asked_to_say
from offhook.simulators.realtime.errors import Json
from offhook.simulators.realtime.output_items import FunctionCallItem, OutputItem, SpokenItem, WrittenItem
from offhook.simulators.realtime.transcription import Transcription

if TYPE_CHECKING:
    from offhook.simulators.realtime.session import Session

log = logging.getLogger("offhook.simulators.realtime")

CHUNK_MS = 200
"""How much audio one `response.output_audio.delta` carries."""
_AUDIO_TOKENS_PER_SECOND = 20


class _TokensUsedUp(Exception):
    """`max_output_tokens` is reached."""


class Response:
    """Begun by the constructor, which is when the client hears of it; `cancel` ends it at any moment.

    request: the checked `response` object of a `response.create`, empty for one by turn detection. heard: the
    caller's last turn, whose words are waited for.
    """

    def __init__(
        self, session: Session, request: Json, heard: Transcription | None, *, idle: bool = False
    ) -> None:
        configuration = session.configuration
        in_force = {**configuration, **request}
        tools = in_force["tools"]
        self._choice = in_force["tool_choice"]
        check_tool_choice(self._choice, tools, "response.tool_choice")
        self.session = session
        self.id = session.new_id("resp")
        self.in_conversation = request.get("conversation", "auto") == "auto"
        self.audio_ms = 0.0
        self._request = request
        self._heard = heard
        self._idle = idle
        self._tools = frozenset(str(tool["name"]) for tool in tools if tool["type"] == "function")
        self._modalities = in_force["output_modalities"]
        self._limit = in_force["max_output_tokens"]
        self._output: list[OutputItem] = []
        self._open: OutputItem | None = None
        self._text_tokens = 0
        output = {**configuration["audio"]["output"], **request.get("audio", {}).get("output", {})}
        self._audio: Json = {"output": {"format": output["format"], "voice": output["voice"]}}
        self._format = output_format({"audio": self._audio})
        self._speed = output["speed"]
        session.send("response.created", response=self._body("in_progress"))
        session.send("rate_limits.updated", rate_limits=_RATE_LIMITS)
        self._task = session.start(self._run())

    async def _run(self) -> None:
        """Produce the response's items and end it."""
        try:
            for part in await self._reply():
                match part:
                    case Say(text) if "audio" in self._modalities:
                        await self._speak(text)
                    case Say(text):
                        await self._write(text)
                    case CallTool(name, arguments) if name in self._tools:
                        await self._call(name, json.dumps(dict(arguments)))
                    case CallTool(name):
                        log.info("the session offers no tool %r, so it is not called", name)
        except _TokensUsedUp:
            self._end("incomplete", {"type": "incomplete", "reason": "max_output_tokens"})
        except Exception as error:
            log.exception("a response failed")
            failure = {
                "type": "server_error",
                "code": "server_error",
                "message": f"The response failed: {error}",
            }
            self._end("failed", {"type": "failed", "error": failure})
        else:
            self._end("completed", {"type": "completed"})

    def cancel(self, reason: str) -> None:
        """End it now. reason: `turn_detected` or `client_cancelled`. Nothing is sent for it afterwards."""
        self._task.cancel()
        self._end("cancelled", {"type": "cancelled", "reason": reason})

    def open(self, output: OutputItem) -> int:
        """An item begins; returns its output index."""
        self._open = output
        self._output.append(output)
        index = len(self._output) - 1
        self.session.send(
            "response.output_item.added",
            response_id=self.id,
            output_index=index,
            item=copy.deepcopy(output.item.body),
        )
        if self.in_conversation:
            self.session.conversation.append(output.item)
            self.session.send_item("conversation.item.added", output.item)
        return index

    def close(self, output: OutputItem, index: int, status: str) -> None:
        """An item ends, with status `completed` or `incomplete`."""
        self._open = None
        output.item.body["status"] = status
        if self.in_conversation and output.item in self.session.conversation:
            self.session.send_item("conversation.item.done", output.item)
        self.session.send(
            "response.output_item.done",
            response_id=self.id,
            output_index=index,
            item=copy.deepcopy(output.item.body),
        )

    def send_part(self, event: str, item_id: str, index: int, **fields: object) -> None:
        """Send an event of one item."""
        self.session.send(event, response_id=self.id, item_id=item_id, output_index=index, **fields)

    async def _reply(self) -> Reply:
        heard = await self._words()
        if self.session.answer_delay_seconds:
            await asyncio.sleep(self.session.answer_delay_seconds)
        if isinstance(self._choice, dict):
            return [CallTool(str(self._choice.get("name", "")))]
        if words := asked_to_say(self._request.get("instructions", "")):
            return [Say(words)]  # whatever the dialogue is about
        outputs = self._tool_outputs()
        turn = Turn(
            heard=heard,
            outputs=outputs,
            instructions=self.session.configuration["instructions"],
            asked=self._request.get("instructions", ""),
            tools=frozenset() if self._choice == "none" else self._tools,
            idle=self._idle,
        )
        reply = self.session.dialogue.reply(turn)
        preamble = self.session.quirks.preamble
        if preamble and heard and not outputs and any(isinstance(part, Say) for part in reply):
            return [Say(preamble), *reply]
        return reply

    async def _words(self) -> str | None:
        """The caller's last words, spoken or written; None if there are none."""
        # Shielded: the transcript is also the client's, whatever becomes of this response.
        spoken = await asyncio.shield(self._heard.text) if self._heard else None
        if "input" in self._request:
            texts = [
                str(part["text"])
                for item in self._request["input"]
                for part in item.get("content", [])
                if isinstance(part, dict) and part.get("text")
            ]
            return " ".join(texts) or None
        for item in reversed(self.session.conversation.items):
            if item.role == "user":
                if self._heard is not None and item.id == self._heard.item_id:
                    return spoken
                return item.text
        return None

    def _tool_outputs(self) -> tuple[ToolOutput, ...]:
        conversation = self.session.conversation
        outputs: list[ToolOutput] = []
        for item in reversed(conversation.items):
            if item.type != "function_call_output":
                break
            outputs.append(ToolOutput(conversation.tool_name(item.body["call_id"]), item.body["output"]))
        return tuple(reversed(outputs))

    async def _speak(self, text: str) -> None:
        log.info("says: %s", text)
        spoken = SpokenItem(self, self._format)
        async with contextlib.aclosing(self.session.engines.speak(text, self._format, self._speed)) as parts:
            async for part, audio in parts:
                await self._utter(spoken, part, audio)
        spoken.finish("completed")

    async def _utter(self, spoken: SpokenItem, text: str, audio: bytes) -> None:
        """Send words and their audio side by side, a chunk at a time."""
        size = CHUNK_MS * self._format.bytes_per_ms
        chunks = [audio[start : start + size] for start in range(0, len(audio), size)] or [b""]
        words = _words(text)
        said = 0
        for number, chunk in enumerate(chunks, 1):
            until = -(-len(words) * number // len(chunks))
            if until > said:
                self._count_text(words[said:until])
                spoken.say("".join(words[said:until]))
                said = until
            if chunk:
                spoken.sound(chunk)
                self.audio_ms += len(chunk) / self._format.bytes_per_ms
            await self._pace(len(chunk) / self._format.bytes_per_ms)

    async def _write(self, text: str) -> None:
        log.info("writes: %s", text)
        written = WrittenItem(self)
        for word in _words(text):
            self._count_text([word])
            written.write(word)
            await self._pace(0)
        written.finish("completed")

    async def _call(self, name: str, arguments: str) -> None:
        log.info("calls: %s %s", name, arguments)
        call = FunctionCallItem(self, name)
        for start in range(0, len(arguments), 16):
            call.argue(arguments[start : start + 16])
            await self._pace(0)
        call.finish("completed")

    async def _pace(self, audio_ms: float) -> None:
        if self._limit != "inf" and self._tokens() > self._limit:
            raise _TokensUsedUp
        await self.session.room_to_send()
        pace = self.session.audio_pace
        await asyncio.sleep(audio_ms / 1000 / pace if pace else 0)

    def _count_text(self, words: list[str]) -> None:
        self._text_tokens += sum(1 + len(word) // 6 for word in words)

    def _tokens(self) -> int:
        return self._text_tokens + int(self.audio_ms * _AUDIO_TOKENS_PER_SECOND / 1000)

    def _end(self, status: str, details: Json) -> None:
        if self._open is not None:
            self._open.finish("incomplete")
        self.session.send("response.done", response=self._body(status, details))
        self.session.response_ended(self)

    def _body(self, status: str, details: Json | None = None) -> Json:
        return {
            "object": "realtime.response",
            "id": self.id,
            "conversation_id": self.session.conversation_id if self.in_conversation else None,
            "status": status,
            "status_details": None if details == {"type": "completed"} else details,
            "output": [copy.deepcopy(output.item.body) for output in self._output],
            "output_modalities": list(self._modalities),
            "max_output_tokens": self._limit,
            "audio": copy.deepcopy(self._audio),
            "metadata": self._request.get("metadata"),
            "usage": None if details is None else self._usage(),
        }

    def _usage(self) -> Json:
        audio = int(self.audio_ms * _AUDIO_TOKENS_PER_SECOND / 1000)
        items = self.session.conversation.items
        heard = sum(int(item.audio_ms // 100) for item in items if item.role == "user")
        read = len(self.session.configuration["instructions"]) // 4
        return {
            "total_tokens": heard + read + audio + self._text_tokens,
            "input_tokens": heard + read,
            "output_tokens": audio + self._text_tokens,
            "input_token_details": {"text_tokens": read, "audio_tokens": heard, "cached_tokens": 0},
            "output_token_details": {"text_tokens": self._text_tokens, "audio_tokens": audio},
        }


def _words(text: str) -> list[str]:
    """The words with the white space around them: joined, they are the text."""
    return re.findall(r"\s*\S+\s*$|\s*\S+", text)


_RATE_LIMITS: list[Json] = [
    {"name": "requests", "limit": 1000, "remaining": 999, "reset_seconds": 0.06},
    {"name": "tokens", "limit": 50_000, "remaining": 49_950, "reset_seconds": 0.06},
]

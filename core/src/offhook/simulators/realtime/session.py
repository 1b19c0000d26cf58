"""One session: its messages in and out, its conversation, and the response that is under way."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from offhook.simulators.realtime import configuration as conf
from offhook.simulators.realtime.conversation import Conversation, Item, client_item
from offhook.simulators.realtime.dialogue import Dialogue
from offhook.simulators.realtime.engines import Engines
from offhook.simulators.realtime.errors import Json, RequestError, invalid_value, missing, wrong_type
from offhook.simulators.realtime.listening import Listening
from offhook.simulators.realtime.response import Response

if TYPE_CHECKING:
    from offhook.simulators.realtime.server import Options

log = logging.getLogger("offhook.simulators.realtime")

_FULL_BYTES = 2_000_000
"""A response waits while so much is still to be sent to a slow client."""


@dataclass(frozen=True, slots=True)
class Message:
    """One logged message. In the place of audio stands its length in base64 characters."""

    at_seconds: float
    """Since the session began."""
    from_server: bool
    body: Json


class Session:
    """The server's side of one connection."""

    def __init__(
        self, connection: ServerConnection, options: Options, engines: Engines, dialogue: Dialogue, model: str
    ) -> None:
        self.engines = engines
        self.dialogue = copy.copy(dialogue)
        self.conversation = Conversation()
        self.conversation_id = self.new_id("conv")
        self.id = self.new_id("sess")
        self.messages: deque[Message] = deque(maxlen=options.log_messages)
        """All messages of both sides but the client's audio, of which there are too many."""
        self.heard_truncations: list[tuple[str, int]] = []
        """Each accepted truncate: the item's id and the milliseconds of it that were heard."""
        self.closed = asyncio.Event()
        self.received_limit_bytes = options.received_limit_bytes
        self.answer_delay_seconds = options.answer_delay_seconds
        self.audio_pace = options.audio_pace
        self.quirks = options.quirks
        expires_at = int(time.time() + options.session_age_limit_seconds)
        self.configuration = (
            conf.conversation_session(self.id, model, expires_at)
            if model
            else conf.transcription_session(self.id, expires_at)
        )
        self.listening = Listening(self)
        self._age_limit_seconds = options.session_age_limit_seconds
        self._connection = connection
        self._began = time.monotonic()
        self._outgoing: asyncio.Queue[tuple[str, int, str]] = asyncio.Queue()
        self._waiting_bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._response: Response | None = None
        """The one of the conversation, if it is under way."""
        self._responses: dict[str, Response] = {}
        """All that are under way, by id."""
        self._updates = 0
        self._handlers: dict[str, Callable[[Json], None]] = {
            "input_audio_buffer.append": self.listening.append,
            "input_audio_buffer.commit": lambda message: self.listening.commit(),
            "input_audio_buffer.clear": lambda message: self.listening.clear(),
            "session.update": self._update,
            "conversation.item.create": self._create_item,
            "conversation.item.delete": self._delete_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.truncate": self._truncate_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
        }

    # What tests look at

    @property
    def received(self) -> bytes:
        """All audio that was appended, in order and in the wire's format (up to `received_limit_bytes`)."""
        return bytes(self.listening.received)

    @property
    def items(self) -> list[Json]:
        """The conversation's items as JSON, in order, without audio."""
        return [copy.deepcopy(item.body) for item in self.conversation.items]

    @property
    def sent(self) -> list[Json]:
        """The server's logged messages, without audio."""
        return [message.body for message in self.messages if message.from_server]

    # The connection

    async def run(self) -> None:
        """Serve the connection until it closes."""
        loop = asyncio.get_running_loop()
        expiry = loop.call_later(self._age_limit_seconds, self._expire)
        writer = loop.create_task(self._write())
        self.listening.configure()
        self.send("session.created", session=copy.deepcopy(self.configuration))
        try:
            async for text in self._connection:
                self._take(text)
        except ConnectionClosed:
            pass
        finally:
            expiry.cancel()
            await self._stop_tasks(writer)
            self.closed.set()

    def refuse(self, error: RequestError) -> None:
        """Send an error that is no answer to an event, and hang up."""
        self.send("error", error=error.error(None))
        self._hang_up(error.close_code, error.message)

    def send(self, event: str, **fields: object) -> None:
        """Queue one event for the client. Events arrive in the order of these calls."""
        body: Json = {"type": event, "event_id": self.new_id("event"), **fields}
        text = json.dumps(body)
        self._record(True, body)
        self._waiting_bytes += len(text)
        if self._waiting_bytes > _FULL_BYTES:
            self._room.clear()
        self._outgoing.put_nowait((text, 0, ""))

    def send_item(self, event: str, item: Item) -> None:
        """Queue a `conversation.item.…` event about an item of the conversation."""
        self.send(event, previous_item_id=self.conversation.previous_id(item), item=copy.deepcopy(item.body))

    def announce(self, item: Item) -> None:
        """The client's part of the conversation has a new, complete item."""
        self.send_item("conversation.item.added", item)
        self.send_item("conversation.item.done", item)

    async def room_to_send(self) -> None:
        """Wait while the client is behind by megabytes."""
        await self._room.wait()

    def new_id(self, kind: str) -> str:
        """A new id: `item_…`, `resp_…`."""
        return f"{kind}_{token_hex(8)}"

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something as a task that ends with the session."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def drop(self, code: int = 1011, reason: str = "") -> None:
        """Close the connection from the server's side, as when the service fails."""
        self._hang_up(code, reason)
        await self.closed.wait()

    # Responses

    def respond(self, request: Json, *, automatic: bool = False, idle: bool = False) -> None:
        """Begin a response. Raises `RequestError`; an automatic one sends the error itself."""
        response = self._response
        if response is not None and request.get("conversation", "auto") == "auto":
            error = RequestError(
                "conversation_already_has_active_response",
                f"Conversation already has an active response in progress: {response.id}. "
                "Wait until the response is finished before creating a new one.",
            )
            if not automatic:
                raise error
            self.send("error", error=error.error(None))
            return
        response = Response(self, request, self.listening.heard, idle=idle)
        self._responses[response.id] = response
        if response.in_conversation:
            self.listening.answering()
            self._response = response

    def interrupt(self, reason: str) -> None:
        """Cancel the conversation's response, if one is under way."""
        if self._response is not None:
            self._response.cancel(reason)

    def response_ended(self, response: Response) -> None:
        """The response has sent its last event."""
        del self._responses[response.id]
        if response is self._response:
            self._response = None
            self.listening.answered(response.audio_ms)

    # The client's messages

    def _take(self, text: str | bytes) -> None:
        event_id: str | None = None
        try:
            message = _parse(text)
            given = message.get("event_id")
            event_id = given if isinstance(given, str) else None
            kind = message.get("type")
            if kind != "input_audio_buffer.append":
                self._record(False, message)
            if kind is None:
                raise missing("type")
            handler = self._handlers.get(kind) if isinstance(kind, str) else None
            if handler is None:
                raise invalid_value(kind, "type", tuple(self._handlers))
            if kind.startswith("response.") and self.configuration["type"] == "transcription":
                raise RequestError(
                    "invalid_event", f"'{kind}' is not allowed in a transcription session.", "type"
                )
            handler(message)
        except RequestError as error:
            log.info("refused: %s", error.message, extra={"session_id": self.id})
            self.send("error", error=error.error(event_id))
            if error.close_code:
                self._hang_up(error.close_code, error.message)
        except Exception as error:
            log.exception("a message could not be handled", extra={"session_id": self.id})
            failure = RequestError("server_error", f"The server had an error: {error!r}", kind="server_error")
            self.send("error", error=failure.error(event_id))

    def _update(self, message: Json) -> None:
        has_spoken = any(item.role == "assistant" and item.audio for item in self.conversation.items)
        self.configuration = conf.updated(self.configuration, message.get("session"), has_spoken=has_spoken)
        self._updates += 1
        if self._updates <= self.quirks.other_formats:
            self.configuration = conf.with_24_khz(self.configuration)
        self.listening.configure()
        self.send("session.updated", session=copy.deepcopy(self.configuration))

    def _create_item(self, message: Json) -> None:
        item = client_item(message.get("item"), self.new_id("item"))
        self.conversation.insert(item, message.get("previous_item_id"))
        self.announce(item)

    def _delete_item(self, message: Json) -> None:
        item_id = _text(message, "item_id")
        self.conversation.delete(item_id)
        self.send("conversation.item.deleted", item_id=item_id)

    def _retrieve_item(self, message: Json) -> None:
        item = self.conversation.retrieve(_text(message, "item_id"))
        self.send("conversation.item.retrieved", item=item)

    def _truncate_item(self, message: Json) -> None:
        item_id = _text(message, "item_id")
        numbers = [_count(message, name) for name in ("content_index", "audio_end_ms")]
        self.conversation.truncate(item_id, *numbers, uncounted_ms=self.quirks.uncounted_ms)
        self.heard_truncations.append((item_id, numbers[1]))
        self.send(
            "conversation.item.truncated", item_id=item_id, content_index=numbers[0], audio_end_ms=numbers[1]
        )

    def _create_response(self, message: Json) -> None:
        self.respond(conf.response_request(message.get("response")))

    def _cancel_response(self, message: Json) -> None:
        wanted = message.get("response_id")
        response = self._response if wanted is None else self._responses.get(wanted)
        if response is None:
            raise RequestError("response_cancel_not_active", "Cancellation failed: no active response found")
        if self.quirks.cancel_delay_seconds:
            self.start(self._cancel_later(response))
        else:
            response.cancel("client_cancelled")

    async def _cancel_later(self, response: Response) -> None:
        await asyncio.sleep(self.quirks.cancel_delay_seconds)
        if response is self._response:
            response.cancel("client_cancelled")

    # The way out

    def _expire(self) -> None:
        seconds = self._age_limit_seconds
        age = f"{seconds / 60:g} minutes" if seconds >= 60 else f"{seconds:g} seconds"
        message = f"Your session hit the maximum duration of {age}."
        self.refuse(RequestError("session_expired", message, close_code=1001))

    def _hang_up(self, code: int, reason: str) -> None:
        # A close frame's reason has at most 123 bytes (RFC 6455 §5.5).
        self._outgoing.put_nowait(("", code, reason.encode()[:123].decode(errors="ignore")))

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                text, code, reason = await self._outgoing.get()
                if code:
                    await self._connection.close(code, reason)
                    return
                await self._connection.send(text)
                self._waiting_bytes -= len(text)
                if self._waiting_bytes <= _FULL_BYTES:
                    self._room.set()

    async def _stop_tasks(self, writer: asyncio.Task[None]) -> None:
        tasks = [*self._tasks, writer]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _record(self, from_server: bool, body: Json) -> None:
        if self.messages.maxlen:
            self.messages.append(Message(time.monotonic() - self._began, from_server, _without_audio(body)))


def _parse(text: str | bytes) -> Json:
    try:
        message = json.loads(text)
    except ValueError:
        raise RequestError("invalid_json", "Could not parse the event as JSON.") from None
    if not isinstance(message, dict):
        raise wrong_type(message, "event", "an object")
    return message


def _without_audio(body: Json) -> Json:
    if body.get("type") == "response.output_audio.delta":
        return {**body, "delta": _length(body["delta"])}
    item = body.get("item")
    if not isinstance(item, dict) or not isinstance(item.get("content"), list):
        return body
    parts = [
        {**part, "audio": _length(part["audio"])} if isinstance(part, dict) and "audio" in part else part
        for part in item["content"]
    ]
    return {**body, "item": {**item, "content": parts}}


def _length(audio: object) -> str:
    return f"<{len(str(audio))} characters>"


def _text(message: Json, name: str) -> str:
    value = message.get(name)
    if value is None:
        raise missing(name)
    if not isinstance(value, str):
        raise wrong_type(value, name, "a string")
    return value


def _count(message: Json, name: str) -> int:
    value = message.get(name)
    if value is None:
        raise missing(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(value, name, "an integer")
    if value < 0:
        raise RequestError(
            "integer_below_min_value",
            f"Invalid '{name}': integer below minimum value. Expected a value >= 0, but got {value} instead.",
            name,
        )
    return value

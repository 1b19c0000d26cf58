"""One call's session with the Realtime API: opened as asked or not at all, spoken to by plain calls.

Audio goes straight through, both ways; every other message of the server becomes an event of the call.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from binascii import a2b_base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Literal

from offhook import json_text
from offhook.call import events as ev
from offhook.call.endpointing import endpointing, provider_detects_turns

from . import messages, translator
from .answers import Answers
from .configuration import bytes_per_ms, format_difference, session_object, with_formats_of
from .connection import ConnectError, Connection, connect
from .endpoint import endpoint
from .observation import Observer
from .responses import Responses
from .translator import Translator, error_of, response_id_of

if TYPE_CHECKING:
    from offhook.settings import Settings

log = logging.getLogger("offhook.realtime")

Json = dict[str, Any]

RETRY_SECONDS = 0.25
"""The pause before a refused response is asked for again, where the one in its way has ended."""
RECENT_ERROR_SECONDS = 5.0
"""An error so short before the end is its reason."""


class RealtimeSession:
    """A session with the Realtime API. Open it once; a new connection is a new object.

    Until `StreamOpened` no audio is sent and none is handed on; after `close`, or after `StreamFailed`, no
    callback comes any more and every action is ignored. All callbacks run in the event loop and must not
    block.

    settings: of this call. tools: function definitions for the model. session_hook: gets the `session` object
    that would be sent and returns the one to send; kind and audio formats stay as the settings say. on_event:
    gets what happens. on_answer_audio: gets the model's audio as response id, item id and bytes in the output
    format. on_answer_audio_done: gets the id of an item whose audio is complete. on_message: watches all
    messages both ways, audio replaced by its length in bytes and secrets masked; it costs only where it is
    given. call_id: for the log. tls: certificates to trust other than the system's.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_event: Callable[[ev.Event], None],
        on_answer_audio: Callable[[str, str, bytes], None],
        on_answer_audio_done: Callable[[str], None] = lambda item_id: None,
        tools: Sequence[Json] = (),
        session_hook: Callable[[Json], Awaitable[Json]] | None = None,
        on_message: Callable[[Literal["in", "out"], Json], None] | None = None,
        call_id: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._tools = tools
        self._session_hook = session_hook
        self._on_event = on_event
        self._on_answer_audio = on_answer_audio
        self._on_answer_audio_done = on_answer_audio_done
        self._observer = Observer(on_message) if on_message is not None else None
        self._tls = tls
        self._extra = {"call_id": call_id}

        self._state: Literal["new", "opening", "open", "failed", "closed"] = "new"
        self._connection: Connection | None = None
        self._attempt: asyncio.Task[None] | None = None
        self._configured: asyncio.Future[None] | None = None
        self._translator = Translator(call_id)
        self._responses = Responses()
        self._answers = Answers()

        self._session_id = ""
        self._asked: Json = {}
        """The `session` object as it was sent last."""
        self._asked_again = False
        self._held_update: Settings | None = None
        """An update that has to wait for the end of the response under way."""
        self._sent = messages.Sent()
        self._retry: asyncio.TimerHandle | None = None
        self._last_error = ("", float("-inf"))

    # Opening and closing

    async def open(self) -> None:
        """Connect and configure. Ends with exactly one event, `StreamOpened` or `StreamFailed`.

        Cancelled, or closed meanwhile, it ends without an event and leaves nothing behind.
        """
        if self._state == "closed":
            return
        if self._state != "new":
            raise RuntimeError("a Realtime session is opened once")
        self._state = "opening"
        self._attempt = asyncio.create_task(self._connect())
        try:
            await self._attempt
        except asyncio.CancelledError:
            self._state = "closed"
            if self._connection is not None:
                self._connection.abort()
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Not we were cancelled but the attempt was, by close().

    async def _connect(self) -> None:
        self._configured = asyncio.get_running_loop().create_future()
        seconds = self._settings.openai.connect_timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                target = endpoint(self._settings)
                self._connection = await connect(
                    target,
                    on_message=self._message,
                    on_closed=self._connection_closed,
                    input_bytes_per_ms=bytes_per_ms(self._settings.openai.input_audio_format),
                    tls=self._tls,
                )
                # Not every server greets with session.created, so nothing is waited for.
                await self._configure(self._settings)
                await self._configured
        except TimeoutError:
            what = "configure the session" if self._connection is not None else "answer"
            self._fail(
                f"the provider did not {what} within {seconds:g} s (openAIRealtimeAPI.connectTimeoutSeconds)"
            )
        except (ConnectError, ValueError) as error:
            self._fail(str(error))
        except Exception as error:
            # The hook is a stranger's code.
            log.exception("the Realtime session could not be set up", extra=self._extra)
            self._fail(f"the session could not be set up: {error!r}")

    async def close(self) -> None:
        """Close the connection; takes a second at most, and any number of calls."""
        self._state = "closed"
        if self._retry is not None:
            self._retry.cancel()
        if self._attempt is not None and self._attempt is not asyncio.current_task():
            self._attempt.cancel()
            # Whatever came of it, open() says or has said so.
            await asyncio.wait((self._attempt,))
        if self._connection is not None:
            await self._connection.close()

    def _connection_closed(self, reason: str) -> None:
        error, when = self._last_error
        if error and asyncio.get_running_loop().time() - when <= RECENT_ERROR_SECONDS:
            reason = f"{reason} after an error: {error}"
        self._fail(reason)

    def _fail(self, reason: str) -> None:
        if self._state not in ("opening", "open"):
            return
        self._state = "failed"
        if self._connection is not None:
            self._connection.abort()
        if self._configured is not None and not self._configured.done():
            self._configured.set_result(None)
        log.warning("the Realtime session failed: %s", reason, extra=self._extra)
        self._on_event(ev.StreamFailed(reason))

    # Configuration

    async def _configure(self, settings: Settings) -> None:
        """Send the session's settings as the hook wants them; `session.updated` will be compared with them."""
        session = self._session_of(settings)
        if self._session_hook is not None:
            session = with_formats_of(await self._session_hook(deepcopy(session)), session)
        self._ask_for(session)

    def _session_of(self, settings: Settings) -> Json:
        self._settings = settings
        detects_turns = provider_detects_turns(settings) and endpointing(settings) == "provider"
        return session_object(settings, self._tools, detects_turns)

    def _ask_for(self, session: Json) -> None:
        self._asked = session
        self._asked_again = False
        self._send(messages.session_update(session))

    def update(self, settings: Settings) -> None:
        """Send changed settings of a running session.

        Audio formats and kind of session stay; the voice, once it has been heard, does too (the API refuses
        all of an update that changes it). The pace changes between responses only, so such an update waits.
        """
        if self._state != "open":
            return
        if settings.openai.speed != self._settings.openai.speed and self._responses.under_way:
            self._held_update = settings
        else:
            self._held_update = None
            self._update(settings)

    def _update(self, settings: Settings) -> None:
        old = self._settings.openai
        keep: Json = {name: getattr(old, name) for name in ("input_audio_format", "output_audio_format")}
        if self._answers.any_audio:
            keep["voice"] = old.voice
        changed = settings.model_copy(update={"openai": settings.openai.model_copy(update=keep)})
        if self._session_hook is None:
            self._ask_for(self._session_of(changed))
        else:
            self._updating = asyncio.create_task(self._configure(changed))

    def _session_updated(self, message: Json) -> None:
        given = message.get("session")
        difference = format_difference(self._asked, given if isinstance(given, dict) else {})
        if not difference:
            self._opened()
        elif not self._asked_again:
            log.warning("%s; asking once more", difference, extra=self._extra)
            self._asked_again = True
            self._send(messages.session_update(self._asked))
        else:
            self._fail(difference)

    def _opened(self) -> None:
        if self._state != "opening":
            return
        self._state = "open"
        if self._configured is not None and not self._configured.done():
            self._configured.set_result(None)
        self._on_event(ev.StreamOpened(self._session_id))

    # Actions

    def append(self, frame: bytes) -> None:
        """Send caller audio in the input format, of any length; written to the socket before this returns."""
        if self._state == "open":
            self._connection.append(frame)  # type: ignore[union-attr]
            if self._observer is not None:
                self._observer.appended(len(frame))

    def commit(self) -> None:
        """Make the caller's audio so far an item."""
        self._act(messages.commit())

    def create_response(self, say: str = "") -> None:
        """Ask the model to answer, or to say a given text, as soon as no other response is under way."""
        if self._state == "open" and self._responses.wish(say):
            self._create_response()

    def _create_response(self) -> None:
        self._send(messages.create_response(self._responses.granted))

    def cancel_response(self, response_id: str = "") -> None:
        """Cancel a response, by default the one under way; no more of its audio is handed on."""
        response_id = response_id or self._responses.active
        if response_id:
            self._answers.drop(response_id)
        self._act(messages.cancel_response(response_id))

    def truncate(self, item_id: str, audio_end_ms: int) -> None:
        """Tell the model how much of its item was heard; no more of that answer's audio is handed on."""
        self._answers.drop_answer_of(item_id)
        self._act(messages.truncate(item_id, audio_end_ms))

    def delete_item(self, item_id: str) -> None:
        """Take an item out of the conversation; no more of that answer's audio is handed on."""
        self._answers.drop_answer_of(item_id)
        self._act(messages.delete(item_id))

    def send_text(
        self, text: str, role: Literal["user", "system"] = "user", *, sensitive: bool = False
    ) -> None:
        """Add a message to the conversation; ask for the answer with `create_response`.

        sensitive: neither this message nor the server's echoes of it show their text to `on_message`.
        """
        item_id = self._observer.sensitive_item() if sensitive and self._observer is not None else ""
        self._act(messages.text_item(text, role, item_id))

    def send_tool_output(self, tool_call_id: str, output: str) -> None:
        """Answer a function call; ask for the response with `create_response` once all are answered."""
        self._act(messages.function_call_output(tool_call_id, output))

    def _act(self, message: Json) -> None:
        if self._state == "open":
            self._send(message)

    def _send(self, message: Json) -> None:
        if self._connection is None:
            return
        self._sent.stamp(message)
        self._connection.send(json_text.dumps(message).encode())
        if self._observer is not None:
            self._observer.sent(message)

    # The server's messages

    def _message(self, payload: bytes) -> None:
        try:
            message = json_text.loads(payload)
        except ValueError:
            log.warning("the provider sent what is no JSON: %.80r", payload, extra=self._extra)
            return
        if not isinstance(message, dict):
            return
        if self._observer is not None:
            self._observer.received(message)
        name = message.get("type")
        if name == "response.output_audio.delta":
            self._answer_audio(message)
        elif self._state == "opening":
            self._opening_message(name, message)
        elif self._state == "open":
            self._open_message(name, message)

    def _answer_audio(self, message: Json) -> None:
        try:
            response_id, item_id = message["response_id"], message["item_id"]
            audio = a2b_base64(message["delta"])
        except (KeyError, TypeError, ValueError) as error:
            log.warning("malformed audio from the provider was skipped: %r", error, extra=self._extra)
            return
        if self._state == "open" and audio and self._answers.wanted(response_id, item_id):
            self._on_answer_audio(response_id, item_id, audio)

    def _opening_message(self, name: object, message: Json) -> None:
        if name in ("session.created", "session.updated"):
            session = message.get("session")
            if isinstance(session, Mapping):
                self._session_id = str(session.get("id") or self._session_id)
        if name == "session.updated":
            self._session_updated(message)
        elif name == "error":
            code, text = error_of(message)
            self._fail(f"the provider refused the session: {text}{f' ({code})' if code else ''}")

    def _open_message(self, name: object, message: Json) -> None:
        if name == "session.updated":
            self._session_updated(message)
        elif name == "response.created":
            self._responses.created(response_id_of(message))
        elif name == "error":
            self._note_error(message)
        for event in self._translator.translate(message):
            if self._state != "open":
                return
            self._on_event(event)
        if self._state != "open":
            return
        if name in ("response.output_audio.done", "response.output_item.done"):
            item = message.get("item")
            item_id = item.get("id") if isinstance(item, dict) else message.get("item_id")
            if isinstance(item_id, str) and self._answers.item_done(item_id):
                self._on_answer_audio_done(item_id)
        elif name == "response.done":
            self._response_done(response_id_of(message))

    def _response_done(self, response_id: str) -> None:
        for item_id in self._answers.response_done(response_id):
            self._on_answer_audio_done(item_id)
        again = self._responses.done(response_id)
        if self._held_update is not None and not self._responses.active:
            settings, self._held_update = self._held_update, None
            self._update(settings)
        if again:
            self._create_response()

    def _note_error(self, message: Json) -> None:
        code, text = error_of(message)
        culprit = self._sent.culprit(message)
        already_active = code == "conversation_already_has_active_response"
        if culprit == "response.create" or already_active:
            if self._responses.refused(already_active=already_active):
                self._create_response()
            elif already_active and not self._responses.active:
                self._retry = asyncio.get_running_loop().call_later(RETRY_SECONDS, self._retry_response)
        harmless = code in translator.HARMLESS_ERRORS or culprit in translator.HARMLESS_REQUESTS
        level, what = logging.INFO if harmless else logging.WARNING, culprit or "a message"
        log.log(level, "the provider refused %s: %s (%s)", what, text, code, extra=self._extra)
        if not harmless:
            if code == translator.SESSION_EXPIRED:
                text = f"the session reached its greatest age: {text}"
            self._last_error = (text, asyncio.get_running_loop().time())

    def _retry_response(self) -> None:
        if self._state == "open" and self._responses.retry():
            self._create_response()

"""Listening to the caller: the input buffer's turns, as events, as items, and as calls for an answer."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING, Any

from offhook.simulators.realtime.configuration import input_format
from offhook.simulators.realtime.conversation import Item
from offhook.simulators.realtime.errors import Json, RequestError, missing, wrong_type
from offhook.simulators.realtime.input_buffer import InputBuffer
from offhook.simulators.realtime.transcription import Transcription
from offhook.simulators.realtime.vad import SpeechStarted, SpeechStopped, VadSettings

if TYPE_CHECKING:
    from offhook.simulators.realtime.session import Session

_SHORTEST_COMMIT_MS = 100
_LONGEST_APPEND_BYTES = 15 * 1024 * 1024


class Listening:
    """One session's ear: takes appended audio and does what the session's turn detection asks for."""

    def __init__(self, session: Session) -> None:
        self.received = bytearray()
        self.received_count = 0
        self.heard: Transcription | None = None
        """The last turn of the caller."""
        self._session = session
        self._buffer = InputBuffer()
        self._turn: Transcription | None = None  # the one that is being spoken
        self._turn_start_ms = 0
        self._speech_before_ms = 0
        self._idle_at_ms: float | None = None
        self._idle_from_ms = 0

    @property
    def heard_ms(self) -> int:
        """How much of the session's audio was looked at, in milliseconds."""
        return self._buffer.heard_ms

    def configure(self) -> None:
        """Take over the session's turn detection and input format."""
        self._buffer.change_format(input_format(self._session.configuration))
        detection = self._detection
        self._buffer.activity.settings = VadSettings.of(detection)
        if not (detection and detection.get("idle_timeout_ms")):
            self._idle_at_ms = None

    def append(self, message: Json) -> None:
        """`input_audio_buffer.append`: raises `RequestError` for what is no audio."""
        data = _audio(message.get("audio"))
        limit = self._session.received_limit_bytes
        if limit is None:
            self.received += data
        else:
            self.received += data[: max(0, limit - len(self.received))]
        self.received_count += len(data)
        for change in self._buffer.append(data):
            if change is not None or self._turn is not None or self._idle_at_ms is not None:
                self._follow(change)
        if self._detection is not None:
            self._buffer.forget_silence()  # else the client says what is to be forgotten

    def commit(self) -> None:
        """`input_audio_buffer.commit`: what is there becomes an item; no answer is begun by it."""
        length_ms = self._buffer.length_ms
        if length_ms < _SHORTEST_COMMIT_MS:
            raise RequestError(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{_SHORTEST_COMMIT_MS}ms of audio, but buffer only has {length_ms:.2f}ms of audio.",
            )
        audio = self._buffer.take()
        self._buffer.activity.reset()
        self._commit(audio)

    def clear(self) -> None:
        """`input_audio_buffer.clear`."""
        self._buffer.clear()
        self._turn = None
        self._session.send("input_audio_buffer.cleared")

    def answered(self, audio_ms: float) -> None:
        """The model said so much; the idle time counts from when that is played."""
        timeout = (self._detection or {}).get("idle_timeout_ms")
        if timeout and self._turn is None:
            self._idle_from_ms = self.heard_ms + int(audio_ms)
            self._idle_at_ms = self._idle_from_ms + timeout

    def answering(self) -> None:
        """The model has begun an answer: nobody is idle."""
        self._idle_at_ms = None

    @property
    def _detection(self) -> dict[str, Any] | None:
        detection: dict[str, Any] | None = self._session.configuration["audio"]["input"]["turn_detection"]
        return detection

    def _follow(self, change: SpeechStarted | SpeechStopped | None) -> None:
        match change:
            case SpeechStarted(start_ms):
                self._speech_started(start_ms)
            case SpeechStopped(end_ms):
                self._speech_stopped(end_ms)
            case None if self._turn is not None:
                start_ms = self._turn_start_ms
                self._turn.listen(
                    self._buffer.activity.speech_ms - self._speech_before_ms,
                    lambda: self._buffer.since(start_ms),
                    self._buffer.format,
                )
            case None if self._idle_at_ms is not None and self.heard_ms >= self._idle_at_ms:
                self._idle_timeout()

    def _speech_started(self, start_ms: int) -> None:
        self._idle_at_ms = None
        if self._turn is None:
            self._turn = Transcription(self._session, self._session.new_id("item"))
            self._turn_start_ms = start_ms
            self._speech_before_ms = self._buffer.activity.speech_ms
        if self._detection is None:
            self._turn_start_ms = 0  # the client will commit all of the buffer
            return
        item_id = self._turn.item_id
        self._session.send("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=item_id)
        if self._detection.get("interrupt_response"):
            self._session.interrupt("turn_detected")

    def _speech_stopped(self, end_ms: int) -> None:
        if self._detection is None or self._turn is None:
            return
        item_id = self._turn.item_id
        self._session.send("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=item_id)
        self._commit(self._buffer.cut(self._turn_start_ms))
        if self._detection.get("create_response"):
            self._session.respond({}, automatic=True)

    def _commit(self, audio: bytes) -> None:
        turn = self._turn or Transcription(self._session, self._session.new_id("item"))
        self._turn = None
        item = self._add_item(turn.item_id, audio)
        self.heard = turn
        turn.finish(item)

    def _add_item(self, item_id: str, audio: bytes) -> Item:
        session = self._session
        body: Json = {
            "id": item_id,
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        item = Item(body, bytearray(audio), self._buffer.format)
        previous = session.conversation.last_id
        session.send("input_audio_buffer.committed", previous_item_id=previous, item_id=item_id)
        session.conversation.append(item)
        session.announce(item)
        return item

    def _idle_timeout(self) -> None:
        """Nobody spoke for `idle_timeout_ms`: an empty turn is committed, and the model speaks up."""
        self._idle_at_ms = None
        item_id = self._session.new_id("item")
        self._session.send(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=self._idle_from_ms,
            audio_end_ms=self.heard_ms,
            item_id=item_id,
        )
        self._add_item(item_id, self._buffer.cut(self._idle_from_ms))
        self._session.respond({}, automatic=True, idle=True)


def _audio(value: object) -> bytes:
    if not isinstance(value, str):
        raise missing("audio") if value is None else wrong_type(value, "audio", "a string")
    if len(value) > _LONGEST_APPEND_BYTES * 4 // 3:
        raise RequestError("invalid_value", "Invalid 'audio': at most 15 MiB in one event.", "audio")
    try:
        return b64decode(value, validate=True)
    except (Base64Error, ValueError):
        raise RequestError(
            "invalid_value",
            "Invalid 'audio'. Expected base64-encoded audio bytes, but got an invalid string.",
            "audio",
        ) from None

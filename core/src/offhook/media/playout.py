"""The playout queue of one call: the model's audio in, one frame at a time out, and the truth about what
was heard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum, auto

from offhook.call.events import HeardItem
from offhook.recent import Recent

from .formats import FRAME_MS, AudioFormat


class Added(Enum):
    """What became of audio that was added to the playout queue."""

    STARTED = auto()
    """Queued; it is the first of its item."""
    QUEUED = auto()
    """Queued behind what its item has already."""
    STALE = auto()
    """Dropped: its item or response was stopped before."""
    FULL = auto()
    """Dropped, for the queue is full. The item ends with what was queued; told once per item, then `STALE`.
    """


class _Item:
    """One spoken item: what has come of it, and how far it has been sent."""

    __slots__ = ("_chunks", "_offset", "finished", "item_id", "received", "response_id", "sent")

    def __init__(self, item_id: str, response_id: str) -> None:
        self.item_id = item_id
        self.response_id = response_id
        self.received = 0
        self.sent = 0
        self.finished = False
        self._chunks: deque[bytes] = deque()
        self._offset = 0  # how much of the first chunk is taken

    def append(self, audio: bytes) -> None:
        self._chunks.append(audio)
        self.received += len(audio)

    def take(self, size: int) -> bytes:
        """Take the next `size` bytes, or what there is."""
        taken = b""
        while self._chunks:
            first, start = self._chunks[0], self._offset
            self._offset = start + size - len(taken)
            if self._offset < len(first):
                return taken + first[start : self._offset] if taken else first[start : self._offset]
            taken += first[start:]
            self._chunks.popleft()
            self._offset = 0
            if len(taken) == size:
                break
        return taken


class Playout:
    """What one call still has to say, in order, and how much of it was sent.

    Audio comes faster than it is spoken, in pieces of any size; the pacer asks for one frame every 20 ms.
    Items play one after the other as they first came, each padded with silence to a whole frame at its end.
    "Heard" means sent: a packet that left counts, one that waits does not.
    """

    def __init__(
        self,
        audio_format: AudioFormat,
        send: Callable[[bytes, int], object],
        on_played: Callable[[str, int], None] | None = None,
        *,
        limit_seconds: float = 600.0,
    ) -> None:
        """`send(frame, at_ms)` sends one frame; `on_played(item_id, heard_ms)` is told of each item that
        was sent to its end; `limit_seconds` bounds what is queued, so many seconds of audio.
        """
        self.on_played = on_played
        self.underruns = 0
        """How often an answer paused because its next audio had not come yet."""
        self.underrun_ms = 0
        """How long these pauses were together, in milliseconds."""
        self.stale_bytes = 0
        """How much audio came too late, of items and responses that had been stopped."""
        self._send = send
        self._frame_bytes = audio_format.frame_bytes
        self._bytes_per_ms = audio_format.bytes_per_ms
        self._silent_frame = audio_format.silence(audio_format.frame_bytes // audio_format.sample_bytes)
        self._limit_bytes = int(limit_seconds * 1000) * audio_format.bytes_per_ms
        self._items: dict[str, _Item] = {}  # in the order of playing
        self._latest_response = ""
        self._stopped = Recent()  # items and responses of which nothing may play any more
        self._queued_bytes = 0
        self._played_bytes = 0
        self._paused = False
        self._held = False
        self.due_ms: int | None = None
        """When the next frame may leave, on the pacer's clock; None before the first."""

    @property
    def played_ms(self) -> int:
        """How much of the model's audio was sent over the whole call, in milliseconds, padding left out."""
        return self._played_bytes // self._bytes_per_ms

    @property
    def busy(self) -> bool:
        """An answer is being spoken, or waits to be: some item was not sent to its end."""
        return bool(self._items)

    @property
    def ready(self) -> bool:
        """There may be a frame to send: a whole one, or the end of an item."""
        queued = self._queued_bytes
        if self._held:
            return False
        return queued >= self._frame_bytes or (
            queued > 0 and (len(self._items) > 1 or next(iter(self._items.values())).finished)
        )

    @property
    def stale_ms(self) -> int:
        """How much audio came too late, in milliseconds."""
        return self.stale_bytes // self._bytes_per_ms

    def hold(self) -> None:
        """Nothing is sent until `release`, which is a pause and no underrun."""
        self._held = self._paused = True

    def release(self) -> None:
        """What is queued may be sent again."""
        self._held = False

    @property
    def queued_ms(self) -> int:
        """How much waits to be sent, in milliseconds."""
        return self._queued_bytes // self._bytes_per_ms

    def add(self, response_id: str, item_id: str, audio: bytes) -> Added:
        """Queue audio of an item (`response.output_audio.delta`, decoded)."""
        if item_id in self._stopped or response_id in self._stopped:
            self.stale_bytes += len(audio)
            return Added.STALE
        item = self._items.get(item_id)
        if self._queued_bytes + len(audio) > self._limit_bytes:
            # What came after the hole must not play, or the answer would jump.
            self._stopped.note(item_id)
            self.finish(item_id)
            return Added.FULL
        if response_id:
            self._latest_response = response_id
        if not audio:
            return Added.QUEUED
        self._queued_bytes += len(audio)
        if item is not None:
            item.append(audio)
            return Added.QUEUED
        self._items[item_id] = item = _Item(item_id, response_id)
        item.append(audio)
        return Added.STARTED

    def finish(self, item_id: str) -> None:
        """No more audio of this item will come (`response.output_audio.done`); an unknown one is not an
        error.
        """
        item = self._items.get(item_id)
        if item is not None:
            item.finished = True
            self._report_if_played(item)

    def finish_all(self) -> None:
        """No more audio of any item will come (`response.done`, or the connection is lost)."""
        for item_id in tuple(self._items):
            self.finish(item_id)

    def send_next(self, at_ms: int) -> bool:
        """Send the next frame, exactly one frame long; False if nothing can be sent now.

        The last piece of an item may be shorter than a frame. It waits for more until the item is finished,
        or until another item is behind it, and is then padded with silence. An item whose audio has not
        come yet leaves a pause, never a frame with a hole. `at_ms` is handed on to `send`.
        """
        while self._items and not self._held:  # who is told of an item's end may hold what follows
            item = next(iter(self._items.values()))
            waiting = item.received - item.sent
            # A later item proves that an earlier one is over, should its end never be told.
            over = item.finished or len(self._items) > 1
            if waiting >= self._frame_bytes or (waiting and over):
                frame = item.take(self._frame_bytes)
                size = len(frame)
                if size < self._frame_bytes:
                    frame += self._silent_frame[size:]
                if item.sent and self.due_ms is not None and at_ms > self.due_ms and not self._paused:
                    self.underruns += 1
                    self.underrun_ms += at_ms - self.due_ms
                self._paused = False
                self._send(frame, at_ms)
                self.due_ms = at_ms + FRAME_MS
                item.sent += size
                self._queued_bytes -= size
                self._played_bytes += size
                if over:
                    item.finished = True
                    self._report_if_played(item)
                return True
            if not over:
                return False
            item.finished = True
            self._report_if_played(item)
        return False

    def stop(self, response_id: str = "") -> tuple[HeardItem, ...]:
        """Drop all that is queued and say how much of each item was heard, in order.

        Items not begun have `heard_ms` 0. Whatever still comes of these items and their responses is
        dropped, so that no stale syllable plays; so is what comes of the latest response of which audio
        came, and of `response_id`, the one under way though none of it may have come yet. Other items play
        as usual.
        """
        heard = tuple(
            HeardItem(item.item_id, item.sent // self._bytes_per_ms, item.received // self._bytes_per_ms)
            for item in self._items.values()
        )
        for item in self._items.values():
            self._stopped.note(item.item_id)
            self._stopped.note(item.response_id)
        self._stopped.note(self._latest_response)
        self._stopped.note(response_id)
        self._stopped.pop("", None)
        self._items.clear()
        self._queued_bytes = 0
        return heard

    def _report_if_played(self, item: _Item) -> None:
        if item.finished and item.sent == item.received:
            self._items.pop(item.item_id, None)
            if self.on_played is not None:
                self.on_played(item.item_id, item.sent // self._bytes_per_ms)

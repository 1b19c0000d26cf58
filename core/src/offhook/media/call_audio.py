"""Both directions of one call's audio, put together: what a call's runner holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from offhook.call.events import HeardItem

from .formats import AudioFormat
from .gate import Gate, GateMode
from .pacer import Pacer
from .playout import Added, Playout
from .transport import Transport


class CallAudio:
    """The caller's audio through the gate to `sink`, the model's audio through the playout queue to the
    caller.

    Whatever is done here is done at once: no method waits, and no frame goes through a task or a queue of
    tasks.
    """

    def __init__(
        self,
        leg_in: Transport,
        leg_out: Transport,
        audio_format: AudioFormat,
        sink: Callable[[bytes], None],
        pacer: Pacer,
        *,
        on_played: Callable[[str, int], None] | None = None,
        buffer_seconds: float = 30.0,
        queue_seconds: float = 600.0,
        gather_ms: int = 0,
    ) -> None:
        """The caller is heard on `leg_in` and spoken to on `leg_out`, which may be the same leg (topology
        `bridge`) or two (`split`). `sink` gets the caller's audio that passes the gate (bytes of any
        length, at most about a second). `on_played(item_id, heard_ms)` is told of each item that was sent
        to its end. `buffer_seconds` bounds what the gate keeps, `queue_seconds` what waits to be spoken.
        `gather_ms`: how much of the caller's live audio goes to `sink` at a time; 0: each frame at once.
        """
        self.gate = Gate(sink, audio_format, limit_seconds=buffer_seconds, gather_ms=gather_ms)
        self.playout = Playout(audio_format, leg_out.send, on_played, limit_seconds=queue_seconds)
        self._legs = (leg_in, leg_out)
        self._pacer = pacer
        self._closed = False
        leg_in.listen(self.gate.push)

    @property
    def played_ms(self) -> int:
        """How much of the model's audio was sent over the whole call, in milliseconds."""
        return self.playout.played_ms

    def counted(self) -> Mapping[str, int]:
        """What became of the audio between packets and the Realtime session (see `Totals`)."""
        return {
            "underruns": self.playout.underruns,
            "underrun_ms": self.playout.underrun_ms,
            "stale_ms": self.playout.stale_ms,
            "overflowed_ms": self.gate.overflowed_ms,
        }

    def set_gate(self, mode: GateMode) -> None:
        """`closed` drops the caller's audio, `buffer` keeps it, `open` flushes what was kept and passes on
        live.
        """
        if not self._closed:
            self.gate.set_mode(mode)

    def flush(self) -> None:
        """Hand on what was gathered of the caller's audio while the gate is open: its turn is over."""
        if self.gate.mode == "open":
            self.gate.flush()

    def tap(self, listeners: Sequence[Callable[[bytes], None]]) -> None:
        """Give these every frame of the caller's audio too, whatever the gate does; none takes all off.

        They are called on the audio's road: they must be quick and must not raise.
        """
        if self._closed:
            return
        push = self.gate.push

        def all_of_them(frame: bytes) -> None:
            push(frame)
            for listener in listeners:
                listener(frame)

        self._legs[0].listen(all_of_them if listeners else push)

    def add(self, response_id: str, item_id: str, audio: bytes) -> Added:
        """Queue the model's audio; `Added.STARTED` for the first of an item. The first frame leaves within
        5 ms.
        """
        if self._closed:
            return Added.STALE
        added = self.playout.add(response_id, item_id, audio)
        self._pace()
        return added

    def finish(self, item_id: str) -> None:
        """No more audio of this item will come; its last, padded frame may go out."""
        self.playout.finish(item_id)
        self._pace()

    def finish_all(self) -> None:
        """No more audio of any item will come (`response.done`, or the connection is lost)."""
        self.playout.finish_all()
        self._pace()

    def hold(self) -> None:
        """Queue the model's audio and send none of it until `release`."""
        self.playout.hold()
        self._pacer.discard(self.playout)

    def release(self) -> None:
        """Send what was queued, and go on; nothing happens unless it is held."""
        self.playout.release()
        self._pace()

    def stop(self, response_id: str = "") -> tuple[HeardItem, ...]:
        """Stop speaking at once; how much of each item was heard (see `Playout.stop`)."""
        # The pacer finds the queue empty at its next tick. Until then the call keeps its place, so that a new
        # answer's first frame comes a whole frame after the last one of the old.
        return self.playout.stop(response_id)

    def close(self) -> None:
        """Close both legs and let go of everything; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._pacer.discard(self.playout)
        self.gate.set_mode("closed")
        self.playout.stop()
        for leg in self._legs:
            leg.close()

    def _pace(self) -> None:
        if not self._closed and self.playout.busy:
            self._pacer.add(self.playout)

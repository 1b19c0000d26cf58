"""A lean Realtime server for load: it answers each session with stamped audio, and notes when the caller's arrives.

Started by `load.py`: prints its address, then takes one JSON command a line and answers each with one.

    {"interrupt": 0.2}      → {"interrupted": 12}: the caller is heard over the answer on this share of the sessions
    {"dump": "folder"}      → {}: writes what it noted there, as `model-arrivals` and `provider.json`
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import ssl
import time
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any, cast

import uvloop

from arrivals import ArrivalLog
from commands import serve_commands
from frames import CLOSE, PING, PONG, TEXT, Frames, server_frame, unmask, upgrade_answer
from stamps import FRAME_BYTES, STAMP_BASE64, frame, frame_base64, parse
from ticker import TURN_SECONDS, Ticker

APPEND = b'{"type":"input_audio_buffer.append"'
AUDIO = b'"audio":"'
HEAD_BYTES = 128
"""The stamp of an append is within so many bytes."""
ONE_FRAME_BYTES = 300
"""An append of a single frame is shorter."""
FRAMES_PER_WORD = 15
PAUSE_SECONDS = 0.5
"""From the end of an answer, or of an interruption, to the next answer."""
Json = dict[str, Any]


class Session(asyncio.Protocol):
    """One call's Realtime session: one WebSocket."""

    def __init__(self, provider: Provider, number: int) -> None:
        self.number = number
        self.call = -1
        """The number of the call, known from its first frame."""
        self.stream = 0
        self.speaking = False
        self._provider = provider
        self._transport: asyncio.Transport | None = None
        self._frames: Frames | None = None
        self._request = b""
        self._sent = 0
        self._credit = 0.0
        self._began = float("inf")
        """When the answer began that is being heard."""
        self._delta_head = b""
        self._next: asyncio.TimerHandle | None = None

    # The WebSocket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.speaking = False
        if self._next is not None:
            self._next.cancel()
        self._provider.ticker.discard(self)

    def data_received(self, data: bytes) -> None:
        if self._frames is None:
            self._request += data
            if b"\r\n\r\n" in self._request:
                self._write(upgrade_answer(self._request))
                self._frames = Frames()
                self.tell("session.created", session={"id": f"sess_{self.number}", "type": "realtime"})
            return
        for opcode, payload, mask in self._frames.feed(data):
            if opcode == TEXT:
                if unmask(payload[: len(APPEND)], mask) == APPEND:
                    self._hear(payload, mask)
                else:
                    self._obey(json.loads(unmask(payload, mask)))
            elif opcode == PING:
                self._write(server_frame(unmask(payload, mask), PONG))
            elif opcode == CLOSE and self._transport is not None:
                self._write(server_frame(unmask(payload, mask), CLOSE))
                self._transport.close()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def tell(self, kind: str, **fields: Any) -> None:
        """Send an event."""
        self._write(server_frame(json.dumps({"type": kind, "event_id": "event_0", **fields}).encode()))

    # What the host says

    def _hear(self, payload: bytes, mask: bytes) -> None:
        now = time.monotonic()
        if len(payload) < ONE_FRAME_BYTES:  # the stamp is enough
            text = unmask(payload[:HEAD_BYTES], mask)
            start = text.index(AUDIO) + len(AUDIO)
            self._note(b64decode(text[start : start + STAMP_BASE64]), now)
            return
        text = unmask(payload, mask)
        start = text.index(AUDIO) + len(AUDIO)
        audio = b64decode(text[start : text.index(b'"', start)])
        for at in range(0, len(audio), FRAME_BYTES):
            self._note(audio[at : at + FRAME_BYTES], now)

    def _note(self, audio: bytes, now: float) -> None:
        stamp = parse(audio)
        if stamp is not None:
            self.call = stamp.call
            self._provider.heard.add(stamp.call, stamp.stream, stamp.number, stamp.sent, now)

    def _obey(self, message: Json) -> None:
        match message["type"]:
            case "session.update":
                self.tell("session.updated", session={**message["session"], "id": f"sess_{self.number}"})
            case "response.create":
                self._answer_after(PAUSE_SECONDS)
            case "response.cancel" if self.speaking:
                self._stop("cancelled")
                self._answer_after(2 * PAUSE_SECONDS)
            case "conversation.item.truncate":
                stream, heard_ms = int(message["item_id"].rpartition("_")[2]), message["audio_end_ms"]
                self._provider.told.append((self.call, stream, heard_ms))
                if not self.speaking:  # the caller talked into what was left of a finished answer
                    self._answer_after(2 * PAUSE_SECONDS)
                self.tell("conversation.item.truncated", item_id=message["item_id"], audio_end_ms=heard_ms)
            case _:
                pass

    # What the model says

    @property
    def _of_answer(self) -> Json:
        return {
            "response_id": f"resp_{self.number}_{self.stream}",
            "item_id": f"item_{self.number}_{self.stream}",
            "output_index": 0,
            "content_index": 0,
        }

    def _answer_after(self, seconds: float) -> None:
        if self._next is not None:
            self._next.cancel()
        self._next = asyncio.get_running_loop().call_later(seconds, self._answer)

    def _answer(self) -> None:
        """The caller's turn is over; the model answers."""
        if self.speaking or self._transport is None:
            return
        if self.stream:
            self.tell("input_audio_buffer.speech_stopped", item_id=f"user_{self.stream}", audio_end_ms=0)
            self.tell("input_audio_buffer.committed", item_id=f"user_{self.stream}", previous_item_id=None)
        self.stream, self._sent, self._credit, self.speaking = self.stream + 1, 0, 0.0, True
        self._began = time.monotonic()
        ids = self._of_answer
        # Written once for each answer: in the loop there are only a stamp and a frame's head to be made.
        delta = {"type": "response.output_audio.delta", "event_id": "event_0", **ids, "delta": ""}
        self._delta_head = json.dumps(delta, separators=(",", ":"))[:-2].encode()
        response = {
            "id": ids["response_id"],
            "object": "realtime.response",
            "status": "in_progress",
            "output": [],
        }
        self.tell("response.created", response=response)
        item = {"id": ids["item_id"], "type": "message", "role": "assistant", "content": []}
        self.tell("response.output_item.added", response_id=ids["response_id"], output_index=0, item=item)
        self._provider.ticker.add(self)

    def turn(self) -> None:
        """20 ms have passed: send what is due."""
        options = self._provider.options
        self._credit += options.speed
        while self.speaking and self._credit >= options.frames_per_delta:
            self._credit -= options.frames_per_delta
            self._speak(options.frames_per_delta)
            if self._sent * TURN_SECONDS >= options.answer_seconds:
                self._finish()

    def _speak(self, count: int) -> None:
        now, call = time.monotonic(), max(self.call, 0)
        if count == 1:
            audio = frame_base64(call, self.stream, self._sent, now)
        else:
            # 160 bytes end within a character of base64, so frames cannot be encoded one by one.
            frames = (frame(call, self.stream, self._sent + n, now) for n in range(count))
            audio = b64encode(b"".join(frames))
        if self._sent % FRAMES_PER_WORD == 0:
            self.tell("response.output_audio_transcript.delta", **self._of_answer, delta=" word")
        self._sent += count
        self._write(server_frame(self._delta_head + audio + b'"}'))

    def _finish(self) -> None:
        """The answer is complete; the next one comes when this one has been heard."""
        ids = self._of_answer
        self.tell("response.output_audio.done", **ids)
        self.tell("response.output_audio_transcript.done", **ids, transcript="word " * 5)
        self._stop("completed")
        spoken = self._sent * TURN_SECONDS
        self._answer_after(spoken - spoken / self._provider.options.speed + PAUSE_SECONDS)

    def _stop(self, status: str) -> None:
        self.speaking = False
        self._provider.ticker.discard(self)
        response = {"id": self._of_answer["response_id"], "object": "realtime.response", "status": status}
        self.tell("response.done", response={**response, "output": []})

    @property
    def can_be_interrupted(self) -> bool:
        """The caller has been hearing this answer for two seconds, and would for half a second more.

        With audio faster than real time all of it may have been sent long ago.
        """
        heard = time.monotonic() - self._began
        return self.stream > 0 and heard > 2 and (self.speaking or heard < self._sent * TURN_SECONDS - 0.5)

    def interrupt(self) -> None:
        """The caller is heard over the answer: it is stopped, as with `interrupt_response`."""
        self._provider.stopped.append((self.call, self.stream, time.monotonic()))
        self._began = float("inf")
        self.tell("input_audio_buffer.speech_started", item_id=f"user_{self.stream}", audio_start_ms=0)
        if self.speaking:
            self._stop("cancelled")
        self._answer_after(2 * PAUSE_SECONDS)


class Provider:
    """All sessions, one clock, and what was noted."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.ticker = Ticker()
        self.sessions: list[Session] = []
        self.heard = ArrivalLog()
        self.stopped: list[tuple[int, int, float]] = []
        """Call, answer and time of each interruption."""
        self.told: list[tuple[int, int, int]] = []
        """Call, answer and milliseconds of each `conversation.item.truncate`."""

    def session(self) -> Session:
        """A host connects."""
        self.sessions.append(Session(self, len(self.sessions)))
        return self.sessions[-1]

    async def obey(self, command: Json) -> Json:
        match command:
            case {"interrupt": share}:
                return {"interrupted": await self._interrupt(share)}
            case {"dump": folder}:
                self._dump(Path(folder))
                return {}
        raise ValueError(f"unknown command: {command}")

    async def _interrupt(self, share: float) -> int:
        """Each at a moment of its own within a second."""
        chosen = [s for s in self.sessions if s.can_be_interrupted and random.random() < share]
        count = 0
        for session in chosen:
            await asyncio.sleep(1 / len(chosen))
            if session.can_be_interrupted:
                session.interrupt()
                count += 1
        return count

    def _dump(self, folder: Path) -> None:
        self.heard.write(folder / "model-arrivals")
        noted = {"stopped": self.stopped, "told": self.told, "late_ms": self.ticker.late_ms}
        (folder / "provider.json").write_text(json.dumps(noted))


async def main() -> None:
    parser = argparse.ArgumentParser(description="A lean Realtime server for load.")
    parser.add_argument("--speed", type=float, default=1.0, help="of the audio; 1 is real time (default)")
    parser.add_argument("--frames-per-delta", type=int, default=1, help="of 20 ms each (default %(default)s)")
    parser.add_argument("--certificate", type=Path, help="serve over TLS with this certificate and key")
    parser.add_argument("--answer-seconds", type=float, default=10.0, help="length (default %(default)s)")
    options = parser.parse_args()
    provider = Provider(options)
    tls = None
    if options.certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.certificate)
    server = await asyncio.get_running_loop().create_server(
        provider.session, "127.0.0.1", 0, backlog=1000, ssl=tls
    )
    port = server.sockets[0].getsockname()[1]
    where = f"https://localhost:{port}/v1" if tls else f"http://127.0.0.1:{port}/v1"
    await serve_commands({"base_url": where}, provider.obey)
    provider.ticker.close()


if __name__ == "__main__":
    gc.disable()  # what is noted grows into a heap whose collection would stop this process for long
    uvloop.run(main())

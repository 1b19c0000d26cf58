"""A lean Realtime server for load: it answers each session with stamped audio in real time, and notes what arrives.

Started by `load.py`: prints its address, then takes one JSON command a line and answers each with one.

    {"interrupt": 0.2}    → {"interrupted": 12}: the caller is heard on this share of the sessions
    {"dump": "file"}      → {}: writes the times as JSON
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import random
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from stamps import Stamp, frame, parse

FRAME_SECONDS = 0.020
QUARTERS = 4
STAMP_BASE64 = 32
"""So many characters of base64 hold a stamp."""


class Session:
    """One call's Realtime session."""

    def __init__(self, connection: ServerConnection, number: int) -> None:
        self.connection = connection
        self.number = number
        self.call = -1
        """The number of the call, known from its first frame."""
        self.stream = 0
        self.frames = 0
        self.speaking = False

    def tell(self, kind: str, **fields: Any) -> None:
        """Send an event now, without a task."""
        protocol = self.connection.protocol
        protocol.send_text(json.dumps({"type": kind, "event_id": "e", **fields}).encode())
        self.connection.transport.writelines(protocol.data_to_send())

    @property
    def response(self) -> str:
        return f"resp_{self.number}_{self.stream}"

    @property
    def item(self) -> str:
        return f"item_{self.number}_{self.stream}"

    def begin(self) -> None:
        """A new answer."""
        self.stream, self.frames, self.speaking = self.stream + 1, 0, True
        self.tell("response.created", response={"id": self.response, "status": "in_progress", "output": []})
        item = {"id": self.item, "type": "message", "role": "assistant", "content": []}
        self.tell("response.output_item.added", response_id=self.response, output_index=0, item=item)

    def speak(self) -> float:
        """One frame of the answer; returns when it was sent."""
        audio = base64.b64encode(frame(Stamp(max(self.call, 0), self.stream, self.frames))).decode()
        self.frames += 1
        sent = time.monotonic()
        self.tell(
            "response.output_audio.delta",
            response_id=self.response,
            item_id=self.item,
            output_index=0,
            content_index=0,
            delta=audio,
        )
        return sent


class Provider:
    """All sessions, one clock, and the times."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.heard: list[tuple[Stamp, float]] = []
        self.said: list[tuple[Stamp, float]] = []
        self.stopped: list[tuple[int, int, float]] = []
        self.told: list[tuple[int, int, int]] = []
        self._tick = 0

    async def serve_one(self, connection: ServerConnection) -> None:
        session = Session(connection, len(self.sessions))
        self.sessions.append(session)
        session.tell("session.created", session={"id": f"sess_{session.number}"})
        with suppress(ConnectionClosed):  # the floor does not say goodbye
            async for text in connection:
                self.take(session, text if isinstance(text, str) else text.decode())
        session.speaking = False

    def take(self, session: Session, text: str) -> None:
        """One message of the host."""
        if '"input_audio_buffer.append"' in text[:120]:
            now = time.monotonic()
            start = text.index('"audio"')
            audio = text[text.index('"', start + 8) + 1 :]
            stamp = parse(base64.b64decode(audio[:STAMP_BASE64]))
            if stamp is not None:
                session.call = stamp.call
                self.heard.append((stamp, now))
            return
        message = json.loads(text)
        match message["type"]:
            case "session.update":
                asked = {**message["session"], "id": f"sess_{session.number}"}
                session.tell("session.updated", session=asked)
            case "response.create":
                asyncio.get_running_loop().call_later(0.5, self.answer, session)
            case "conversation.item.truncate":
                stream = int(message["item_id"].rpartition("_")[2])
                self.told.append((session.call, stream, message["audio_end_ms"]))
            case _:
                pass

    def answer(self, session: Session) -> None:
        if session.connection.transport.is_closing() or session.speaking:
            return
        session.begin()

    def tick(self) -> None:
        """A quarter of the sessions speak."""
        quarter, self._tick = self._tick % QUARTERS, self._tick + 1
        for session in self.sessions[quarter::QUARTERS]:
            if session.speaking and not session.connection.transport.is_closing():
                number = session.frames
                sent = session.speak()
                self.said.append((Stamp(max(session.call, 0), session.stream, number), sent))

    async def pace(self) -> None:
        """The clock: 20 ms for each session, without drift."""
        began, count = time.monotonic(), 0
        while True:
            count += 1
            await asyncio.sleep(max(0.0, began + count * FRAME_SECONDS / QUARTERS - time.monotonic()))
            self.tick()

    def interrupt(self, share: float) -> int:
        """The caller is heard over the answer: the provider stops it, as with `interrupt_response`."""
        chosen = [s for s in self.sessions if s.speaking and s.frames > 100 and random.random() < share]
        for session in chosen:
            session.speaking = False
            self.stopped.append((session.call, session.stream, time.monotonic()))
            session.tell("input_audio_buffer.speech_started", item_id="u", audio_start_ms=0)
            done = {"id": session.response, "status": "cancelled", "output": []}
            session.tell("response.done", response=done)
            asyncio.get_running_loop().call_later(1.0, self.answer, session)
        return len(chosen)

    def dump(self, path: str) -> None:
        """All times, as JSON."""
        times = {"heard": self.heard, "said": self.said, "stopped": self.stopped, "told": self.told}
        Path(path).write_text(json.dumps(times))


async def main() -> None:
    provider = Provider()
    async with serve(provider.serve_one, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print(json.dumps({"base_url": f"http://127.0.0.1:{port}/v1"}), flush=True)
        pacing = asyncio.create_task(provider.pace())
        lines = asyncio.StreamReader(limit=2**20)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
        )
        while line := await lines.readline():
            match json.loads(line):
                case {"interrupt": share}:
                    print(json.dumps({"interrupted": provider.interrupt(share)}), flush=True)
                case {"dump": path}:
                    provider.dump(path)
                    print("{}", flush=True)
        pacing.cancel()


if __name__ == "__main__":
    gc.disable()  # the times that are noted grow into a heap whose collection would stop this process for long
    uvloop.run(main())

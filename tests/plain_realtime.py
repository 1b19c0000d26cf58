"""A plain Realtime client for tests of the simulated server, and engines for it that need no speech extra.

Nothing of Offhook's own client is in here. Every message of either side is held against the official `openai`
package.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any, Self

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from offhook.simulators import g711, wav
from offhook.simulators.realtime import Recognizer, SimulatedRealtime, Voice
from openai_types import validate_client, validate_server

Json = dict[str, Any]
PCMU = {"type": "audio/pcmu"}
WORD_MS = 300
"""How long `Tones` takes for a word."""


def loud(ms: int, hz: float = 440) -> bytes:
    """So much of a tone as µ-law, which voice activity takes for speech."""
    return g711.encode_ulaw(wav.tone(hz, ms / 1000))


def quiet(ms: int) -> bytes:
    """So much silence as µ-law."""
    return b"\xff" * (8 * ms)


class Hears(Recognizer):
    """A recogniser that knows what will be said: one text after another, the last one for ever."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.heard: list[bytes] = []

    def transcribe(self, pcm: bytes, rate: int) -> str:
        self.heard.append(pcm)
        return self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]

    def load(self) -> None:
        pass


class Tones(Voice):
    """A voice that hums 300 ms for each word, a word at a time.

    Where `stops_after` words are given, it then waits, in the middle of the answer, until `go_on` is set.
    """

    def __init__(self, stops_after: int | None = None) -> None:
        self.stops_after = stops_after
        self.go_on = threading.Event()
        self.spoken: list[str] = []

    def speak(self, text: str, rate: int, speed: float) -> Iterator[tuple[str, bytes]]:
        self.spoken.append(text)
        stops_after = self.stops_after  # a change holds for the next answer
        for count, word in enumerate(text.split()):
            if count == stops_after:
                self.go_on.wait(60)
            yield f" {word}" if count else word, wav.tone(300, WORD_MS / 1000, rate=rate)

    def load(self) -> None:
        pass


class PlainRealtime:
    """One connection: the server's events in order, and a way to send."""

    def __init__(
        self,
        server: SimulatedRealtime,
        query: str = "model=gpt-realtime-2.1",
        path: str = "/realtime",
        **headers: str,
    ) -> None:
        self.server = server
        self.events: list[Json] = []
        self._address = f"{server.url}{path}?{query}"
        self._headers = headers or {"Authorization": "Bearer sk-test"}
        self._news = asyncio.Event()
        self._sent = 0

    async def __aenter__(self) -> Self:
        self.socket = await connect(self._address, additional_headers=self._headers, max_size=None)
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()
        await self._reading

    async def _read(self) -> None:
        try:
            async for text in self.socket:
                message = json.loads(text)
                validate_server(message)
                self.events.append(message)
                self._news.set()
        except ConnectionClosed:
            pass
        finally:
            self._news.set()

    # Sending

    async def send(self, name: str, *, checked: bool = True, **fields: Any) -> str:
        """Send one event; returns its `event_id`."""
        self._sent += 1
        message = {"type": name, "event_id": f"client_{self._sent}", **fields}
        if checked:
            validate_client(message)
        await self.socket.send(json.dumps(message))
        return str(message["event_id"])

    async def append(self, audio: bytes, piece: int = 160) -> None:
        """Send audio in pieces of so many bytes."""
        for start in range(0, len(audio), piece):
            data = base64.b64encode(audio[start : start + piece]).decode()
            await self.send("input_audio_buffer.append", audio=data)

    async def update(self, **session: Any) -> Json:
        """Change the session, and return it as the server has it then."""
        before = len(self.named("session.updated"))
        await self.send("session.update", session={"type": "realtime", **session})
        return dict((await self.event("session.updated", before + 1))["session"])

    async def telephone(self, *, audio: Json | None = None, **session: Any) -> Json:
        """Both formats µ-law and the caller's words transcribed. audio: more fields of `audio.input`."""
        listening = {"format": PCMU, "transcription": {"model": "gpt-transcribe"}, **(audio or {})}
        return await self.update(audio={"input": listening, "output": {"format": PCMU}}, **session)

    async def write(self, text: str) -> None:
        """Add a written message of the user and ask for an answer."""
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        await self.send("conversation.item.create", item=item)
        await self.send("response.create")

    async def refused(self, name: str, *, checked: bool = True, **fields: Any) -> Json:
        """Send one event, and return the error that the server answers it with."""
        event_id = await self.send(name, checked=checked, **fields)
        await self.until(lambda: any(error["event_id"] == event_id for error in self.errors))
        return next(error for error in self.errors if error["event_id"] == event_id)

    async def settled(self) -> None:
        """Wait until the server has taken all that was sent."""
        await self.refused("conversation.item.retrieve", item_id="item_that_is_not_there")

    # Receiving

    async def event(self, name: str, nth: int = 1) -> Json:
        """Wait for the nth event of a type."""
        await self.until(lambda: len(self.named(name)) >= nth)
        return self.named(name)[nth - 1]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it is true; fails once nothing more can come."""
        async with asyncio.timeout(30):
            while not condition():
                if self._reading.done():
                    self._reading.result()
                    raise AssertionError(f"the server hung up; it sent {self.names}")
                self._news.clear()
                await self._news.wait()

    async def closed(self) -> int:
        """Wait until the server has hung up, and return the close code."""
        await self._reading
        assert self.socket.close_code is not None
        return self.socket.close_code

    def named(self, name: str) -> list[Json]:
        """The events of a type so far."""
        return [event for event in self.events if event["type"] == name]

    @property
    def names(self) -> list[str]:
        """The types of all events so far, each run of the same one only once."""
        names = [event["type"] for event in self.events]
        return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]

    @property
    def errors(self) -> list[Json]:
        """The errors so far."""
        return [event["error"] for event in self.named("error")]

    def audio(self, item_id: str) -> bytes:
        """The audio of one item so far."""
        deltas = [event for event in self.named("response.output_audio.delta") if event["item_id"] == item_id]
        return b"".join(base64.b64decode(event["delta"]) for event in deltas)

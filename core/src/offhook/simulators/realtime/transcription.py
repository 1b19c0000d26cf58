"""What was said in one item of the caller: interim words while he speaks, the final transcript after it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from offhook.media.formats import AudioFormat
from offhook.simulators.realtime.conversation import Item
from offhook.simulators.realtime.errors import Json

if TYPE_CHECKING:
    from offhook.simulators.realtime.session import Session

log = logging.getLogger("offhook.simulators.realtime")

INTERIM_EVERY_MS = 700
"""How much more must be said before the recogniser looks again."""
_LONGEST_INTERIM_MS = 30_000
_UNSURE_WORDS = 1  # the last word of an interim result is often cut in half
_EVENT = "conversation.item.input_audio_transcription"


class StableWords:
    """Words that two recognitions in a row agreed on, so that they need not be taken back.

    The recogniser sees ever more of one utterance; each time, `add` returns the text to append to what was
    shown before.
    """

    def __init__(self) -> None:
        self.shown = ""
        self._count = 0
        self._before: list[str] = []

    def add(self, text: str) -> str:
        """The words of an interim recognition; returns those that are certain now, with the space before."""
        words = text.split()
        agreed = 0
        for old, new in zip(self._before, words[: max(0, len(words) - _UNSURE_WORDS)], strict=False):
            if old != new:
                break
            agreed += 1
        self._before = words
        if agreed <= self._count or not self._continues(words):
            return ""
        delta = " ".join(words[self._count : agreed])
        if self.shown:
            delta = " " + delta
        self._count = agreed
        self.shown += delta
        return delta

    def finish(self, text: str) -> tuple[str, str]:
        """The last delta and the transcript, given the final recognition.

        Where it has the shown words with another punctuation, the shown ones stay, so that all deltas joined
        are the transcript. Where it has other words, it is right and the shown ones were not: no delta.
        """
        words = text.split()
        if not self._continues(words):
            return "", text
        rest = " ".join(words[self._count :])
        delta = f" {rest}" if rest and self.shown else rest
        return delta, self.shown + delta

    def _continues(self, words: list[str]) -> bool:
        shown = self.shown.split()
        return [_bare(word) for word in shown] == [_bare(word) for word in words[: len(shown)]]


class Transcription:
    """The recognition of one item. `text` is done when the caller's words are known; empty if they are not."""

    def __init__(self, session: Session, item_id: str) -> None:
        self.item_id = item_id
        self.text: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._session = session
        self._words = StableWords()
        self._looked_at_ms = 0
        self._looking = False
        self._finished = False

    def listen(self, speech_ms: int, audio: Callable[[], bytes], audio_format: AudioFormat) -> None:
        """The caller is speaking, for speech_ms so far; look at it if it is time to."""
        # A longer utterance takes longer to recognise, and is looked at less often.
        wait_ms = max(INTERIM_EVERY_MS, self._looked_at_ms // 6)
        if self._looking or not INTERIM_EVERY_MS <= speech_ms <= _LONGEST_INTERIM_MS:
            return
        if speech_ms - self._looked_at_ms < wait_ms or not self._wanted:
            return
        engines = self._session.engines
        if engines.recognizer is None or engines.listening:  # a final transcript goes first
            return
        self._looked_at_ms, self._looking = speech_ms, True
        self._session.start(self._look(audio(), audio_format))

    def finish(self, item: Item) -> None:
        """The item is complete: recognise all of it."""
        self._finished = True
        if self._session.engines.recognizer is None:
            self.text.set_result("")
            self._fail(self._session.engines.why_deaf)
        else:
            self._session.start(self._recognise(item))

    @property
    def _wanted(self) -> bool:
        return self._session.configuration["audio"]["input"]["transcription"] is not None

    async def _look(self, audio: bytes, audio_format: AudioFormat) -> None:
        try:
            text = await self._session.engines.recognise(audio, audio_format)
        except Exception:
            log.exception("an interim recognition failed")
            return
        finally:
            self._looking = False
        if not self._finished and (delta := self._words.add(text)):
            self._send("delta", delta=delta)

    async def _recognise(self, item: Item) -> None:
        try:
            text = await self._session.engines.recognise(bytes(item.audio), item.audio_format)
        except Exception as error:
            log.exception("a recognition failed")
            self._fail(f"the recogniser failed: {error}")
            self.text.set_result("")
            return
        log.info("heard: %s", text)
        if self._wanted:
            delta, text = self._words.finish(text)
            item.body["content"][0]["transcript"] = text
            if delta:
                self._send("delta", delta=delta)
            self._send("completed", transcript=text, usage=self._usage(item, text))
        self.text.set_result(text)

    def _fail(self, message: str) -> None:
        if self._wanted:
            error = {
                "type": "server_error",
                "code": "transcription_failed",
                "message": message,
                "param": None,
            }
            self._send("failed", error=error)

    def _send(self, event: str, **fields: object) -> None:
        self._session.send(f"{_EVENT}.{event}", item_id=self.item_id, content_index=0, **fields)

    def _usage(self, item: Item, text: str) -> Json:
        model = self._session.configuration["audio"]["input"]["transcription"].get("model") or ""
        if "whisper" in model:
            return {"type": "duration", "seconds": round(item.audio_ms / 1000, 3)}
        heard, written = int(item.audio_ms // 100), 2 + len(text) // 4
        return {
            "type": "tokens",
            "input_tokens": heard,
            "output_tokens": written,
            "total_tokens": heard + written,
            "input_token_details": {"audio_tokens": heard, "text_tokens": 0},
        }


def _bare(word: str) -> str:
    return re.sub(r"[^\w']", "", word).lower()

"""A call of an hour, in simulated time: what is kept of it does not grow with it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import Any, cast

from fake_loop import FakeLoop
from offhook.call.call import Call
from offhook.call.events import (
    AnswerAudioStarted,
    AnswerPlayed,
    Arrived,
    HeardItem,
    MediaReady,
    PlayoutStopped,
    StreamOpened,
)
from offhook.call.record import CallRecord
from offhook.console.feed import Feed
from offhook.media import PCMU, Added, CallAudio, JitterWindow, Pacer, RtpPacket
from offhook.realtime.answers import Answers
from offhook.realtime.translator import Translator
from offhook.settings import settings_with
from offhook.testing.scenario import CALLER, AtOnce

HOUR_SECONDS = 3600
FRAME = bytes(range(160))


class Leg:
    """A transport that puts the caller's packets in order and remembers when it sent."""

    def __init__(self) -> None:
        self.window: JitterWindow | None = None
        self.sent = 0
        self.last_ms = 0
        self.gaps_ms: set[int] = set()

    def listen(self, on_audio: Callable[[bytes], None] | None) -> None:
        self.window = JitterWindow(on_audio, PCMU) if on_audio else None

    def send(self, frame: bytes, at_ms: int) -> bool:
        self.gaps_ms.add(at_ms - self.last_ms)
        self.last_ms = at_ms
        self.sent += 1
        return True

    def close(self) -> None:
        self.window = None


def blocks() -> int:
    """How many objects of Python's own are allocated."""
    gc.collect()
    return sys.getallocatedblocks()


def test_the_audio_of_an_hour_leaves_nothing_behind_and_does_not_drift() -> None:
    loop, leg, heard = FakeLoop(), Leg(), 0

    def hear(audio: bytes) -> None:
        nonlocal heard
        heard += len(audio)

    pacer = Pacer(loop=cast("Any", loop))
    audio = CallAudio(leg, leg, PCMU, hear, pacer, gather_ms=20)
    audio.set_gate("open")
    assert leg.window is not None
    began, stopped = loop.now, 0
    allocated: list[int] = []
    for frame in range(HOUR_SECONDS * 50):
        loop.run_until(began + frame * 0.020)
        second, part = divmod(frame, 50)
        leg.window.push(RtpPacket(0, False, frame & 0xFFFF, frame * 160 & 0xFFFFFFFF, 5, FRAME), loop.now)
        turn, of_turn = divmod(second, 20)
        if part == 0 and of_turn < 8:  # twenty seconds of speech come in eight
            assert audio.add(f"r{turn}", f"i{turn}", FRAME * 125) in (Added.STARTED, Added.QUEUED)
        if part == 0 and of_turn == 15:
            (item,) = audio.stop()
            stopped += 1
            assert 14_980 <= item.heard_ms <= 15_020, "no drift"
        if frame % (60 * 50) == 0:
            allocated.append(blocks() - len(allocated))  # each of these numbers is a block, too
    assert heard == HOUR_SECONDS * 8000
    assert stopped == HOUR_SECONDS // 20
    assert leg.sent == stopped * 751
    # The ids of the answers that were stopped are remembered up to a limit, reached after ten minutes. What else the
    # process does comes and goes: the least of ten minutes is what stays.
    assert min(allocated[-10:]) - min(allocated[30:40]) < 20, allocated


def test_the_talk_of_an_hour_leaves_nothing_behind_but_what_the_caller_said() -> None:
    call = Call(CALLER, settings_with(greeting_audio_path="none"), activation=[AtOnce()])
    record = CallRecord(
        "c", "ch", "100", "", "200", datetime(2026, 1, 1, tzinfo=UTC), "IMMEDIATE", "conversation"
    )
    feed = Feed(lambda: {"c": record})
    translator, answers, allocated, now = Translator("c"), Answers(), [], 0.0

    def happen(event: Any) -> None:
        actions = call.handle(event, now)
        record.apply(now, event, actions)
        feed.publish("c", now, event, actions, record)

    def said(kind: str, **fields: Any) -> None:
        for event in translator.translate({"type": kind, **fields}):
            happen(event)

    with feed.subscribe() as watcher:
        for event in (Arrived(), MediaReady(), StreamOpened("s")):
            happen(event)
        for turn in range(2 * HOUR_SECONDS // 6):
            now = turn * 6.0
            caller, item, response = f"u{turn}", f"i{turn}", {"id": f"r{turn}", "status": "completed"}
            of_answer = {"response_id": f"r{turn}", "item_id": item, "output_index": 0, "content_index": 0}
            said("input_audio_buffer.speech_started", item_id=caller, audio_start_ms=0)
            said("input_audio_buffer.speech_stopped", item_id=caller, audio_end_ms=900)
            said("input_audio_buffer.committed", item_id=caller)
            said("conversation.item.input_audio_transcription.delta", item_id=caller, delta="What ")
            said(
                "conversation.item.input_audio_transcription.completed",
                item_id=caller,
                transcript="What now?",
            )
            said("response.created", response=response)
            assert answers.wanted(response["id"], item)
            happen(AnswerAudioStarted(response["id"], item))
            for word in range(5):
                now += 0.2
                said("response.output_audio_transcript.delta", **of_answer, delta=f"{turn} {word} ")
            tool = {"type": "function_call", "call_id": f"t{turn}", "name": "x", "status": "completed"}
            said("response.output_item.done", response_id=response["id"], item={**tool, "arguments": "{}"})
            said("response.done", response={**response, "output": []})
            answers.response_done(response["id"])
            if turn % 3:
                happen(AnswerPlayed(item, 2000))
            else:
                happen(PlayoutStopped((HeardItem(item, 500, 2000),)))
                answers.drop(response["id"])
            while watcher.take():
                pass
            if turn % 100 == 0:
                allocated.append(blocks())
    assert not call.ended
    # A turn of the caller is an id and a text. Now and then a table grows, once: that is not the talk's doing.
    assert median(b - a for a, b in pairwise(allocated[3:])) < 2 * 100 + 20, allocated

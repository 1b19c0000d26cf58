"""A host for the console's tests: calls driven event by event, and commands to look at afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from offhook.call.actions import (
    Action,
    ClearTimer,
    CloseStream,
    End,
    OpenStream,
    Play,
    SendText,
    SetGate,
    StartTimer,
    StopPlayout,
    TruncateItem,
)
from offhook.call.events import (
    AnswerAudioStarted,
    AnswerPlayed,
    AnswerTranscript,
    Arrived,
    Digit,
    Event,
    FinalTranscript,
    HeardItem,
    InterimTranscript,
    MediaReady,
    PlaybackFinished,
    PlaybackStarted,
    PlayoutStopped,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    StreamOpened,
    ToolFinished,
    ToolRequested,
    TurnCommitted,
)
from offhook.call.outcome import EndCause, Outcome, Status
from offhook.call.record import CallRecord
from offhook.console.feed import Feed

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
Step = tuple[float, Event | None, list[Action]]


def new_record(
    call_id: str = "call-1", *, sensitive: bool = False, started_at: datetime = NOON
) -> CallRecord:
    return CallRecord(
        call_id,
        f"channel-of-{call_id}",
        "+49 30 901820",
        "Ada Lovelace",
        "7000",
        started_at,
        "VAD",
        "conversation",
        digits_sensitive=sensitive,
    )


def ended(cause: EndCause = EndCause.HANGUP, status: Status = Status.OK, **more: str) -> End:
    return End(Outcome("call-1", cause, status, "006" if status is Status.ERROR else "000", **more))


def interrupted_call(first_words: str = "Do you have a table for four tonight?") -> list[Step]:
    """A conversation with a greeting, a tool, an interrupted answer and keys; it has not ended."""
    answer = "We have a table for four at eight o'clock, and one at nine on the terrace if the weather holds."
    half = first_words[: len(first_words) // 2]
    return [
        (0.0, Arrived(), [StartTimer("maxCallDuration", 3600, "call")]),
        (0.12, MediaReady(), [Play("greeting", "sound:hello-world"), OpenStream()]),
        (0.15, PlaybackStarted("greeting"), []),
        (0.45, StreamOpened("sess_1"), []),
        (2.1, PlaybackFinished("greeting"), [SetGate("open"), StartTimer("noSpeechBegin", 3, "speech")]),
        (3.0, SpeechStarted("item_1"), [ClearTimer("noSpeechBegin", "speech")]),
        (3.4, InterimTranscript("item_1", half), [StartTimer("speechEndSilence", 5, "speech")]),
        (4.6, SpeechStopped("item_1"), []),
        (4.6, TurnCommitted("item_1"), []),
        (4.8, ResponseStarted("resp_1"), []),
        (4.9, FinalTranscript("item_1", first_words), [ClearTimer("speechEndSilence", "speech")]),
        (5.0, ToolRequested("resp_1", "fc_1", "find_table", '{"guests":4,"day":"today"}'), []),
        (5.05, ResponseDone("resp_1"), []),
        (5.3, ToolFinished("fc_1", "find_table", '{"tables":["20:00","21:00 terrace"]}'), []),
        (5.4, ResponseStarted("resp_2"), []),
        (5.6, AnswerAudioStarted("resp_2", "item_2"), []),
        (5.8, AnswerTranscript("resp_2", "item_2", answer, final=True), []),
        (8.2, SpeechStarted("item_3"), [StopPlayout()]),
        (8.2, PlayoutStopped((HeardItem("item_2", 2600, 5400),)), [TruncateItem("item_2", 2600)]),
        (8.3, ResponseDone("resp_2", "cancelled", "turn_detected"), []),
        (9.0, InterimTranscript("item_3", "Eight is fine. Shall I"), []),
        (9.4, SpeechStopped("item_3"), []),
        (9.4, TurnCommitted("item_3"), []),
        (9.6, FinalTranscript("item_3", "Eight is fine. Shall I type my number?"), []),
        (9.7, ResponseStarted("resp_3"), []),
        (10.02, AnswerAudioStarted("resp_3", "item_4"), []),
        (
            10.1,
            AnswerTranscript("resp_3", "item_4", "Yes, please, and end with the pound key.", final=True),
            [],
        ),
        (10.2, ResponseDone("resp_3"), []),
        (12.0, AnswerPlayed("item_4", 1900), []),
        (13.0, Digit("4"), [StartTimer("dtmfInterDigit", 2, "keypad"), StartTimer("dtmfFinal", 3, "keypad")]),
        (13.5, Digit("7"), [StartTimer("dtmfInterDigit", 2, "keypad"), StartTimer("dtmfFinal", 3, "keypad")]),
        (14.0, Digit("1"), [StartTimer("dtmfInterDigit", 2, "keypad"), StartTimer("dtmfFinal", 3, "keypad")]),
        (
            14.6,
            Digit("#"),
            [
                ClearTimer("dtmfInterDigit", "keypad"),
                ClearTimer("dtmfFinal", "keypad"),
                SendText("The caller pressed these keys: 4 7 1"),
            ],
        ),
        (14.8, ResponseStarted("resp_4"), []),
        (15.4, AnswerAudioStarted("resp_4", "item_5"), []),
        (15.6, AnswerTranscript("resp_4", "item_5", "Thank you. Your table for four is"), []),
    ]


def hung_up() -> list[Action]:
    """The actions with which the call above ends."""
    return [ClearTimer("maxCallDuration", "call"), SetGate("closed"), CloseStream(), ended()]


class StandInHost:
    """Implements `ConsoleHost`. What it was told to do is in `changes` and `hung_up`."""

    def __init__(self) -> None:
        self.records: dict[str, CallRecord] = {}
        self.ready = True
        self.changes: list[tuple[str | None, dict[str, Any]]] = []
        self.hung_up: list[str] = []
        self.settings: dict[str, Any] = {
            "appConfig": {
                "appRecognitionConfig": {
                    "recognitionActivationMode": "VAD",
                    "greetingAudioPath": "sound:hello-world",
                },
                "callConfig": {"sessionKind": "conversation"},
            },
            "openAIRealtimeAPI": {
                "apiKey": "********",
                "model": "gpt-realtime-2.1",
                "voice": "marin",
                "speed": 1.0,
                "language": "",
                "instructions": "You take bookings for a small restaurant. Be brief, warm and exact.",
            },
        }

    def add(self, record: CallRecord) -> CallRecord:
        self.records[record.call_id] = record
        return record

    def play(self, record: CallRecord, steps: list[Step], feed: Feed | None = None) -> None:
        """Let a call live through some steps."""
        for now, event, actions in steps:
            record.apply(now, event, actions)
            if feed is not None:
                feed.publish(record.call_id, now, event, actions, record)

    async def tools(self) -> list[dict[str, Any]]:
        return [
            {
                "type": "function",
                "name": "end_call",
                "description": "End the call.",
                "parameters": {"type": "object", "properties": {}},
            }
        ]

    def call_settings(self, call_id: str | None) -> Mapping[str, Any] | None:
        return self.settings if call_id is None or call_id in self.records else None

    async def update_session(self, changes: Mapping[str, Any], call_id: str | None) -> Mapping[str, Any]:
        if "voice" in changes and changes["voice"] == "robot":
            raise ValueError("voice is 'robot'; it must be one of alloy, marin, cedar")
        self.changes.append((call_id, dict(changes)))
        return changes

    def hangup(self, call_id: str) -> bool:
        record = self.records.get(call_id)
        if record is None or not record.live:
            return False
        self.hung_up.append(call_id)
        return True

"""The live feed: the original's envelopes, nobody slow holds up another, no secret digit gets out."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from console_calls import NOON, StandInHost, Step, ended, hung_up, interrupted_call, new_record
from offhook.call import actions as ac
from offhook.call import events as ev
from offhook.call.outcome import EndCause, Status
from offhook.call.record import CallRecord
from offhook.console import feed as feed_module
from offhook.console.feed import Feed, Subscriber


class Watched:
    """A feed with one call, and what one subscriber has read of it."""

    def __init__(self, *, sensitive: bool = False) -> None:
        self.host = StandInHost()
        self.feed = Feed(lambda: self.host.records)
        self.record = self.host.add(new_record(sensitive=sensitive))

    def see(self, *steps: Step) -> list[dict[str, Any]]:
        with self.feed.subscribe() as subscriber:
            self.host.play(self.record, list(steps), self.feed)
            return read_all(subscriber)[1:]


def read_all(subscriber: Subscriber) -> list[dict[str, Any]]:
    """Everything that can be read without waiting."""
    return [json.loads(text) for text in iter(subscriber.take, None)]


def told(envelopes: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    return [(e["type"], e["payload"]) for e in envelopes if e["type"] != "call_changed"]


def types(envelopes: list[dict[str, Any]]) -> list[str]:
    return [e["type"] for e in envelopes]


def test_an_envelope_has_the_originals_fields() -> None:
    (answered, *_) = Watched().see((0, ev.Arrived(), []), (1.25, ev.MediaReady(), []))[3:]
    assert answered == {
        "type": "call_answered",
        "callId": "call-1",
        "timestamp": "2026-11-24T12:00:01.250Z",
        "source": "ARI",
        "payload": {},
        "logLevel": "INFO",
    }


def test_a_new_subscriber_is_told_the_active_calls_first() -> None:
    host = StandInHost()
    live = host.add(new_record("live"))
    over = host.add(new_record("over"))
    live.apply(0, ev.Arrived(channel_up=True), [])
    over.apply(0, ev.Arrived(), [ended()])
    with Feed(lambda: host.records).subscribe() as subscriber:
        (first,) = read_all(subscriber)
    assert (first["type"], first["callId"]) == ("active_calls_list", None)
    assert first["payload"] == [
        {
            "callId": "live",
            "callerId": "+49 30 901820",
            "startTime": "2026-11-24T12:00:00.000Z",
            "status": "active",
        }
    ]


def test_a_call_under_the_names_of_the_original() -> None:
    seen = Watched().see(*interrupted_call(), (20.0, None, hung_up()))
    names = types(seen)
    expected = [
        "call_stasis_start",
        "ari_call_status_update",
        "active_calls_list",
        "call_answered",
        "call_resources_initialized",
        "playback_started",
        "openai_stream_activated",
        "timer_event",
        "openai_speech_started",
        "openai_interim_transcript",
        "openai_final_transcript",
        "function_call",
        "function_call_output",
        "tts_playback_interrupted",
        "dtmf_received",
        "dtmf_mode_activated",
        "openai_session_ended",
        "call_cleanup_started",
    ]
    assert [name for name in expected if name not in names] == []
    assert names.count("dtmf_mode_activated") == 1
    assert names[-2:] == ["ari_call_status_update", "active_calls_list"]
    assert seen[-1]["payload"] == []


def test_many_changes_of_the_list_of_calls_are_one_list() -> None:
    watched = Watched()
    for number in range(50):
        watched.host.add(new_record(f"another-{number}")).apply(0, ev.Arrived(), [])
    seen = watched.see((0, ev.Arrived(), []), (1, ev.MediaReady(), []), (2, None, hung_up()))
    assert types(seen).count("active_calls_list") == 1
    assert types(seen)[-1] == "active_calls_list"
    assert len(seen[-1]["payload"]) == 50


@pytest.mark.parametrize(
    ("event", "actions", "name", "payload"),
    [
        (
            ev.InterimTranscript("i", "Hel"),
            [],
            "openai_interim_transcript",
            {"transcript": "Hel", "itemId": "i"},
        ),
        (
            ev.FinalTranscript("i", "Hello"),
            [],
            "openai_final_transcript",
            {"transcript": "Hello", "itemId": "i"},
        ),
        (ev.Digit("5", 90), [], "dtmf_received", {"digit": "5", "durationMs": 90}),
        (ev.TalkingStarted(), [], "vad_speech_detected_start", {}),
        (
            ev.PlaybackStarted("greeting"),
            [],
            "playback_started",
            {"playbackId": "greeting", "purpose": "main_greeting"},
        ),
        (
            None,
            [ac.StartTimer("noSpeechBegin", 3, "speech")],
            "timer_event",
            {"timerName": "noSpeechBegin", "action": "started", "durationSeconds": 3},
        ),
        (
            None,
            [ac.ClearTimer("noSpeechBegin", "speech")],
            "timer_event",
            {"timerName": "noSpeechBegin", "action": "cleared"},
        ),
    ],
)
def test_payloads(
    event: ev.Event | None, actions: list[ac.Action], name: str, payload: dict[str, Any]
) -> None:
    assert told(Watched().see((0, event, actions))) == [(name, payload)]


def test_a_timer_that_runs_out_is_told() -> None:
    seen = Watched().see((0, None, [ac.StartTimer("noSpeechBegin", 3, "speech")]), (3, None, []))
    assert told(seen)[-1] == (
        "timer_event",
        {"timerName": "noSpeechBegin", "action": "expired", "durationSeconds": 3},
    )


def test_an_error_ends_with_its_reason() -> None:
    end = ended(EndCause.PROVIDER_ERROR, Status.ERROR, error="no key")
    seen = told(Watched().see((0, ev.Arrived(), []), (1, ev.StreamFailed("no key"), [end])))
    assert (
        "ari_call_status_update",
        {
            "status": "error",
            "callId": "call-1",
            "callerId": "+49 30 901820",
            "reason": "provider_error",
            "errorMessage": "no key",
        },
    ) in seen


def test_a_keypad_result_is_told() -> None:
    seen = told(Watched().see((0, ev.Digit("7"), [ended(EndCause.DTMF, digits="7")])))
    assert ("dtmf_input_finalized", {"finalDigits": "7", "reason": "dtmf"}) in seen


def test_what_an_operator_changed_is_told_by_name_only() -> None:
    changed = ev.SettingsChanged(settings=None, changes=(("apiKey", "sk-secret"),))  # type: ignore[arg-type]
    seen = Watched().see((0, changed, []))
    assert ("call_settings_changed", {"settings": ["apiKey"]}) in told(seen)
    assert "sk-secret" not in json.dumps(seen)


def test_sensitive_digits_never_leave() -> None:
    keys: list[Step] = [(float(i), ev.Digit(d), []) for i, d in enumerate("471199")]
    steps: list[Step] = [
        *keys,
        (7, None, [ac.SendText("keys: 471199", sensitive=True)]),
        (8, ev.ToolRequested("r", "f", "check_pin", '{"pin":"471199"}'), []),
        (8, ev.ToolFinished("f", "check_pin", "471199 is right"), []),
        (8, ev.AnswerTranscript("r", "i", "Your PIN 471199 is right."), []),
        (9, None, [ended(EndCause.DTMF, digits="471199")]),
    ]
    text = json.dumps(Watched(sensitive=True).see(*steps), ensure_ascii=False)
    assert "471199" not in text
    assert '"digit": "4"' not in text
    assert '"finalDigits": "••••••"' in text


def test_call_changed_carries_facts_and_only_the_entries_that_changed() -> None:
    seen = Watched().see(
        (0, ev.SpeechStarted("i1"), []),
        (1, ev.TurnCommitted("i1"), []),
        (2, ev.AnswerTranscript("r1", "i2", "Hi"), [ac.StartTimer("t", 5, "x")]),
    )
    last = [e["payload"] for e in seen if e["type"] == "call_changed"][-1]
    assert [(e["number"], e["actor"], e["heard"]) for e in last["entries"]] == [(2, "bot", "Hi")]
    assert last["call"]["timers"] == [
        {"name": "t", "owner": "x", "seconds": 5, "dueAt": "2026-11-24T12:00:07.000Z"}
    ]


def test_the_end_of_the_clean_up_is_told() -> None:
    watched = Watched()
    with watched.feed.subscribe() as subscriber:
        watched.feed.released("call-1", 0, watched.record)
        seen = read_all(subscriber)
    assert types(seen) == ["active_calls_list", "call_cleanup_completed", "call_stasis_end"]


def test_a_slow_subscriber_is_told_once_how_much_it_lost_and_holds_up_nobody() -> None:
    host = StandInHost()
    feed = Feed(lambda: host.records)
    record = host.add(new_record())
    with feed.subscribe(limit=5) as slow, feed.subscribe() as quick:
        for number in range(10):  # two envelopes each
            host.play(record, [(float(number), ev.TalkingStarted(), [])], feed)
        after_loss = read_all(slow)
        host.play(record, [(20.0, ev.TalkingFinished(), [])], feed)
        again = read_all(slow)
        everything = read_all(quick)
    assert len(everything) == 1 + 22
    assert types(after_loss)[5:] == ["events_lost", "active_calls_list"]
    assert after_loss[5]["payload"] == {"count": 16}
    assert types(again) == ["vad_speech_detected_end", "call_changed"]


def test_after_a_loss_there_is_one_gap_not_many() -> None:
    watched = Watched()
    with watched.feed.subscribe(limit=3) as slow:
        for number in range(4):
            watched.host.play(watched.record, [(float(number), ev.TalkingStarted(), [])], watched.feed)
            slow.take()
        seen = read_all(slow)
    assert types(seen) == ["events_lost", "active_calls_list"]
    assert seen[0]["payload"] == {"count": 5}


def test_nothing_is_computed_without_a_subscriber(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def asked_to_tell(*given: object) -> list[object]:
        asked.append(given)
        return []

    monkeypatch.setattr(feed_module, "tell", asked_to_tell)
    watched = Watched()
    watched.host.play(watched.record, interrupted_call(), watched.feed)
    with watched.feed.subscribe():
        pass
    watched.host.play(watched.record, [(30, None, [])], watched.feed)
    assert asked == []


def test_a_mistake_in_showing_a_call_stays_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> CallRecord:
        raise RuntimeError("broken")

    monkeypatch.setattr(feed_module, "tell", broken)
    assert Watched().see((0, ev.TalkingStarted(), [])) == []
    assert "could not be shown" in caplog.text


def test_a_reader_that_waits_is_woken() -> None:
    async def scenario() -> str:
        watched = Watched()
        with watched.feed.subscribe() as subscriber:
            await subscriber.next()
            reading = asyncio.ensure_future(subscriber.next())
            await asyncio.sleep(0)
            watched.host.play(watched.record, [(0, ev.TalkingStarted(), [])], watched.feed)
            return await asyncio.wait_for(reading, 5)

    assert json.loads(asyncio.run(scenario()))["timestamp"] == NOON.strftime("%Y-%m-%dT%H:%M:%S.000Z")

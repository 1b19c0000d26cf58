"""ARI's JSON becomes typed events, and nothing that Asterisk sends makes that fail."""

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.ari import (
    ApplicationReplaced,
    AriEvent,
    Bridge,
    Caller,
    Channel,
    ChannelDestroyed,
    ChannelDtmfReceived,
    ChannelHangupRequest,
    ChannelLeftBridge,
    ChannelStateChange,
    ChannelTalkingFinished,
    ChannelTalkingStarted,
    Dial,
    Dialplan,
    Playback,
    PlaybackFinished,
    PlaybackStarted,
    StasisEnd,
    StasisStart,
    parse_event,
)
from offhook.ari.parsing import _EVENTS, channel_from, info_from

CHANNEL_JSON: dict[str, Any] = {
    "id": "pbx-1795.20",
    "name": "PJSIP/line-0000000f",
    "state": "Up",
    "protocol_id": "abc@127.0.0.1",
    "caller": {"name": "Ann", "number": "4711"},
    "connected": {"name": "", "number": ""},
    "accountcode": "",
    "dialplan": {
        "context": "lab",
        "exten": "7000",
        "priority": 2,
        "app_name": "Stasis",
        "app_data": "openai-ari-app",
    },
    "creationtime": "2026-11-23T14:25:07.274+0000",
    "language": "en",
}
CHANNEL = Channel(
    id="pbx-1795.20",
    name="PJSIP/line-0000000f",
    state="Up",
    caller=Caller("Ann", "4711"),
    dialplan=Dialplan("lab", "7000", 2),
    language="en",
)
PLAYBACK_JSON = {
    "id": "p1",
    "media_uri": "sound:hello-world",
    "target_uri": "channel:pbx-1795.20",
    "language": "en",
    "state": "done",
}
PLAYBACK = Playback("p1", "sound:hello-world", "channel:pbx-1795.20", "done")
BRIDGE_JSON = {
    "id": "b1",
    "technology": "simple_bridge",
    "bridge_type": "mixing",
    "bridge_class": "stasis",
    "creator": "Stasis",
    "name": "call",
    "channels": ["ext1"],
}
BRIDGE = Bridge("b1", "call", "mixing", "simple_bridge", ("ext1",))

EVENTS: list[tuple[str, dict[str, Any], AriEvent]] = [
    (
        "StasisStart",
        {"channel": CHANNEL_JSON, "args": ["first", "second"]},
        StasisStart(CHANNEL, ("first", "second"), "openai-ari-app"),
    ),
    ("StasisEnd", {"channel": CHANNEL_JSON}, StasisEnd(CHANNEL)),
    ("ChannelStateChange", {"channel": CHANNEL_JSON}, ChannelStateChange(CHANNEL)),
    (
        "ChannelDtmfReceived",
        {"channel": CHANNEL_JSON, "digit": "#", "duration_ms": 120},
        ChannelDtmfReceived(CHANNEL, "#", 120),
    ),
    ("ChannelTalkingStarted", {"channel": CHANNEL_JSON}, ChannelTalkingStarted(CHANNEL)),
    (
        "ChannelTalkingFinished",
        {"channel": CHANNEL_JSON, "duration": 5040},
        ChannelTalkingFinished(CHANNEL, 5040),
    ),
    ("ChannelHangupRequest", {"channel": CHANNEL_JSON}, ChannelHangupRequest(CHANNEL)),
    (
        "ChannelHangupRequest",
        {"channel": CHANNEL_JSON, "cause": 32, "soft": True},
        ChannelHangupRequest(CHANNEL, 32, soft=True),
    ),
    (
        "ChannelDestroyed",
        {"channel": CHANNEL_JSON, "cause": 16, "cause_txt": "Normal Clearing", "tech_cause": 0},
        ChannelDestroyed(CHANNEL, 16, "Normal Clearing"),
    ),
    (
        "ChannelDestroyed",
        {"channel": CHANNEL_JSON, "cause": 17, "cause_txt": "User busy", "tech_cause": 486},
        ChannelDestroyed(CHANNEL, 17, "User busy"),
    ),
    ("ChannelDestroyed", {"channel": CHANNEL_JSON}, ChannelDestroyed(CHANNEL)),
    (
        "Dial",
        {"peer": CHANNEL_JSON, "dialstatus": "BUSY", "dialstring": "line", "forward": ""},
        Dial(CHANNEL, "BUSY"),
    ),
    ("PlaybackStarted", {"playback": PLAYBACK_JSON}, PlaybackStarted(PLAYBACK)),
    ("PlaybackFinished", {"playback": PLAYBACK_JSON}, PlaybackFinished(PLAYBACK)),
    (
        "ChannelLeftBridge",
        {"channel": CHANNEL_JSON, "bridge": BRIDGE_JSON},
        ChannelLeftBridge(CHANNEL, BRIDGE),
    ),
    ("ApplicationReplaced", {}, ApplicationReplaced("openai-ari-app")),
]


def message(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """An event as Asterisk sends it: the fields that every event has, and its own."""
    return {
        "type": kind,
        "timestamp": "2026-11-23T14:25:17.863+0000",
        "asterisk_id": "02:fc:00:00:00:01",
        "application": "openai-ari-app",
    } | fields


@pytest.mark.parametrize(("kind", "fields", "event"), EVENTS)
def test_each_event_that_the_host_uses(kind: str, fields: dict[str, Any], event: AriEvent) -> None:
    assert parse_event(message(kind, fields)) == event


def test_the_table_above_has_every_event() -> None:
    assert {kind for kind, _, _ in EVENTS} == set(_EVENTS)


@pytest.mark.parametrize("kind", ["ChannelVarset", "ChannelDialplan", "SomethingNew"])
def test_other_events_are_passed_over_in_silence(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    assert parse_event(message(kind, {"channel": CHANNEL_JSON})) is None
    assert not caplog.records


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        ("StasisStart", {}, "channel"),
        ("StasisStart", {"channel": {**CHANNEL_JSON, "id": ""}}, "id"),
        ("StasisStart", {"channel": {**CHANNEL_JSON, "caller": "Ann"}}, "caller"),
        ("StasisStart", {"channel": CHANNEL_JSON, "args": "first"}, "args"),
        ("StasisEnd", {"channel": None}, "channel"),
        ("Dial", {"channel": CHANNEL_JSON}, "channel"),
        ("Dial", {"peer": CHANNEL_JSON, "dialstatus": None}, "dialstatus"),
        ("ChannelDestroyed", {"channel": CHANNEL_JSON, "cause": "17"}, "cause"),
        ("ChannelDtmfReceived", {"channel": CHANNEL_JSON}, "digit"),
        ("ChannelDtmfReceived", {"channel": CHANNEL_JSON, "digit": 5}, "digit"),
        ("ChannelTalkingFinished", {"channel": CHANNEL_JSON, "duration": "5 s"}, "duration"),
        ("PlaybackFinished", {"playback": []}, "playback"),
        ("ChannelLeftBridge", {"channel": CHANNEL_JSON, "bridge": {"id": "b", "channels": [1]}}, "channels"),
    ],
)
def test_a_malformed_event_is_logged_with_its_field_and_left_out(
    kind: str, fields: dict[str, Any], field: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "offhook.ari"):
        assert parse_event(message(kind, fields)) is None
    assert kind in caplog.text
    assert field in caplog.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "channel",
    "peer",
    "playback",
    "bridge",
    "args",
    "digit",
    "duration_ms",
    "duration",
    "cause",
    "cause_txt",
]


@given(JSON)
def test_no_json_makes_parsing_raise(data: object) -> None:
    assert parse_event(data) is None


@given(st.sampled_from(sorted(_EVENTS)), st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_no_field_makes_parsing_raise(kind: str, fields: dict[str, Any]) -> None:
    parse_event(message(kind, fields))


@given(st.sampled_from(sorted(CHANNEL_JSON)), JSON)
def test_no_field_of_a_channel_makes_parsing_raise(field: str, value: object) -> None:
    parse_event(message("StasisEnd", {"channel": {**CHANNEL_JSON, field: value}}))


def test_a_channel_that_nobody_answered_is_not_up() -> None:
    assert CHANNEL.is_up
    assert not channel_from({**CHANNEL_JSON, "state": "Ring"}).is_up


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({"UNICASTRTP_LOCAL_ADDRESS": "127.0.0.1", "UNICASTRTP_LOCAL_PORT": "21012"}, ("127.0.0.1", 21012)),
        ({"UNICASTRTP_LOCAL_ADDRESS": "127.0.0.1"}, None),
        ({"UNICASTRTP_LOCAL_ADDRESS": "127.0.0.1", "UNICASTRTP_LOCAL_PORT": "no"}, None),
        ({}, None),
    ],
)
def test_an_external_media_channel_tells_its_own_address(
    variables: dict[str, str], address: tuple[str, int] | None
) -> None:
    assert channel_from({**CHANNEL_JSON, "channelvars": variables}).rtp_address == address


def test_a_playback_on_a_channel_names_it_and_one_on_a_bridge_does_not() -> None:
    assert PLAYBACK.channel_id == "pbx-1795.20"
    assert Playback("p2", target_uri="bridge:b1").channel_id == ""


@pytest.mark.parametrize(("state", "failed"), [("done", False), ("failed", True)])
def test_only_a_failed_playback_failed(state: str, failed: bool) -> None:
    event = parse_event(message("PlaybackFinished", {"playback": {**PLAYBACK_JSON, "state": state}}))
    assert isinstance(event, PlaybackFinished)
    assert event.failed is failed


def test_the_version_of_asterisk() -> None:
    info = info_from({"system": {"version": "22.10.1", "entity_id": "02:fc"}, "config": {"name": "pbx"}})
    assert (info.version, info.name, info.entity_id) == ("22.10.1", "pbx", "02:fc")

"""The audio formats and their arithmetic."""

from __future__ import annotations

import pytest

from offhook.media import FORMATS, PCM24, PCMA, PCMU, UnknownFormatError, format_named


def test_the_telephone_formats_are_what_asterisk_and_the_api_call_them() -> None:
    assert [(f.realtime_name, f.asterisk_name, f.payload_type) for f in (PCMU, PCMA)] == [
        ("audio/pcmu", "ulaw", 0),
        ("audio/pcma", "alaw", 8),
    ]
    assert [(f.bytes_per_ms, f.frame_bytes) for f in (PCMU, PCMA)] == [(8, 160), (8, 160)]
    assert PCMU.silence(3) == b"\xff\xff\xff"
    assert PCMA.silence(2) == b"\xd5\xd5"


def test_wideband_does_not_travel_by_rtp() -> None:
    assert PCM24.payload_type is None
    assert (PCM24.bytes_per_ms, PCM24.frame_bytes, len(PCM24.silence(480))) == (48, 960, 960)


def test_a_format_is_found_by_its_realtime_name() -> None:
    assert [format_named(f.realtime_name) for f in FORMATS] == list(FORMATS)


def test_an_unknown_format_is_named_with_what_is_allowed() -> None:
    with pytest.raises(UnknownFormatError) as caught:
        format_named("audio/opus")
    assert (
        str(caught.value)
        == "audio format 'audio/opus' is not known; allowed are audio/pcmu, audio/pcma, audio/pcm"
    )

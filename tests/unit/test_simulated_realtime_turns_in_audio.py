"""Where the simulated Realtime server finds speech: on levels, and in audio of the wire."""

import pytest

from offhook.media.formats import PCM24, PCMA, PCMU, AudioFormat
from offhook.simulators import g711, wav
from offhook.simulators.realtime.audio import from_pcm, to_pcm
from offhook.simulators.realtime.input_buffer import KEPT_SILENCE_MS, InputBuffer
from offhook.simulators.realtime.speech import audio_file
from offhook.simulators.realtime.vad import SpeechStarted, SpeechStopped, VadSettings, VoiceActivity

SPEECH, SILENCE = 2000.0, 0.0


def changes(activity: VoiceActivity, *stretches: tuple[float, int]) -> list[SpeechStarted | SpeechStopped]:
    """Feed levels, each for so many milliseconds, and collect what changed."""
    found, now_ms = [], 0
    for level, length_ms in stretches:
        for _ in range(length_ms // 20):
            if change := activity.feed(level, now_ms):
                found.append(change)
            now_ms += 20
    return found


def test_a_turn_begins_before_its_first_sound_and_ends_after_the_silence() -> None:
    activity = VoiceActivity(VadSettings(prefix_padding_ms=300, silence_duration_ms=500))
    found = changes(activity, (SILENCE, 400), (SPEECH, 600), (SILENCE, 1000))
    assert found == [SpeechStarted(100), SpeechStopped(1500)]


def test_a_pause_shorter_than_the_silence_does_not_end_a_turn() -> None:
    activity = VoiceActivity(VadSettings(silence_duration_ms=500))
    found = changes(activity, (SPEECH, 300), (SILENCE, 480), (SPEECH, 300), (SILENCE, 500))
    assert found == [SpeechStarted(0), SpeechStopped(1580)]


def test_a_click_is_no_speech() -> None:
    assert changes(VoiceActivity(), (SILENCE, 200), (SPEECH, 40), (SILENCE, 400), (SPEECH, 40)) == []


def test_the_prefix_does_not_reach_into_the_turn_before() -> None:
    activity = VoiceActivity(VadSettings(prefix_padding_ms=300, silence_duration_ms=200))
    found = changes(activity, (SPEECH, 300), (SILENCE, 260), (SPEECH, 100))
    assert found == [SpeechStarted(0), SpeechStopped(500), SpeechStarted(500)]


def test_a_higher_threshold_takes_louder_audio() -> None:
    murmur = 300.0
    assert changes(VoiceActivity(VadSettings(threshold=0.5)), (murmur, 200)) == [SpeechStarted(0)]
    assert changes(VoiceActivity(VadSettings(threshold=0.9)), (murmur, 200)) == []


def test_steady_noise_is_speech_only_until_it_is_known_as_noise() -> None:
    found = changes(VoiceActivity(), (400.0, 30_000), (4000.0, 100))
    assert found == [SpeechStarted(0), SpeechStopped(10_500), SpeechStarted(29_700)]


@pytest.mark.parametrize(
    ("detection", "expected"),
    [
        (None, VadSettings()),
        ({"type": "semantic_vad", "eagerness": "low"}, VadSettings(silence_duration_ms=1600)),
        ({"type": "semantic_vad", "eagerness": "auto"}, VadSettings(silence_duration_ms=800)),
        (
            {
                "type": "server_vad",
                "threshold": 0.7,
                "prefix_padding_ms": 100,
                "silence_duration_ms": 900,
            },
            VadSettings(0.7, 100, 900),
        ),
    ],
)
def test_what_a_session_asks_for(detection: dict[str, object] | None, expected: VadSettings) -> None:
    assert VadSettings.of(detection) == expected


@pytest.mark.parametrize("audio_format", [PCMU, PCMA, PCM24])
@pytest.mark.parametrize("piece", [1, 160, 10_000])
def test_the_same_turns_in_every_format_and_in_pieces_of_any_size(
    audio_format: AudioFormat, piece: int
) -> None:
    rate = audio_format.rate
    pcm = wav.silence(0.4, rate) + wav.tone(440, 0.6, rate=rate) + wav.silence(0.6, rate)
    audio = from_pcm(pcm, audio_format)
    buffer = InputBuffer(audio_format)
    found = []
    for start in range(0, len(audio), piece):
        found += [change for change in buffer.append(audio[start : start + piece]) if change]
    assert found == [SpeechStarted(100), SpeechStopped(1500)]
    assert buffer.heard_ms == 1600


def test_the_recorded_question_is_one_turn() -> None:
    buffer = InputBuffer(PCMU)
    audio = g711.encode_ulaw(audio_file("question.wav") + wav.silence(1))
    found = [change for change in buffer.append(audio) if change]
    assert [type(change) for change in found] == [SpeechStarted, SpeechStopped]


def test_a_turn_is_cut_out_at_its_very_samples() -> None:
    buffer = InputBuffer(PCMU)
    audio = bytes(range(256)) * 25  # 800 ms
    assert len(list(buffer.append(audio))) == 40
    assert buffer.cut(500) == audio[4000:]
    list(buffer.append(audio))
    assert buffer.cut(900) == audio[800:]


def test_a_commit_in_the_middle_of_a_frame_loses_nothing() -> None:
    buffer = InputBuffer(PCMU)
    audio = bytes(range(250)) * 4
    list(buffer.append(audio))
    assert buffer.take() == audio
    list(buffer.append(audio))
    assert buffer.take() == audio
    assert buffer.length_ms == 0


def test_half_a_minute_of_silence_is_kept() -> None:
    buffer = InputBuffer(PCMU)
    for _ in range(70):
        list(buffer.append(b"\xff" * 8000))
        buffer.forget_silence()
    assert KEPT_SILENCE_MS <= buffer.length_ms <= 2 * KEPT_SILENCE_MS
    assert buffer.heard_ms == 70_000


def test_another_format_starts_the_buffer_anew_and_goes_on_with_the_time() -> None:
    buffer = InputBuffer(PCM24)
    list(buffer.append(bytes(48 * 1000)))
    buffer.change_format(PCMU)
    assert buffer.length_ms == 0
    assert buffer.heard_ms == 1000
    list(buffer.append(b"\xff" * 1600))
    assert buffer.heard_ms == 1200


@pytest.mark.parametrize("audio_format", [PCMU, PCMA])
def test_telephone_audio_survives_the_way_to_samples_and_back(audio_format: AudioFormat) -> None:
    codes = bytes(range(256))
    assert to_pcm(from_pcm(to_pcm(codes, audio_format), audio_format), audio_format) == to_pcm(
        codes, audio_format
    )

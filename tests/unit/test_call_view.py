"""What a part may know of its call: read-only, and always up to date."""

from __future__ import annotations

from collections.abc import Iterable

from call_scenario import CALL_ID, CallScenario
from offhook import Action, CallView, Event, Phase, Play, StopPlayback
from offhook.call.events import (
    AnswerAudioStarted,
    AnswerPlayed,
    Arrived,
    Digit,
    FinalTranscript,
    InterimTranscript,
    MediaReady,
    PlaybackFinished,
    ResponseDone,
    ResponseStarted,
    SettingsChanged,
    SpeechStarted,
    SpeechStopped,
    StreamOpened,
    TalkingFinished,
    TalkingStarted,
)
from offhook.settings import settings_with


def test_the_phase_moves_forward_from_arrival_to_listening() -> None:
    call = CallScenario(settings_with(preconnect=False), "FIXED_DELAY")
    view, phases = call.call.view, []
    for time, event in (
        (0, Arrived()),
        (1, MediaReady()),
        (2, PlaybackFinished("greeting")),
        (4, StreamOpened()),
    ):
        call.until(time)
        phases.append(view.phase)
        call.at(time, event)
    phases.append(view.phase)
    assert phases == [Phase.ARRIVING, Phase.ARRIVING, Phase.WAITING, Phase.OPENING, Phase.LISTENING]


def test_a_part_sees_the_time_the_settings_and_the_id_of_its_call() -> None:
    call = CallScenario(settings_with(), "IMMEDIATE")
    call.listening(3)
    assert (call.call.view.call_id, call.call.view.now) == (CALL_ID, 3)
    changed = settings_with(voice="cedar")
    call.at(3, SettingsChanged(changed, (("voice", "cedar"),)))
    assert call.call.view.settings is changed


def test_a_part_sees_whether_the_greeting_or_another_prompt_plays() -> None:
    class Menu:
        """Plays a menu of its own over the greeting."""

        def on(self, event: Event, call: CallView) -> Iterable[Action]:
            if isinstance(event, Digit):
                yield Play("menu", "sound:menu")
                yield StopPlayback("greeting")

    call = CallScenario(settings_with(), "VAD", keypad=Menu())
    view = call.call.view
    assert not view.prompts_playing
    call.connected()
    assert view.greeting_playing
    call.at(1, Digit("1"), PlaybackFinished("greeting"))
    assert (view.greeting_playing, view.prompts_playing) == (False, True)
    call.at(2, PlaybackFinished("menu"))
    assert not view.prompts_playing


def test_a_part_sees_whether_the_model_or_the_caller_speaks() -> None:
    call = CallScenario(settings_with(), "IMMEDIATE")
    call.listening()
    view = call.call.view
    seen = []
    for event in (
        SpeechStarted("i1"),
        SpeechStopped("i1"),
        TalkingStarted(),
        TalkingFinished(),
        ResponseStarted("r1"),
        AnswerAudioStarted("r1", "a1"),
        ResponseDone("r1"),
        AnswerPlayed("a1", 900),
    ):
        call.at(1, event)
        seen.append("caller" if view.caller_speaking else "model" if view.answering else "")
    assert seen == ["caller", "", "caller", "", "model", "model", "model", ""]


def test_a_part_sees_what_the_caller_said() -> None:
    call = CallScenario(settings_with(), "IMMEDIATE")
    call.listening()
    call.at(1, FinalTranscript("i1", "A tea."), SpeechStarted("i2"), InterimTranscript("i3", "And"))
    assert call.call.view.transcripts == ["A tea.", "And"]


def test_a_part_sees_which_timers_run() -> None:
    call = CallScenario(settings_with(), "IMMEDIATE")
    call.listening()
    assert call.call.view.timer_runs("noSpeechBegin")
    assert not call.call.view.timer_runs("dtmfFinal")

"""The activation mode VAD: listen when Asterisk's TALK_DETECT hears the caller speak.

The caller's audio is kept from the start, so that the words which woke us reach the provider too. Two
sub-modes, by `vadRecogActivation`:

- `afterPrompt`: speech during the greeting counts once the greeting has ended (barge-in ends it at once);
  after it, speech within `vadMaxWaitAfterPromptSeconds` counts, else the call ends with `no_speech`.
- `vadMode`: the greeting does not matter. Speech during the two delays counts when both are over, later
  speech at once.
"""

from __future__ import annotations

from collections.abc import Iterable

from offhook import (
    Action,
    Activate,
    Buffer,
    CallView,
    ClearTimer,
    EndCause,
    Event,
    Finish,
    GreetingFinished,
    Part,
    SetTalkDetect,
    Settings,
    Silence,
    Started,
    StartTimer,
    TalkingFinished,
    TalkingStarted,
    TimerExpired,
    hookimpl,
)


class Vad:
    """What both sub-modes share: TALK_DETECT, and how long talking takes until it counts."""

    def __init__(self) -> None:
        self._speech_noted = False

    def on(self, event: Event, call: CallView) -> Iterable[Action]:
        match event:
            case Started(greeting=greeting):
                vad = call.settings.recognition.vad_config
                yield SetTalkDetect(vad.vad_silence_threshold_ms, vad.vad_talk_threshold)
                yield Buffer()
                yield from self.started(greeting, call)
            case TalkingStarted():
                vad = call.settings.recognition.vad_config
                if vad.vad_recognition_activation_ms > 0:
                    # Asterisk tells the end of talking so much silence later: only then is it known how long it was.
                    ms = vad.vad_recognition_activation_ms + vad.vad_silence_threshold_ms
                    yield StartTimer("vadRecognitionActivation", ms / 1000)
                else:
                    yield from self._heard(call)
            case TalkingFinished():
                yield ClearTimer("vadRecognitionActivation")
            case TimerExpired(name="vadRecognitionActivation"):
                yield from self._heard(call)
            case _:
                yield from self.waited(event, call)

    def _heard(self, call: CallView) -> Iterable[Action]:
        """The caller has talked long enough for it to count."""
        self._speech_noted = True
        if call.settings.barge_in.barge_in_mode_enabled:
            yield Silence()
        yield from self.speech(call)

    def started(self, greeting: bool, call: CallView) -> Iterable[Action]:
        raise NotImplementedError

    def speech(self, call: CallView) -> Iterable[Action]:
        raise NotImplementedError

    def waited(self, event: Event, call: CallView) -> Iterable[Action]:
        raise NotImplementedError


class AfterPrompt(Vad):
    """`afterPrompt`: the greeting first."""

    def __init__(self) -> None:
        super().__init__()
        self._greeting = False

    def started(self, greeting: bool, call: CallView) -> Iterable[Action]:
        self._greeting = greeting
        if not greeting:
            yield from self._after_prompt(call)

    def speech(self, call: CallView) -> Iterable[Action]:
        if not self._greeting:
            yield Activate()

    def waited(self, event: Event, call: CallView) -> Iterable[Action]:
        match event:
            case GreetingFinished():
                self._greeting = False
                yield from self._after_prompt(call)
            case TimerExpired(name="vadMaxWaitAfterPrompt"):
                yield Finish(EndCause.NO_SPEECH)
            case _:
                pass

    def _after_prompt(self, call: CallView) -> Iterable[Action]:
        if self._speech_noted:
            yield Activate()
        else:
            yield StartTimer(
                "vadMaxWaitAfterPrompt", call.settings.recognition.vad_max_wait_after_prompt_seconds
            )


class VadMode(Vad):
    """`vadMode`: two delays that run side by side, then speech."""

    def __init__(self) -> None:
        super().__init__()
        self._delays: set[str] = set()

    def started(self, greeting: bool, call: CallView) -> Iterable[Action]:
        recognition = call.settings.recognition
        for name, seconds in (
            ("vadInitialSilenceDelay", recognition.vad_initial_silence_delay_seconds),
            ("vadActivationDelay", recognition.vad_activation_delay_seconds),
        ):
            if seconds > 0:
                self._delays.add(name)
                yield StartTimer(name, seconds)

    def speech(self, call: CallView) -> Iterable[Action]:
        if not self._delays:
            yield Activate()

    def waited(self, event: Event, call: CallView) -> Iterable[Action]:
        if isinstance(event, TimerExpired) and event.name in self._delays:
            self._delays.discard(event.name)
            if self._speech_noted and not self._delays:
                yield Activate()


@hookimpl(trylast=True)
def activation_mode(mode: str, settings: Settings) -> Part | None:
    if mode != "vad":
        return None
    return VadMode() if settings.recognition.vad_recog_activation == "vadMode" else AfterPrompt()

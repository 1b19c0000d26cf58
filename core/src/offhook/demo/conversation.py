"""The demonstration's call: the caller asks, interrupts the answer, and says goodbye."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from offhook.call.entries import Turn
from offhook.call.record import CallRecord
from offhook.host import Host
from offhook.plugins.hooks import Hooks
from offhook.runner.call_settings import MODE, with_known_modes
from offhook.settings import LayeredSettings, Settings
from offhook.simulators.asterisk import LeftStasis, SimulatedAsterisk, SimulatedCaller
from offhook.simulators.realtime import (
    SimulatedRealtime,
    audio_file,
    speech_available,
    transcribe,
)
from offhook.simulators.realtime.speech import PiperVoice
from offhook.simulators.wav import read_wav, tone

from .recording import DemoError, Recording
from .report import OutputLost, Report
from .verdict import Expected, judge

GREETING = "Welcome. How can I help you?"
QUESTION = "Hello. I would like to know your opening hours on Saturday, please."
INTERRUPTION = "Stop, please. I have another question."
GOODBYE = "Thank you very much. Goodbye."

BEFORE_INTERRUPTING_SECONDS = 2.5
"""So much of the answer the caller hears before speaking over it."""
THINKING_SECONDS = 0.8
"""So long the caller is silent after what was heard."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What a person may choose.

    wav: what the caller says first (mono, 16 bits), in place of the package's question. json: one object a line.
    directory: where the recording goes.
    """

    wav: Path | None = None
    mode: str = "VAD"
    json: bool = False
    directory: Path = Path("offhook-demo")


async def hold_call(options: DemoOptions) -> int:
    """Hold the call and show it; returns the exit status: 0 if everything was as it should.

    Cancelled, it saves what was heard so far and says where. Raises SettingsError for a mode that no plugin has,
    DemoError for a file that cannot be used, OutputLost when what it shows cannot be written.
    """
    call = DemoCall(options)
    report = call.report
    try:
        return await call.hold()
    except OutputLost:
        call.save()
        raise
    except asyncio.CancelledError:
        seconds = call.save()
        if report.lost:
            raise report.lost from None
        report.stopped(call.recording.path, seconds)
        raise


class DemoCall:
    """One call between the simulators, from their start to the verdict. Made inside the task that holds it."""

    def __init__(self, options: DemoOptions) -> None:
        self.hooks = Hooks.installed()
        chosen = LayeredSettings(Settings()).with_layer("--mode", {MODE: options.mode}, strict=True)
        self.settings = with_known_modes(chosen, self.hooks)
        self.options = options
        self.question = audio_file("question.wav") if options.wav is None else _own_words(options.wav)
        this_task = asyncio.current_task()
        assert this_task is not None
        self.report = Report(as_json=options.json, stop=this_task.cancel)
        self.hooks.register(self.report, "demo")
        self.speech = speech_available()
        self.recording = Recording(options.directory)
        self.caller: SimulatedCaller | None = None

    def save(self) -> float:
        """Save what was heard so far; returns its seconds. Raises DemoError."""
        return self.recording.save(self.caller)

    async def hold(self) -> int:
        """Hold the call; returns the exit status."""
        report, mode = self.report, self.options.mode
        report.say("offhook demo: a call with no key, no Asterisk and no network")
        if not self.speech:
            report.say(
                "The speech engines are not installed (pip install 'offhook[speech]'): the server understands "
                "no words and answers with a recording."
            )
        welcome = await asyncio.to_thread(_spoken, GREETING) if self.speech else tone(440, 1.0)
        async with (
            SimulatedAsterisk(sounds={"welcome": welcome}) as asterisk,
            SimulatedRealtime() as provider,
            Host(self._host_settings(asterisk, provider), hooks=self.hooks) as host,
        ):
            report.watch(host)
            report.say(f"Asterisk (simulated) at {asterisk.url}, Realtime API (simulated) at {provider.url}")
            report.say(f"Console, while the call goes on: {host.console_url}")
            await asterisk.connected()
            report.tell("dialled", f"the caller dials 7000, activation mode {mode}")
            caller = await asterisk.dial("7000", caller_number="+4930901820", caller_name="Ada")
            self.caller = caller
            of_question: list[str] = []
            left = await self._talk(caller, host, of_question)
            await asyncio.sleep(0.2)  # the host lets go of what the call held
            record = _record(host)
        seconds = self.save()
        understood = await asyncio.to_thread(transcribe, caller.heard) if self.speech else ""
        own_words = str(self.options.wav or "")
        expected = Expected(GREETING, "" if own_words else QUESTION, own_words, INTERRUPTION, self.speech)
        return report.conclude(
            left=left,
            recording=self.recording.path,
            seconds=seconds,
            understood=understood,
            verdict=judge(expected, record, left, understood, of_question),
        )

    def _host_settings(self, asterisk: SimulatedAsterisk, provider: SimulatedRealtime) -> LayeredSettings:
        values = {
            "ari_url": asterisk.url,
            "ari_username": asterisk.username,
            "ari_password": asterisk.password,
            "base_url": provider.url,
            "greeting_audio_path": "sound:welcome",
            "port": 0,
            "rtp_port_min": 10_000,
            "rtp_port_max": 60_000,
        }
        return self.settings.with_layer("demo", values, strict=True)

    async def _talk(self, caller: SimulatedCaller, host: Host, of_question: list[str]) -> LeftStasis:
        """The caller's side of the call. Ends by itself when the other side does not play along.

        What was understood before the interruption goes to of_question.
        """
        report = self.report
        with suppress(TimeoutError, ConnectionError):
            await caller.answered()
            report.tell("answered", "answered")
            await caller.wait_heard()
            await caller.wait_quiet(THINKING_SECONDS)
            caller.play(self.question)
            await caller.played()
            await caller.wait_heard(since=caller.speech_ended_at)
            await asyncio.sleep(BEFORE_INTERRUPTING_SECONDS)
            of_question += _understood(_record(host))
            report.tell("interrupting", "the caller speaks over the answer")
            caller.play(audio_file("stop.wav"))
            report.interruption(caller, await caller.wait_quiet(0.3))
            await caller.played()
            await caller.wait_heard(since=caller.speech_ended_at)
            await caller.wait_quiet(THINKING_SECONDS)
            if self.speech:
                caller.play(audio_file("goodbye.wav"))
                await caller.played()
            else:
                report.tell("keys", "the caller presses 1 2 #")
                await caller.press("12#")
            return await caller.left_stasis(timeout_seconds=30)
        if caller.ended_at is None:
            report.tell("hanging_up", "the other side does not play along: the caller hangs up")
        await caller.hangup()
        return await caller.left_stasis()


def _record(host: Host) -> CallRecord:
    return next(iter(host.records.values()))


def _understood(record: CallRecord) -> list[str]:
    turns = (entry for entry in record.entries if isinstance(entry, Turn))
    return [turn.text for turn in turns if turn.actor == "caller" and turn.text]


def _own_words(path: Path) -> bytes:
    try:
        return read_wav(path)
    except ValueError as error:
        raise DemoError(f"--wav {error}") from None


def _spoken(text: str) -> bytes:
    return b"".join(audio for _, audio in PiperVoice().speak(text, 8000, 1.0))

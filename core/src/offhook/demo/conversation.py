"""The demonstration's call: the caller asks, interrupts the answer, and says goodbye."""

from __future__ import annotations

import asyncio
import wave
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from offhook.host import Host
from offhook.plugins.hooks import Hooks
from offhook.settings import settings_with
from offhook.simulators.asterisk import LeftStasis, SimulatedAsterisk, SimulatedCaller
from offhook.simulators.realtime import (
    SimulatedRealtime,
    audio_file,
    speech_available,
    transcribe,
)
from offhook.simulators.realtime.speech import PiperVoice
from offhook.simulators.wav import read_wav, tone

from .report import Report
from .verdict import Expected, judge

GREETING = "Welcome. How can I help you?"
QUESTION = "Hello. I would like to know your opening hours on Saturday, please."
INTERRUPTION = "Stop, please. I have another question."
GOODBYE = "Thank you very much. Goodbye."

BEFORE_INTERRUPTING_SECONDS = 2.5
"""So much of the answer the caller hears before speaking over it."""
THINKING_SECONDS = 0.8
"""So long the caller is silent after what was heard."""


class DemoError(Exception):
    """A file that cannot be used; the text names it."""


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

    Raises SettingsError for a mode that no plugin has, DemoError for a file that cannot be used.
    """
    try:
        question = audio_file("question.wav") if options.wav is None else read_wav(options.wav)
        options.directory.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError, EOFError, wave.Error) as error:
        raise DemoError(f"{options.wav or options.directory}: {error}") from error
    report = Report(as_json=options.json)
    speech = speech_available()
    report.say("offhook demo: a call with no key, no Asterisk and no network")
    if not speech:
        report.say(
            "The speech engines are not installed (pip install 'offhook[speech]'): the server understands no "
            "words and answers with a recording."
        )
    welcome = await asyncio.to_thread(_spoken, GREETING) if speech else tone(440, 1.0)
    async with (
        SimulatedAsterisk(sounds={"welcome": welcome}) as asterisk,
        SimulatedRealtime() as provider,
    ):
        settings = settings_with(
            ari_url=asterisk.url,
            ari_username=asterisk.username,
            ari_password=asterisk.password,
            base_url=provider.url,
            greeting_audio_path="sound:welcome",
            recognition_activation_mode=options.mode,
            port=0,
            rtp_port_min=10_000,
            rtp_port_max=60_000,
        )
        hooks = Hooks.installed()
        hooks.register(report, "demo")
        async with Host(settings, hooks=hooks) as host:
            report.watch(host)
            report.say(f"Asterisk (simulated) at {asterisk.url}, Realtime API (simulated) at {provider.url}")
            report.say(f"Console, while the call goes on: {host.console_url}")
            await asterisk.connected()
            report.tell("dialled", f"the caller dials 7000, activation mode {options.mode}")
            caller = await asterisk.dial(
                "7000",
                caller_number="+4930901820",
                caller_name="Ada",
            )
            left = await _talk(caller, question, report, understood=speech)
            await asyncio.sleep(0.2)  # the host lets go of what the call held
            record = next(iter(host.calls.values()))
    recording = options.directory / "what-the-caller-heard.wav"
    caller.save(recording)
    understood = await asyncio.to_thread(transcribe, caller.heard) if speech else ""
    expected = Expected(GREETING, QUESTION if options.wav is None else "", INTERRUPTION, speech)
    return report.conclude(
        left=left,
        recording=recording,
        seconds=len(caller.heard) / 16_000,
        understood=understood,
        verdict=judge(expected, record, left, understood),
    )


async def _talk(caller: SimulatedCaller, question: bytes, report: Report, *, understood: bool) -> LeftStasis:
    """The caller's side of the call. Ends by itself when the other side does not play along."""
    with suppress(TimeoutError, ConnectionError):
        await caller.answered()
        report.tell("answered", "answered")
        await caller.wait_heard()
        await caller.wait_quiet(THINKING_SECONDS)
        caller.play(question)
        await caller.played()
        await caller.wait_heard(since=caller.speech_ended_at)
        await asyncio.sleep(BEFORE_INTERRUPTING_SECONDS)
        report.tell("interrupting", "the caller speaks over the answer")
        caller.play(audio_file("stop.wav"))
        report.interruption(caller, await caller.wait_quiet(0.3))
        await caller.played()
        await caller.wait_heard(since=caller.speech_ended_at)
        await caller.wait_quiet(THINKING_SECONDS)
        if understood:
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


def _spoken(text: str) -> bytes:
    return b"".join(audio for _, audio in PiperVoice().speak(text, 8000, 1.0))

"""The examples of docs/dialplan.md as they stand there: loaded into Asterisk, and a call held through each."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from asterisk.lab import Lab
from asterisk.offhook_process import offhook_run
from asterisk.sip_caller import SipCaller
from call_bench import Ears, Mouth, utterance
from offhook.simulators.realtime import Dialogue, ScriptedDialogue, Session, SimulatedRealtime

PAGE: Final = Path(__file__).parents[2] / "docs/dialplan.md"
BLOCKS: Final = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
DIALPLAN: Final = "\n".join(text for language, text in BLOCKS if language == "asterisk")
HOST: Final = dict(
    line.split("=", 1) for language, text in BLOCKS if language == "sh" for line in text.split()
)
"""The host's settings that the page shows."""
WAY_IN: Final = """
[lab](+)
exten => _200X,1,Goto(phones,${EXTEN},1)
"""
STEP: Final = re.compile(
    r'Executing \[(\S+)@(?!lab:)\S+:\d+\] (\w+)\("PJSIP/callers-\w+", "(.*)"\) in new stack'
)
LOG_SECONDS: Final = 5.0
APP: Final = "openai-ari-app"
# What the example of extension `h`, which holds for all of them, does:
NOT_HUNG_UP: Final = ("h GotoIf(0?done)", "h Log(…)", "h GotoIf(1?done)", "h NoOp()")
HUNG_UP: Final = ("h GotoIf(0?done)", "h Log(…)", "h GotoIf(0?done)", "h NoOp(hung up…)", "h NoOp()")
NEVER_HERE: Final = ("h GotoIf(1?done)", "h NoOp()")


@pytest.fixture(scope="module")
def examples(asterisk: Lab) -> Iterator[Lab]:
    """An Asterisk with the page's dialplan beside its own."""
    file = asterisk.directory / "etc/extensions.conf"
    before = file.read_text()
    file.write_text(f"{before}\n{WAY_IN}\n{DIALPLAN}")
    asterisk.cli("dialplan reload")
    yield asterisk
    file.write_text(before)
    asterisk.cli("dialplan reload")


class HeldExample:
    """A call through one example."""

    def __init__(self, asterisk: Lab, caller: SipCaller, sessions: Sequence[Session] = ()) -> None:
        self.caller = caller
        self.sessions = sessions
        """The sessions with the Realtime server."""
        self._asterisk = asterisk
        self._logged = len(asterisk.log())

    async def silence(self) -> None:
        """Wait for the end of what the caller hears, a prompt or an answer."""
        await self.caller.wait_heard()
        await self.caller.wait_quiet(0.4)

    async def took(self, *steps: str) -> None:
        """The dialplan went these steps and no other, from the first `Stasis()` on. `…` stands for anything."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOG_SECONDS):
                while not _are(steps, self._taken()):  # noqa: ASYNC110 (Asterisk's log has no event)
                    await asyncio.sleep(0.05)
        taken = self._taken()
        assert _are(steps, taken), "\n".join(["the dialplan's steps:", *taken])

    def _taken(self) -> list[str]:
        log = self._asterisk.log()[self._logged :]
        steps = [f"{name} {app}({arguments})" for name, app, arguments in STEP.findall(log)]
        first = next((number for number, step in enumerate(steps) if f"Stasis({APP})" in step), len(steps))
        return steps[first + 1 :]


def _are(wanted: Sequence[str], taken: Sequence[str]) -> bool:
    patterns = [".*".join(map(re.escape, step.split("…"))) for step in wanted]
    return len(wanted) == len(taken) and all(map(re.fullmatch, patterns, taken))


@asynccontextmanager
async def held(
    asterisk: Lab, extension: str, *, words: Sequence[str] = ("hello",), dialogue: Dialogue | None = None
) -> AsyncIterator[HeldExample]:
    """Call the extension; the host has its default settings. `words` are those of `utterance(0)`, `(1)` …"""
    async with (
        SimulatedRealtime(recognizer=Ears(words), voice=Mouth(1.0), dialogue=dialogue) as provider,
        offhook_run(
            asterisk.environment,
            provider.url,
            asterisk_ari_app_name=APP,
            recognition_activation_mode="VAD",
            greeting_audio_path="sound:hello-world",
            openai_silence_duration_ms="500",
            **HOST,
        ),
        SipCaller(asterisk.sip_address, extension) as caller,
    ):
        call = HeldExample(asterisk, caller, provider.sessions)
        assert await caller.call() == 200
        yield call


def test_asterisk_takes_every_line_of_the_page(examples: Lab) -> None:
    lines = [line for line in DIALPLAN.splitlines() if line and not line.startswith((";", "[", "include"))]
    contexts = re.findall(r"^\[(\w+)\]", DIALPLAN, re.M)
    shown = "".join(examples.cli(f"dialplan show {context}") for context in contexts)
    assert len(re.findall(r"\[extensions\.conf:\d+\]", shown)) == len(lines)


@pytest.mark.asyncio
async def test_a_conversation(examples: Lab) -> None:
    async with held(examples, "2001") as call:
        await call.silence()
        await call.caller.play(utterance(0))
        await call.silence()
        await call.caller.press("#")
        await call.caller.wait_ended()
        await call.took(
            "2001 GotoIf(0?down)", "2001 NoOp(OK dtmf )", "2001 GotoIf(0?down)", "2001 Hangup()", *NOT_HUNG_UP
        )


@pytest.mark.asyncio
async def test_a_conversation_where_no_host_is_there(examples: Lab) -> None:
    async with SipCaller(examples.sip_address, "2001") as caller:
        call = HeldExample(examples, caller)
        await caller.call()
        await call.took("2001 GotoIf(1?down)", "2001 Playback(vm-nobodyavail)", "2001 Hangup()", *NEVER_HERE)


@pytest.mark.asyncio
async def test_a_spoken_answer_is_asked_for_again_after_silence_and_after_what_was_not_understood(
    examples: Lab,
) -> None:
    async with held(examples, "2002", words=("", 'The "Sales", please.')) as call:
        await call.silence()
        await call.silence()  # three seconds later the caller is asked again
        await call.caller.play(utterance(0))
        await call.silence()
        await call.caller.play(utterance(1))
        await call.caller.wait_ended()
        again = (
            "2002 GotoIf(0?failed)",
            "2002 GotoIf(0?heard)",
            "2002 Set(APP_GREETING_AUDIO_PATH=sound:please-try-again)",
            "2002 Set(tries=…)",
            "2002 GotoIf(1?ask)",
            "2002 Stasis(openai-ari-app)",
        )
        await call.took(
            *again,
            *again,
            "2002 GotoIf(0?failed)",
            "2002 GotoIf(1?heard)",
            "2002 Set(said=the sales please)",
            "2002 GotoIf(5?sales)",
            "2002 NoOp(to the sales department)",
            "2002 Hangup()",
            *NOT_HUNG_UP,
        )


@pytest.mark.asyncio
async def test_a_menu_takes_a_wrong_key_a_word_and_a_key(examples: Lab) -> None:
    async with held(examples, "2003", words=("sales",)) as call:
        await call.caller.wait_heard()
        await call.caller.press("7")
        await call.silence()
        await call.caller.play(utterance(0))
        await call.caller.wait_ended()
        await call.took(
            "2003 GotoIf(0?key-0,1)",
            "2003 GotoIf(1?key-7,1)",
            "i Goto(2003,1)",
            *("2003 Set(…)",) * 3,
            "2003 Stasis(openai-ari-app)",
            "2003 GotoIf(0?key-0,1)",
            "2003 GotoIf(0?key-,1)",
            "2003 GotoIf(5?key-1,1)",
            "key-1 NoOp(to the sales department)",
            "key-1 Hangup()",
            *NOT_HUNG_UP,
        )


@pytest.mark.asyncio
async def test_a_transfer_by_the_model(examples: Lab) -> None:
    dialogue = ScriptedDialogue(
        [{"call": "transfer_call", "arguments": {"extension": "100"}}, {"say": "One moment, please."}]
    )
    async with held(examples, "2004", words=("A person, please.",), dialogue=dialogue) as call:
        await call.silence()
        await call.caller.play(utterance(0))
        await call.caller.wait_ended()
        await call.took(
            "100 NoOp(transfer: A person, please.)",
            "100 Dial(PJSIP/100,30)",
            "100 Playback(vm-nobodyavail)",
            "100 Hangup()",
        )


@pytest.mark.asyncio
async def test_instructions_and_voice_of_one_call(examples: Lab) -> None:
    async with held(examples, "2005") as call:
        await call.silence()  # the model speaks first
        await call.caller.hang_up()
        await call.took(*HUNG_UP)
    session = call.sessions[0]
    assert session.configuration["instructions"] == (
        'You take orders for a pizzeria, "Da Mario". Ask for size, topping and address.'
    )
    assert session.configuration["audio"]["output"]["voice"] == "cedar"
    assert session.configuration["audio"]["input"]["transcription"]["language"] == "en"
    assert session.items[0]["content"][0]["text"] == "Greet the caller."


@pytest.mark.asyncio
async def test_extension_h_after_a_hang_up(examples: Lab) -> None:
    async with held(examples, "2006", words=("I am content.",)) as call:
        await call.silence()
        await call.caller.play(utterance(0))
        await call.silence()
        await call.caller.hang_up()
        await call.took(
            "h GotoIf(0?done)",
            f"h Log(NOTICE,call … from {call.caller.number} ended: hangup)",
            "h GotoIf(0?done)",
            "h NoOp(hung up after saying: I am content.)",
            "h NoOp()",
        )


@pytest.mark.asyncio
async def test_a_dialplan_for_unimrcp(examples: Lab) -> None:
    async with held(examples, "2007", words=("", "four seven")) as call:
        await call.silence()
        await call.caller.play(utterance(0))
        await call.silence()  # please try again, and the question
        await call.caller.play(utterance(1))
        await call.caller.wait_ended()
        back = ("s GotoIf(1?done)", "s Return()", "2007 GotoIf(1?:failed)")
        await call.took(
            *back,
            "2007 GotoIf(1?nomatch)",
            "2007 Playback(please-try-again)",
            "2007 Goto(recog)",
            "2007 Gosub(recognise,s,1(sound:vm-enter-num-to-call))",
            *("s Set(…)",) * 2,
            "s Stasis(openai-ari-app)",
            *back,
            "2007 GotoIf(0?nomatch)",
            "2007 GotoIf(0?noinput)",
            "2007 NoOp(recognised: four seven)",
            "2007 Hangup()",
            *NOT_HUNG_UP,
        )


@pytest.mark.asyncio
async def test_a_dialplan_for_unimrcp_where_no_host_is_there(examples: Lab) -> None:
    async with SipCaller(examples.sip_address, "2007") as caller:
        call = HeldExample(examples, caller)
        await caller.call()
        await call.took(
            "s GotoIf(0?done)",
            "s Set(RECOG_STATUS=ERROR)",
            "s Return()",
            "2007 GotoIf(0?:failed)",
            "2007 NoOp( )",
            "2007 Hangup()",
            *NEVER_HERE,
        )

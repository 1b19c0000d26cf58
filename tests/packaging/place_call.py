"""Places calls in an environment where Offhook is installed, and prints what came of them as JSON.

    python -I place_call.py '[{"variables": {"APP_DTMF_MAX_DIGITS": "2"}, "press": "17"}]' '[{"say": "Hello."}]'

It runs with nothing but what is installed. All calls are placed at once, on one host whose settings are in the
environment. Of each call: `variables` of its channel, `number` of the caller, keys to `press`, whether to `say`
something (true, or the name of one of the simulators' recordings), and whether to `hang_up` once an answer was heard.
The second list is what the model does, as `ScriptedDialogue` takes it; without it the model follows its rules.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from typing import Any

import offhook
from offhook import Host, load_settings
from offhook.simulators import wav
from offhook.simulators.asterisk import SimulatedAsterisk, SimulatedCaller
from offhook.simulators.realtime import ScriptedDialogue, SimulatedRealtime, audio_file

QUICK = {
    "PORT": "0",
    "GREETING_AUDIO_PATH": "none",
    "BARGE_IN_DELAY_SECONDS": "0.2",
    "OPENAI_SILENCE_DURATION_MS": "200",
    "RTP_PORT_MIN": "10000",
    "RTP_PORT_MAX": "60000",
    "OPENAI_API_KEY": "sk-none",
}


class Ears:
    """Understands the same, whatever is said."""

    def load(self) -> None:
        """Nothing to load."""

    def transcribe(self, pcm: bytes, rate: int) -> str:
        return "hello there"


async def place(asterisk: SimulatedAsterisk, call: dict[str, Any]) -> dict[str, Any]:
    caller = await asterisk.dial(
        variables=call.get("variables", {}), caller_number=call.get("number", "100"), caller_name="Test"
    )
    with suppress(ConnectionError):  # it may end before it is answered
        await act(caller, call)
    left = await caller.left_stasis(30)
    return {
        "how": left.how,
        "context": left.context,
        "extension": left.extension,
        "result": {name: value for name, value in left.variables.items() if not name.startswith("APP_")},
        "heard_something": bool(caller.loud_times()),
    }


async def act(caller: SimulatedCaller, call: dict[str, Any]) -> None:
    await caller.answered()
    if keys := call.get("press"):
        await caller.press(keys)
    if words := call.get("say"):
        caller.play(wav.tone(440, 1.0) if words is True else audio_file(words))
    if call.get("hang_up"):
        await caller.wait_heard(since=0.0)
        await caller.hangup()


async def place_all(calls: list[dict[str, Any]], script: list[dict[str, Any]]) -> dict[str, Any]:
    model = ScriptedDialogue(script) if script else None
    async with (
        SimulatedAsterisk() as asterisk,
        SimulatedRealtime(recognizer=Ears(), dialogue=model) as provider,
    ):
        here = {
            "ASTERISK_ARI_URL": asterisk.url,
            "ASTERISK_ARI_USERNAME": asterisk.username,
            "ASTERISK_ARI_PASSWORD": asterisk.password,
            "OPENAI_BASE_URL": provider.url,
        }
        try:
            host = Host(load_settings(environ={**QUICK, **os.environ, **here}))
        except offhook.PluginConflict as error:
            return {"refused": str(error)}
        async with host:
            await asterisk.connected()
            done = await asyncio.gather(*(place(asterisk, call) for call in calls))
            return {
                "calls": done,
                "tools": [tool["name"] for tool in await host.tools()],
                "sessions": [session.configuration for session in provider.sessions],
                "received_bytes": [len(session.received) for session in provider.sessions],
                "asked": [
                    message.body
                    for session in provider.sessions
                    for message in session.messages
                    if not message.from_server
                ],
            }


if __name__ == "__main__":
    answer = asyncio.run(place_all(*map(json.loads, sys.argv[1:3])))
    print(json.dumps({"offhook": offhook.__file__, **answer}))

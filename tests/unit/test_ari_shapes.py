"""The simulated Asterisk's events and REST answers have the shapes of a real Asterisk's.

`ari_shapes.json` holds the keys and types of messages captured from Asterisk 22 (`scripts/ari_shapes.py` made
it). The switch is driven without sockets: requests go straight to the REST side, and the RTP leg is a
stand-in.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from offhook.simulators.asterisk import channel_routes, channels, other_routes
from offhook.simulators.asterisk.channels import CallerChannel
from offhook.simulators.asterisk.outgoing import Refusal, SimulatedCallee
from offhook.simulators.asterisk.rest import RestSide, Routes
from offhook.simulators.asterisk.sounds import Sounds
from offhook.simulators.asterisk.stasis import EventSocket
from offhook.simulators.asterisk.switch import Switch
from offhook.simulators.wav import tone

SHAPES = json.loads((Path(__file__).parent / "ari_shapes.json").read_text(encoding="utf-8"))
NOT_SIMULATED = {"ChannelDialplan", "DeviceStateChanged", "ApplicationRegistered", "RESTResponse"}
APP = "the-app"


class StandInLeg:
    """An external media leg without a socket."""

    local = ("127.0.0.1", 40000)

    def __init__(self, *_: object) -> None:
        pass

    def send(self, ulaw: bytes, due: float) -> None:
        pass

    def close(self) -> None:
        pass


class Recorder(EventSocket):
    """Keeps the events that an application gets."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def put(self, event: dict[str, Any]) -> None:
        self.events.append(event)


class Bench:
    """A switch, its REST side, and two applications: one hears its own calls, one hears everything."""

    def __init__(self) -> None:
        self.switch = Switch("127.0.0.1", Sounds(), stasis_start_delay_seconds=0)
        routes = Routes()
        routes.extend(channel_routes.routes)
        routes.extend(other_routes.routes)
        self.rest = RestSide(self.switch, routes, "user", "password")
        self.mine, self.all = Recorder(), Recorder()
        self.switch.stasis.attach([APP], self.mine, False)
        self.switch.stasis.attach(["watcher"], self.all, True)

    async def ask(self, request: str, body: str = "", **query: str) -> Any:
        """One REST exchange; returns the answer's JSON."""
        method, path = request.split(" ")
        _, answer = await self.rest.answer(method, path, query, body)
        for _ in range(3):  # what is due "at once" happens in the next turns of the loop
            await asyncio.sleep(0)
        return answer

    def call(self, answered: bool = True) -> CallerChannel:
        """A call that has entered the application."""
        channel = CallerChannel(self.switch, self.switch.channel_id(), "PJSIP/x", "Ring", "100", False)
        channel.dialplan_seconds = 60
        self.switch.add_caller(channel)
        self.switch.enter_stasis(channel, APP, ["first"])
        if answered:
            self.switch.answer(channel)
        return channel

    async def originate(self, channel_id: str, refuses: Refusal | None = None) -> SimulatedCallee:
        """A call of the application's own, to a telephone that answers or refuses at once."""
        callee = SimulatedCallee(
            "PJSIP/alice", answers_after_seconds=0.0, refuses=refuses, rings=True, dtx=False
        )
        self.switch.callees["PJSIP/alice"] = callee
        await self.ask(
            f"POST /channels/{channel_id}",
            body='{"variables": {"X": "1"}}',
            endpoint="PJSIP/alice",
            app=APP,
            callerId="Ann <4711>",
        )
        return callee

    def pass_time(self, channel: channels.Channel | Any, seconds: float) -> None:
        """Move a channel or bridge by so much audio."""
        for step in range(round(seconds * 50)):
            channel.step(step * 0.02)


def differences(value: Any, shape: Any, where: str) -> list[str]:
    """How a JSON value departs from a shape."""
    names = {dict: "object", list: "array", bool: "boolean", int: "integer", float: "number", str: "string"}
    if isinstance(shape, dict) and isinstance(value, dict):
        required = {key for key in shape if not key.endswith("?")}
        allowed = {key.rstrip("?"): item for key, item in shape.items()}
        found = [f"{where}.{key} is missing" for key in sorted(required - value.keys())]
        found += [f"{where}.{key} is not Asterisk's" for key in sorted(value.keys() - allowed.keys())]
        for key in value.keys() & allowed.keys():
            found += differences(value[key], allowed[key], f"{where}.{key}")
        return found
    if isinstance(shape, list) and isinstance(value, list):
        item_shapes = shape or ["nothing"]
        return [line for item in value for line in differences(item, item_shapes[0], f"{where}[]")]
    name = names.get(type(value), "null")
    return [] if isinstance(shape, str) and name in shape.split("|") else [f"{where} is {name}, not {shape}"]


async def exercise(bench: Bench) -> None:
    """Every event and every answer that the captures have."""
    caller = bench.call(answered=False)
    path = f"/channels/{caller.id}"
    await bench.ask(f"POST {path}/ring")
    await bench.ask(f"POST {path}/answer")
    await bench.ask(f"GET {path}")
    await bench.ask("GET /channels")
    await bench.ask(f"GET {path}/variable", variable="CALLERID(num)")
    await bench.ask(f"GET {path}/variable", variable="NOT_SET")
    await bench.ask(f"POST {path}/variable", variable="X", value="1")
    await bench.ask(f"POST {path}/variable", body="no JSON", variable="X", value="1")
    await bench.ask(f"POST {path}/variable", variable="TALK_DETECT(set)", value="250,256")
    await bench.ask("POST /applications/the-app/subscription", eventSource=f"channel:{caller.id}")
    await bench.ask("GET /nope")
    await bench.ask(f"PUT {path}")

    external = await bench.ask(
        "POST /channels/externalMedia", app=APP, external_host="127.0.0.1:9", format="ulaw"
    )
    await bench.ask("POST /channels/externalMedia", app=APP, external_host="127.0.0.1", format="ulaw")
    await bench.ask("POST /channels/externalMedia", app=APP, external_host="127.0.0.1:9", format="nope")
    snoop = await bench.ask(f"POST {path}/snoop", spy="in", app=APP)
    await bench.ask(f"POST {path}/snoop", spy="sideways", app=APP)

    bridge = await bench.ask("POST /bridges", type="mixing")
    bridge_path = f"/bridges/{bridge['id']}"
    await bench.ask("POST /bridges/b1", type="mixing")
    await bench.ask("POST /bridges/b1", type="mixing")
    await bench.ask(f"POST {bridge_path}/removeChannel", channel=caller.id)
    await bench.ask(f"POST {bridge_path}/addChannel", channel="nope")
    await bench.ask("POST /bridges/nope/addChannel", channel=caller.id)
    await bench.ask(f"POST {bridge_path}/addChannel", channel=caller.id)
    await bench.ask(f"POST {bridge_path}/addChannel", channel=external["id"])
    await bench.ask("POST /bridges/b1/addChannel", channel=snoop["id"])
    await bench.ask("GET /bridges")
    await bench.ask(f"GET {bridge_path}")

    playback = await bench.ask(f"POST {path}/play", media="sound:hello-world,sound:beep")
    bench.pass_time(caller, 1)
    await bench.ask(f"POST {path}/play/pb1", media="sound:hello-world")
    await bench.ask("DELETE /playbacks/pb1")
    await bench.ask(f"DELETE /playbacks/{playback['id']}")
    await bench.ask("POST /channels/nope/play", media="sound:hello-world")
    await bench.ask(f"POST {bridge_path}/play", media="sound:beep")
    bench.pass_time(bench.switch.bridges[bridge["id"]], 1)

    caller.phone.play(tone(800, 0.1))
    bench.pass_time(caller, 1)
    pressing = asyncio.create_task(caller.phone.press("1"))
    await asyncio.sleep(0)
    bench.pass_time(caller, 0.3)
    await pressing
    await bench.ask(f"POST {path}/dtmf", dtmf="1")

    await caller.phone.hangup()
    await bench.ask(f"DELETE {path}")
    await bench.ask(f"POST {path}/variable", variable="X", value="1")
    await bench.ask(f"DELETE /channels/{external['id']}")
    await bench.ask(f"DELETE {bridge_path}")
    await bench.ask(f"DELETE {bridge_path}")

    other = bench.call()
    await bench.ask(f"POST /channels/{other.id}/continue")
    await bench.ask(f"POST /channels/{other.id}/play", media="sound:beep")
    await bench.ask(f"POST /channels/{other.id}/continue")
    await bench.ask(f"POST /channels/{other.id}/variable", variable="X", value="1")
    await bench.ask("POST /bridges/b1/addChannel", channel=other.id)
    await bench.call(answered=False).phone.hangup()

    await bench.originate("o1")
    await bench.originate("o1")
    answered = await bench.originate("o2")
    await answered.calls[0].hangup()
    await bench.originate("o3", refuses="busy")
    await bench.ask("POST /channels/o4", endpoint="PJSIP/nobody", app=APP)
    await bench.ask("POST /channels/o4", endpoint="nobody", app=APP)
    bench.switch.stasis.attach([APP], Recorder(), False)


@pytest.mark.asyncio
async def test_every_event_and_answer_has_asterisks_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "RtpLeg", StandInLeg)
    bench = Bench()
    try:
        await exercise(bench)
    finally:
        bench.switch.close()

    events = bench.mine.events + bench.all.events
    found = [
        line
        for event in events
        for line in differences(event, SHAPES["events"][event["type"]], event["type"])
    ]
    assert found == []
    assert SHAPES["events"].keys() - {event["type"] for event in events} == NOT_SIMULATED

    answered = set()
    for exchange in bench.rest.exchanges:
        parts = exchange.path.split("/")
        if len(parts) > 2 and parts[2] != "externalMedia":
            parts[2] = "{}"
        if len(parts) > 4:
            parts[4] = "{}"
        key = f"{exchange.method} {'/'.join(parts)} {exchange.status}"
        answered.add(key)
        assert key in SHAPES["answers"], f"Asterisk never answered so: {exchange}"
        assert differences(exchange.response, SHAPES["answers"][key], key) == []
    assert SHAPES["answers"].keys() - answered == set()


def test_a_key_too_many_a_key_too_few_and_a_wrong_type_are_noticed() -> None:
    shape = {"a": "string", "b?": ["integer"]}

    assert differences({"a": "x"}, shape, "it") == []
    assert differences({"a": "x", "b": [1, "2"]}, shape, "it") == ["it.b[] is string, not integer"]
    assert differences({"b": [1], "c": 1}, shape, "it") == ["it.a is missing", "it.c is not Asterisk's"]

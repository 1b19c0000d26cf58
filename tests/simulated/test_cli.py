"""The command `offhook` as a person runs it: what it prints, how it ends, and what it never shows."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

import pytest

from call_bench import RESULT_VARIABLES
from command_line import LIMIT_SECONDS, offhook, run
from offhook.settings import Settings
from offhook.settings.leaves import leaves
from offhook.simulators.asterisk import SimulatedAsterisk
from offhook.simulators.realtime import SimulatedRealtime
from plain_ari import PlainAri


def environment(
    asterisk: SimulatedAsterisk, provider: str = "ws://127.0.0.1:1/v1", **more: str
) -> dict[str, str]:
    """What an operator sets to serve the calls of this Asterisk."""
    return {
        "ASTERISK_ARI_URL": asterisk.url,
        "ASTERISK_ARI_USERNAME": asterisk.username,
        "ASTERISK_ARI_PASSWORD": asterisk.password,
        "OPENAI_API_KEY": "sk-top-secret",
        "OPENAI_BASE_URL": provider,
        "PORT": "0",
        "GREETING_AUDIO_PATH": "none",
        "RECOGNITION_ACTIVATION_MODE": "IMMEDIATE",
        **more,
    }


# --- What it says about itself ------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        ([], 2, "serve the calls of an Asterisk"),
        (["--help"], 0, "serve the calls of an Asterisk"),
        (["--version"], 0, "offhook "),
        (["nonsense"], 2, "invalid choice: 'nonsense'"),
        (["run", "--nonsense"], 2, "unrecognized arguments: --nonsense"),
        (["simulate"], 2, "realtime|asterisk"),
        (["simulate", "--help"], 0, "realtime|asterisk"),
        (["simulate", "nonsense"], 2, "realtime|asterisk"),
        (["simulate", "realtime", "--help"], 0, "offhook simulate realtime"),
        (["simulate", "asterisk", "--help"], 0, "offhook simulate asterisk"),
    ],
)
async def test_it_says_what_it_can_do(words: list[str], status: int, expected: str, tmp_path: Path) -> None:
    ended = await run(tmp_path, *words)
    assert ended.status == status
    assert expected in (ended.complained if status else ended.printed)
    assert "Traceback" not in ended.complained


# --- offhook run that cannot ------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "status", "expected"),
    [
        ({"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}, 2, ["OPENAI_API_KEY is not set"]),
        (
            {"RECOGNITION_ACTIVATION_MODE": "TELEPATHY"},
            2,
            ["TELEPATHY", "environment RECOGNITION_ACTIVATION_MODE", "IMMEDIATE, FIXED_DELAY, VAD"],
        ),
        ({"DTMF_MAX_DIGITS": "many"}, 2, ["dtmfMaxDigits", "many", "DTMF_MAX_DIGITS", "from 1 to 256"]),
        (
            {"RTP_PORT_MIN": "30001", "RTP_PORT_MAX": "30001"},
            2,
            ["RTP_PORT_MIN", "30001", "RTP_PORT_MAX", "even"],
        ),
        (
            {"RTP_HOST_IP": "999.1.1.1"},
            2,
            ["  - RTP cannot use the address '999.1.1.1' (RTP_BIND_IP, RTP_HOST_IP)"],
        ),
        ({"ASTERISK_ARI_URL": "http://me:my-secret@127.0.0.1:1"}, 2, ["ARI URL holds a user or a password"]),
        ({"WEBSOCKET_SERVER_HOST_IP": "0.0.0.0"}, 2, ["OFFHOOK_TOKEN"]),
        (
            {"ASTERISK_ARI_PASSWORD": "my-secret"},
            1,
            ["refused the login", "ASTERISK_ARI_USERNAME", "ASTERISK_ARI_PASSWORD", "'offhook'", "ari.conf"],
        ),
        ({"ASTERISK_ARI_URL": "http://127.0.0.1:1"}, 1, ["127.0.0.1:1", "ASTERISK_ARI_URL", "refused"]),
    ],
    ids=[
        "no key",
        "unknown mode",
        "bad number",
        "no RTP port",
        "no RTP address",
        "login in URL",
        "no token",
        "login",
        "no Asterisk",
    ],
)
async def test_run_says_in_one_message_what_keeps_it_from_running(
    changes: dict[str, str], status: int, expected: list[str], tmp_path: Path
) -> None:
    async with SimulatedAsterisk() as asterisk:
        ended = await run(tmp_path, "run", **{**environment(asterisk), **changes})
    assert ended.status == status, ended.complained
    for words in expected:
        assert words in ended.complained
    assert ended.complained.count("offhook: ") == 1, "one message"
    assert "Traceback" not in ended.complained
    assert "secret" not in ended.complained
    assert ended.printed == ""


@pytest.mark.asyncio
async def test_run_names_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        async with SimulatedAsterisk() as asterisk:
            ended = await run(tmp_path, "run", **environment(asterisk, PORT=port))
    assert ended.status == 1
    assert f"offhook: PORT is {port}, and another program listens there" in ended.complained
    assert "Traceback" not in ended.complained


@pytest.mark.asyncio
async def test_run_ends_when_another_program_takes_its_application(tmp_path: Path) -> None:
    async with (
        SimulatedAsterisk() as asterisk,
        offhook(tmp_path, "run", **environment(asterisk)) as command,
    ):
        await asterisk.connected(LIMIT_SECONDS)
        await command.said("taking calls")
        async with PlainAri(asterisk):
            ended = await command.ended()
    assert ended.status == 1
    assert "offhook: another program has taken over the Stasis application openai-ari-app" in ended.complained
    assert "Traceback" not in ended.complained


# --- offhook run ------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name
)
async def test_a_signal_ends_run_and_gives_the_caller_back(number: signal.Signals, tmp_path: Path) -> None:
    async with (
        SimulatedAsterisk() as asterisk,
        SimulatedRealtime(speech=False) as provider,
        offhook(tmp_path, "run", **environment(asterisk, provider.url)) as command,
    ):
        assert "127.0.0.1" in await command.said("console at")
        caller = await asterisk.dial()
        await caller.answered(LIMIT_SECONDS)
        command.signal(number)
        left = await caller.left_stasis(LIMIT_SECONDS)
        ended = await command.ended()
    assert ended.status == 0, ended.complained
    assert "Traceback" not in ended.complained
    assert left.how == "continued"
    assert set(RESULT_VARIABLES) <= left.variables.keys()
    assert left.variables["OFFHOOK_END_CAUSE"] == "shutdown"
    lines = [
        line for line in ended.complained.splitlines() if f"call={left.variables['OFFHOOK_CALL_ID']}" in line
    ]
    assert any("call ended: shutdown" in line for line in lines), "the log names the call"


@pytest.mark.asyncio
async def test_the_log_shows_neither_secrets_nor_sensitive_digits(tmp_path: Path) -> None:
    digits = "9410726"  # so long that no time, port or id can hold it by chance
    async with (
        SimulatedAsterisk() as asterisk,
        SimulatedRealtime(speech=False) as provider,
        offhook(
            tmp_path,
            "run",
            **environment(
                asterisk, provider.url, LOG_LEVEL="debug", DTMF_SENSITIVE="true", OFFHOOK_TOKEN="token-secret"
            ),
        ) as command,
    ):
        await command.said("console at")
        caller = await asterisk.dial()
        await caller.answered(LIMIT_SECONDS)
        await caller.press(f"{digits}#")
        assert (await caller.left_stasis(LIMIT_SECONDS)).variables["DTMF_RESULT"] == digits
        await command.said("call ended: dtmf")
        command.signal(signal.SIGTERM)
        ended = await command.ended()
    assert ended.status == 0
    assert "secret" not in ended.complained
    assert digits not in ended.complained


# --- offhook config -----------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_config_shows_every_value_and_where_it_comes_from(tmp_path: Path) -> None:
    (tmp_path / "offhook.json").write_text(json.dumps({"appConfig": {"dtmfConfig": {"dtmfMaxDigits": 4}}}))
    (tmp_path / ".env").write_text(
        "OPENAI_VOICE=cedar\nDTMF_MAX_DIGITS=5\nASTERISK_ARI_PASSWORD=env-secret\n"
    )
    given = {"DTMF_MAX_DIGITS": "6", "OPENAI_API_KEY": "sk-top-secret"}
    ended = await run(tmp_path, "config", "--config", "offhook.json", **given)
    assert ended.status == 0, ended.complained
    rows = {line.split()[0]: line.split()[1:] for line in ended.printed.splitlines()}
    assert rows["SETTING"] == ["VALUE", "FROM"]
    assert rows["DTMF_MAX_DIGITS"] == ["6", "environment", "DTMF_MAX_DIGITS"]
    assert rows["OPENAI_TTS_VOICE"] == ["cedar", ".env"]
    assert rows["VAD_TALK_THRESHOLD"] == ["256", "default"]
    assert rows["OPENAI_API_KEY"] == ["***", "environment", "OPENAI_API_KEY"]
    assert len(rows) == len(leaves()) + 1
    assert "secret" not in ended.printed + ended.complained

    below = await run(tmp_path, "config", "--config", "offhook.json", "--env-file", os.devnull, "--json")
    shown = {row["env"]: row for row in json.loads(below.printed)}
    assert shown["DTMF_MAX_DIGITS"]["value"] == "4"
    assert shown["DTMF_MAX_DIGITS"]["origin"] == "file offhook.json"
    assert shown["OPENAI_INSTRUCTIONS"]["value"] == Settings().openai.instructions, "whole, not cut"


@pytest.mark.asyncio
async def test_config_stops_at_mistakes_and_lists_them_all(tmp_path: Path) -> None:
    (tmp_path / "offhook.json").write_text('{"appConfig": {"dtmfConfig": {"dtmfMaxDigit": 4}}}')
    ended = await run(tmp_path, "config", "--config", "offhook.json", DTMF_ENABLED="perhaps")
    assert ended.status == 2
    assert "dtmfMaxDigit in file offhook.json is no known setting" in ended.complained
    assert "the nearest is appConfig.dtmfConfig.dtmfMaxDigits" in ended.complained
    assert "dtmfEnabled is 'perhaps' (environment DTMF_ENABLED); allowed is true or false" in ended.complained
    assert ended.printed == ""


# --- All of it together -----------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_the_simulators_and_run_hold_a_call_as_three_programs(tmp_path: Path) -> None:
    steps = ["7000", "heard", "dtmf:12#", "bye"]
    async with (
        offhook(tmp_path, "simulate", "realtime", "--port", "0", "--no-speech") as realtime,
        offhook(tmp_path, "simulate", "asterisk", "--port", "0", *steps) as asterisk,
    ):
        _, _, provider = (await realtime.printed()).partition("=")
        ari = (await asterisk.said("ARI at")).split()[2].rstrip(",")
        given = {
            "ASTERISK_ARI_URL": ari,
            "ASTERISK_ARI_USERNAME": "offhook",
            "ASTERISK_ARI_PASSWORD": "offhook",
            "OPENAI_BASE_URL": provider,
            "INITIAL_USER_PROMPT": "Greet the caller.",
            "GREETING_AUDIO_PATH": "none",
            "RECOGNITION_ACTIVATION_MODE": "IMMEDIATE",
            "PORT": "0",
        }
        async with offhook(tmp_path, "run", **given) as serving:
            call = await asterisk.ended()
            serving.signal(signal.SIGTERM)
            served = await serving.ended()
        realtime.signal(signal.SIGINT)
        provided = await realtime.ended()
    facts = json.loads(call.printed)
    assert facts["failed"] is None
    assert facts["left"] == "continued"
    assert facts["variables"]["DTMF_RESULT"] == "12"
    assert facts["variables"]["OFFHOOK_END_CAUSE"] == "dtmf"
    assert (call.status, served.status, provided.status) == (0, 0, 0)
    assert "Traceback" not in call.complained + served.complained + provided.complained

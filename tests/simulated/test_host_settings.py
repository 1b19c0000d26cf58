"""The settings of one call: what the dialplan, plugins and the console say, and what happens to what is wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Mapping
from typing import Any

import pytest

from call_bench import SPEECH, Bench, bench, failure, with_plugin
from offhook import CallInfo, Host, hookimpl, load_settings
from offhook.plugins.hooks import Hooks
from offhook.settings import SettingsError
from offhook.simulators.asterisk import SimulatedCaller

NOWHERE = "ws://127.0.0.1:1/v1"
"""A provider that cannot be reached: every call fails."""


def setting(calls: Bench, path: str) -> Any:
    """A setting of the newest call, by its place in the tree of a settings file."""
    value: Any = calls.host.call_settings(calls.record.call_id)
    for name in path.split("."):
        value = value[name]
    return value


def problems(calls: Bench) -> str:
    return "\n".join(problem.text for problem in calls.record.problems)


def session(calls: Bench, number: int = -1) -> Any:
    """The Realtime session of a call as the provider has it."""
    return calls.provider.sessions[number].configuration


# --- Channel variables ----------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_channel_variables_of_every_kind_hold_for_their_call_only() -> None:
    async with bench() as calls:
        first = await calls.dial(
            dtmf_max_digits="2",
            dtmf_enabled="no",
            barge_in_delay_seconds="0.25",
            recognition_activation_mode="fixed-delay",
            openai_instructions="Answer in one word.",
            openai_voice="cedar",
            openai_input_audio_format="g711_alaw",
            openai_output_audio_format="g711_alaw",
            openai_language="de-DE",
            openai_response_modalities="audio",
            initial_user_prompt="none",
            end_action="HANGUP",
            media_topology="Split",
        )
        await calls.listening()
        assert setting(calls, "appConfig.dtmfConfig.dtmfMaxDigits") == 2
        assert setting(calls, "appConfig.dtmfConfig.dtmfEnabled") is False
        assert setting(calls, "appConfig.appRecognitionConfig.bargeInDelaySeconds") == 0.25
        assert setting(calls, "appConfig.appRecognitionConfig.recognitionActivationMode") == "FIXED_DELAY"
        assert setting(calls, "appConfig.callConfig.endAction") == "hangup"
        assert setting(calls, "appConfig.mediaConfig.mediaTopology") == "split"
        assert session(calls)["instructions"] == "Answer in one word."
        assert session(calls)["audio"]["output"]["voice"] == "cedar"
        assert session(calls)["audio"]["input"]["format"]["type"] == "audio/pcma"
        assert session(calls)["audio"]["input"]["transcription"]["language"] == "de"
        assert problems(calls) == ""

        second = await calls.dial()
        await calls.listening()
        assert setting(calls, "appConfig.dtmfConfig.dtmfMaxDigits") == 16
        assert session(calls)["audio"]["output"]["voice"] == "marin"

        await first.press("12#")
        await second.press("12#")
        assert (await second.left_stasis()).variables["DTMF_RESULT"] == "12"
        assert first.ended_at is None, "its digits are ignored"
        await first.hangup()


@pytest.mark.asyncio
async def test_the_spelling_of_later_set_ups_and_values_with_odd_characters_are_taken() -> None:
    async with bench() as calls:
        caller = await calls.dial(
            apprecognition_dtmfmaxdigits="3",
            openai_instructions="Sag „Grüß Gott“, 100 % = all\nand | (so) ${X}",
        )
        await calls.listening()
        assert session(calls)["instructions"] == "Sag „Grüß Gott“, 100 % = all\nand | (so) ${X}"
        await caller.press("123")
        assert (await caller.left_stasis()).variables["DTMF_RESULT"] == "123"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("DTMF_MAX_DIGITS", "many", "a whole number from 1 to 256"),
        ("DTMF_MAX_DIGITS", "0", "a whole number from 1 to 256"),
        ("DTMF_ENABLED", "perhaps", "true or false"),
        ("END_ACTION", "explode", "continue, hangup"),
        ("GREETING_AUDIO_PATH", "ftp://x", "sound:"),
        ("RECOGNITION_ACTIVATION_MODE", "TELEPATHY", "IMMEDIATE, FIXED_DELAY, VAD"),
    ],
)
async def test_a_bad_channel_variable_leaves_what_the_host_has(name: str, value: str, wanted: str) -> None:
    async with bench() as calls:
        caller = await calls.dial(**{name: value})
        await calls.listening()
        shown = problems(calls)
        await caller.press("12#")
        left = await caller.left_stasis()
    assert left.variables["OFFHOOK_END_CAUSE"] == "dtmf"
    assert left.variables["RECOGNITION_ERROR"] == "", "the call did not fail"
    for words in (f"channel variable APP_{name}", value, wanted):
        assert words in shown


@pytest.mark.asyncio
async def test_a_bad_channel_variable_is_reported_with_the_failure_of_its_call() -> None:
    async with bench(base_url=NOWHERE) as calls:
        caller = await calls.dial(DTMF_MAX_DIGITS="many")
        cause, error = failure(await caller.left_stasis())
    assert cause == "provider_error"
    assert error.index("cannot reach") < error.index("APP_DTMF_MAX_DIGITS"), "the cause comes first"


@pytest.mark.asyncio
async def test_variables_that_cannot_be_read_in_time_are_left_out() -> None:
    async with bench(settings_timeout_ms=100) as calls:
        calls.hold("read_variables")
        caller = await calls.dial(DTMF_MAX_DIGITS="2")
        await calls.listening()
        assert "SETTINGS_TIMEOUT_MS" in problems(calls)
        await caller.press("123#")
        assert (await caller.left_stasis()).variables["DTMF_RESULT"] == "123"


@pytest.mark.asyncio
async def test_variables_that_asterisk_does_not_tell_are_left_out() -> None:
    async with bench() as calls:
        calls.refuse("read_variables")
        caller = await calls.dial(DTMF_MAX_DIGITS="2")
        await calls.listening()
        assert "could not be read" in problems(calls)
        await caller.press("123#")
        assert (await caller.left_stasis()).variables["DTMF_RESULT"] == "123"


# --- Activation modes that no plugin has --------------------------------------------------------------


def test_an_unknown_mode_in_the_environment_stops_the_start() -> None:
    layered = load_settings(environ={"RECOGNITION_ACTIVATION_MODE": "TELEPATHY"})
    with pytest.raises(SettingsError) as refused:
        Host(layered)
    for words in ("recognitionActivationMode", "TELEPATHY", "environment RECOGNITION_ACTIVATION_MODE", "VAD"):
        assert words in str(refused.value)


@pytest.mark.asyncio
async def test_a_host_without_the_default_modes_plugin_serves_the_calls_that_choose_another() -> None:
    hooks = Hooks.installed(disabled=("activation_vad",))
    async with bench(hooks=hooks, recognition_activation_mode="VAD") as calls:
        caller = await calls.dial()
        cause, error = failure(await caller.left_stasis())
        assert cause == "config_error"
        assert "recognitionActivationMode" in error
        assert "VAD" in error
        assert caller.answered_at is None
        other = await calls.dial(recognition_activation_mode="IMMEDIATE")
        await calls.listening()
        await other.press("1#")
        assert (await other.left_stasis()).variables["OFFHOOK_END_CAUSE"] == "dtmf"


# --- Plugins --------------------------------------------------------------------------------------------


class Crm:
    """Settings from a customer database, in every way that it can answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[CallInfo, dict[str, str]]] = []

    @hookimpl
    def call_settings(self, call: CallInfo, variables: Mapping[str, str]) -> Any:
        self.asked.append((call, dict(variables)))
        return self.answer()


async def later(settings: Mapping[str, Any], seconds: float = 0.0) -> Mapping[str, Any]:
    await asyncio.sleep(seconds)
    return settings


async def fails_later() -> Mapping[str, Any]:
    await asyncio.sleep(0)
    raise ConnectionError("the database is down")


def fails() -> Mapping[str, Any]:
    raise ConnectionError("the database is down")


async def ended_by(calls: Bench, digits: str, **variables: str) -> str:
    """The keypad's result of a call in which these keys are pressed."""
    caller: SimulatedCaller = await calls.dial(**variables)
    await calls.listening()
    await caller.press(digits)
    return (await caller.left_stasis()).variables["DTMF_RESULT"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "answer",
    [lambda: {"dtmfMaxDigits": 2}, lambda: later({"dtmf_max_digits": "2"})],
    ids=["at once", "awaitable"],
)
async def test_a_plugin_sets_what_a_call_does_and_the_dialplan_has_the_last_word(answer: Any) -> None:
    crm = Crm(answer)
    async with bench(hooks=with_plugin(crm)) as calls:
        assert await ended_by(calls, "123") == "12"
        assert await ended_by(calls, "123#", DTMF_MAX_DIGITS="3") == "123"
    (first, no_variables), (_, variables) = crm.asked
    assert (first.caller_number, first.dialed) == ("100", "7000")
    assert (no_variables, variables) == ({}, {"APP_DTMF_MAX_DIGITS": "3"})


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "answer",
    [
        fails,
        fails_later,
        lambda: later({"dtmfMaxDigits": 1}, seconds=60),
        lambda: "nonsense",
        lambda: {"dtmfMaxDigits": "many"},
        lambda: {"noSuchSetting": 1},
        lambda: {17: "a number for a name"},
        lambda: {"apiKey": "sk-for-one-call"},
    ],
    ids=["raises", "raises later", "late", "nonsense", "bad value", "unknown", "no name", "not per call"],
)
async def test_a_plugin_that_fails_to_give_settings_costs_nothing_else(answer: Any) -> None:
    class Second:
        @hookimpl
        def call_settings(self) -> Mapping[str, Any] | Awaitable[Mapping[str, Any]] | None:
            return {"dtmfMaxDigits": 2}

    async with bench(hooks=with_plugin(Second(), Crm(answer)), settings_timeout_ms=300) as calls:
        assert await ended_by(calls, "123") == "12"


@pytest.mark.asyncio
async def test_a_bad_value_of_a_plugin_is_shown_with_its_name() -> None:
    async with bench(hooks=with_plugin(Crm(lambda: {"dtmfMaxDigits": "many"}))) as calls:
        await ended_by(calls, "1#")
        assert "plugin mine-1" in problems(calls)
        assert "many" in problems(calls)


# --- The console ----------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_an_operator_changes_the_next_calls() -> None:
    async with bench() as calls:
        running = await calls.dial()
        await calls.listening()
        applied = await calls.host.update_session({"voice": "cedar", "dtmfMaxDigits": 2})
        assert applied == {"voice": "cedar", "dtmfMaxDigits": 2}
        await running.press("12#")
        assert (await running.left_stasis()).variables["DTMF_RESULT"] == "12"
        assert await ended_by(calls, "123") == "12"
        assert session(calls)["audio"]["output"]["voice"] == "cedar"
        assert session(calls, 0)["audio"]["output"]["voice"] == "marin"
        assert await ended_by(calls, "123", DTMF_MAX_DIGITS="3") == "123"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"voice": "cedar", "dtmfMaxDigits": "many"}, "dtmfMaxDigits"),
        ({"voice": "cedar", "port": 1}, "port"),
        ({"voice": "cedar", "noSuchSetting": 1}, "noSuchSetting"),
        ({"voice": "cedar", "recognitionActivationMode": "TELEPATHY"}, "TELEPATHY"),
    ],
)
async def test_a_change_with_a_mistake_is_refused_as_a_whole(changes: dict[str, Any], words: str) -> None:
    async with bench() as calls:
        with pytest.raises(ValueError, match=words):
            await calls.host.update_session(changes)
        await ended_by(calls, "1#")
        assert session(calls)["audio"]["output"]["voice"] == "marin"


@pytest.mark.asyncio
async def test_an_operator_changes_a_running_call() -> None:
    async with bench() as calls:
        caller = await calls.dial()
        await calls.listening()
        call_id = calls.record.call_id
        await calls.host.update_session({"instructions": "Speak like a pirate."}, call_id)
        await calls.until(
            lambda: session(calls)["instructions"] == "Speak like a pirate.", "the change at the provider"
        )
        assert setting(calls, "openAIRealtimeAPI.instructions") == "Speak like a pirate."
        with pytest.raises(SettingsError, match="dtmfMaxDigits cannot be changed while a call runs"):
            await calls.host.update_session({"instructions": "No.", "dtmfMaxDigits": 2}, call_id)
        assert setting(calls, "openAIRealtimeAPI.instructions") == "Speak like a pirate."
        caller.play(SPEECH)  # and the call goes on
        await caller.wait_heard()
        await caller.hangup()
        await calls.over()
        await calls.until(lambda: calls.host.call_settings(call_id) is None, "the call forgotten")
        with pytest.raises(ValueError, match=call_id):
            await calls.host.update_session({"instructions": "Too late."}, call_id)
        assert await ended_by(calls, "1#") == "1"
        assert session(calls)["instructions"] != "Speak like a pirate.", "that was for one call"


@pytest.mark.asyncio
async def test_no_secret_is_among_the_settings_that_are_shown() -> None:
    async with bench(api_key="sk-very-secret", token="another-secret") as calls:
        caller = await calls.dial()
        await calls.listening()
        shown = f"{calls.host.call_settings()} {calls.host.call_settings(calls.record.call_id)}"
        await caller.hangup()
    assert "sk-very-secret" not in shown
    assert "another-secret" not in shown


@pytest.mark.asyncio
async def test_the_callers_audio_goes_out_in_messages_of_the_length_that_is_set() -> None:
    appended: dict[str, Counter[int]] = {}

    class Sizes:
        @hookimpl
        def realtime_event(self, call_id: str, direction: str, message: Mapping[str, Any]) -> None:
            if message["type"] == "input_audio_buffer.append":
                appended.setdefault(call_id, Counter())[message["audio"]] += 1

    async with bench(hooks=with_plugin(Sizes()), recognition_activation_mode="IMMEDIATE") as calls:
        for frame_ms in ("60", "20"):
            caller = await calls.dial(input_frame_ms=frame_ms)
            caller.play(SPEECH)
            await caller.wait_heard()  # the answer to it
            await caller.hangup()
            await calls.over()
    long, short = appended.values()
    assert long[480] > 10
    assert long[160] < 3, "what was kept while the stream opened goes out at once, and may be a single frame"
    assert short[160] > 30

"""Channel variables: every per-call setting has one, and a bad one never loses the call."""

from __future__ import annotations

import pytest

from offhook.settings import Settings, leaves, load_settings, settings_with
from offhook.settings.channel_variables import names, to_layer, with_channel_variables
from offhook.settings.leaves import Leaf

START = load_settings(environ={})
NOT_PER_CALL = {
    "rtpHostIp", "rtpBindIp", "rtpPortMin", "rtpPortMax",
    "transferTargets", "settableVariables", "httpEndpoints", "mcpServers",
    "aiProvider", "apiKey", "baseUrl", "azureApiKey", "azureEndpoint",
    "ariUrl", "ariUsername", "ariPassword", "ariAppName", "ariTimeoutSeconds", "settingsTimeoutMs",
    "port", "hostIp", "publicUrl", "token", "level", "journalDir", "disabled", "choices", "strictPlugins",
    "mediaTransport",
}  # fmt: skip


def test_what_a_call_may_set_is_all_but_the_hosts_own() -> None:
    assert {leaf.name for leaf in leaves() if not leaf.per_call} == NOT_PER_CALL


@pytest.mark.parametrize("leaf", [leaf for leaf in leaves() if leaf.per_call], ids=lambda leaf: leaf.name)
def test_every_per_call_setting_has_its_channel_variable(leaf: Leaf) -> None:
    assert f"APP_{leaf.env}" in names()
    assert to_layer({f"APP_{leaf.env}": "x"}) == [(leaf.name, "x", f"APP_{leaf.env}")]


@pytest.mark.parametrize("leaf", [leaf for leaf in leaves() if not leaf.per_call], ids=lambda leaf: leaf.name)
def test_no_call_sets_what_is_the_hosts(leaf: Leaf) -> None:
    assert f"APP_{leaf.env}" not in names()
    assert to_layer({f"APP_{leaf.env}": "x"}) == []


def test_names_are_told_once_and_are_plain() -> None:
    assert len(set(names())) == len(names())
    assert all(name.startswith("APP_") and name.replace("_", "").isalnum() for name in names())
    assert names() is names()


def test_the_settings_of_a_call_say_which_variable_they_came_from() -> None:
    layered = with_channel_variables(
        START,
        {"APP_GREETING_AUDIO_PATH": "custom/hello", "APP_DTMF_MAX_DIGITS": "4", "APP_UNKNOWN": "1", "X": "y"},
    )
    assert layered.settings == settings_with(greetingAudioPath="sound:custom/hello", dtmfMaxDigits=4)
    assert layered.origin("dtmfMaxDigits") == "channel variable APP_DTMF_MAX_DIGITS"
    assert layered.problems == ()


@pytest.mark.parametrize(
    ("variable", "leaf", "value"),
    [
        ("APP_APPRECOGNITION_VADSILENCETHRESHOLDMS", "vadSilenceThresholdMs", 300),
        ("APP_APPRECOGNITION_SPEECHENDSILENCETIMEOUTSECONDS", "speechCompleteTimeoutSeconds", 2),
        ("APP_APPRECOGNITION_DTMFMAXDIGITS", "dtmfMaxDigits", 5),
        ("APP_SPEECH_END_SILENCE_TIMEOUT_SECONDS", "speechCompleteTimeoutSeconds", 2),
        ("APP_OPENAI_REALTIME_MODEL", "model", "gpt-realtime-2"),
        ("APP_OPENAI_VOICE", "voice", "ash"),
        ("APP_INITIAL_USER_PROMPT", "initialUserPrompt", "Say hello."),
    ],
)
def test_other_names_work_too(variable: str, leaf: str, value: object) -> None:
    assert variable in names()
    assert with_channel_variables(START, {variable: str(value)}).settings == settings_with(**{leaf: value})


def test_of_several_names_the_first_that_is_set_wins() -> None:
    variables = {"APP_OPENAI_VOICE": "ash", "APP_OPENAI_TTS_VOICE": "cedar"}
    assert to_layer(variables) == [("voice", "cedar", "APP_OPENAI_TTS_VOICE")]
    assert to_layer({**variables, "APP_OPENAI_TTS_VOICE": ""}) == [("voice", "ash", "APP_OPENAI_VOICE")]


def test_an_empty_variable_counts_as_unset_and_none_means_nothing() -> None:
    variables = {"APP_GREETING_AUDIO_PATH": "", "APP_DTMF_MAX_DIGITS": "  "}
    assert to_layer(variables) == []
    assert with_channel_variables(START, variables) == START
    assert with_channel_variables(START, {"APP_GREETING_AUDIO_PATH": "none"}).settings == settings_with(
        greetingAudioPath=""
    )


def test_a_bad_variable_never_loses_the_call() -> None:
    below = load_settings(environ={"DTMF_MAX_DIGITS": "4"})
    layered = with_channel_variables(below, {"APP_DTMF_MAX_DIGITS": "lots", "APP_DTMF_MODE": "converse"})
    assert layered.settings == settings_with(dtmfMaxDigits=4, dtmfMode="converse")
    assert layered.origin("dtmfMaxDigits") == "environment DTMF_MAX_DIGITS"
    assert layered.problems == (
        "dtmfMaxDigits is 'lots' (channel variable APP_DTMF_MAX_DIGITS); "
        "allowed is a whole number from 1 to 256",
    )


def test_variables_that_contradict_what_stands_are_left_out() -> None:
    layered = with_channel_variables(START, {"APP_OPENAI_INPUT_AUDIO_FORMAT": "pcm16"})
    assert layered.settings == Settings()
    assert "channel variable APP_OPENAI_INPUT_AUDIO_FORMAT" in layered.problems[0]

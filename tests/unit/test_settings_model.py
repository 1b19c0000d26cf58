"""The tree of the settings: its defaults, its names, and the ways in which a value may be written."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from pydantic import ValidationError

from offhook.settings import Settings, SettingsError, find_leaf, leaves, settings_with
from offhook.settings.leaves import Leaf

ORIGINAL_DEFAULTS = {
    "appConfig.appRecognitionConfig.recognitionActivationMode": "VAD",
    "appConfig.appRecognitionConfig.noSpeechBeginTimeoutSeconds": 3,
    "appConfig.appRecognitionConfig.speechCompleteTimeoutSeconds": 5,
    "appConfig.appRecognitionConfig.maxRecognitionDurationSeconds": 30,
    "appConfig.appRecognitionConfig.greetingAudioPath": "sound:hello-world",
    "appConfig.appRecognitionConfig.bargeInDelaySeconds": 0.5,
    "appConfig.appRecognitionConfig.initialOpenAIStreamIdleTimeoutSeconds": 10,
    "appConfig.appRecognitionConfig.vadConfig.vadSilenceThresholdMs": 250,
    "appConfig.appRecognitionConfig.vadConfig.vadRecognitionActivationMs": 40,
    "appConfig.appRecognitionConfig.vadConfig.vadTalkThreshold": 256,
    "appConfig.appRecognitionConfig.vadRecogActivation": "afterPrompt",
    "appConfig.appRecognitionConfig.vadInitialSilenceDelaySeconds": 0,
    "appConfig.appRecognitionConfig.vadActivationDelaySeconds": 0,
    "appConfig.appRecognitionConfig.vadMaxWaitAfterPromptSeconds": 5,
    "appConfig.dtmfConfig.dtmfEnabled": True,
    "appConfig.dtmfConfig.dtmfInterdigitTimeoutSeconds": 2,
    "appConfig.dtmfConfig.dtmfMaxDigits": 16,
    "appConfig.dtmfConfig.dtmfTerminatorDigit": "#",
    "appConfig.dtmfConfig.dtmfFinalTimeoutSeconds": 3,
    "appConfig.bargeInConfig.bargeInModeEnabled": True,
    "openAIRealtimeAPI.inputAudioFormat": "audio/pcmu",
    "openAIRealtimeAPI.inputAudioSampleRate": 8000,
    "openAIRealtimeAPI.outputAudioFormat": "audio/pcmu",
    "openAIRealtimeAPI.outputAudioSampleRate": 8000,
    "logging.level": "info",
    "appConfig.callConfig.maxCallDurationSeconds": 3600,
    "appConfig.callConfig.conversationIdleSeconds": 60,
    "appConfig.callConfig.endAction": "continue",
    "appConfig.callConfig.sessionKind": "conversation",
    "appConfig.mediaConfig.mediaTopology": "auto",
}


@pytest.mark.parametrize(("path", "value"), ORIGINAL_DEFAULTS.items())
def test_the_defaults_and_the_tree_are_those_of_the_specification(path: str, value: object) -> None:
    leaf = find_leaf(path)
    assert leaf is not None
    assert leaf.of(Settings()) == value


def test_a_dumped_tree_is_read_back_as_it_was() -> None:
    settings = settings_with(dtmf_max_digits=4, http_endpoints={"crm": "https://crm.example/api"})
    assert Settings.model_validate(settings.model_dump(by_alias=True)) == settings


def test_the_sections_of_a_call_have_short_names() -> None:
    settings = settings_with(vadTalkThreshold=300, dtmfMode="converse", endAction="hangup", rtpPortMin=31_000)
    assert settings.recognition.vad_config.vad_talk_threshold == 300
    assert settings.dtmf.dtmf_mode == "converse"
    assert settings.call.end_action == "hangup"
    assert settings.media.rtp_port_min == 31_000
    assert settings.barge_in.barge_in_source == "provider"
    assert settings.tools.transfer_targets == ()


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(Settings().dtmf, "dtmf_max_digits", 3)  # noqa: B010 - mypy knows that it is read-only


def test_every_name_means_one_setting() -> None:
    names = Counter(name for leaf in leaves() for name in (leaf.name, *leaf.aliases))
    variables = Counter(name for leaf in leaves() for name in (leaf.env, *leaf.env_aliases))
    assert [name for name, count in (names + variables).items() if count > 1] == []


@pytest.mark.parametrize("leaf", leaves(), ids=lambda leaf: leaf.name)
def test_every_setting_is_described_and_has_an_environment_name(leaf: Leaf) -> None:
    assert re.fullmatch(r"[A-Z][^\n]*[^.]\.", leaf.description)
    assert re.fullmatch(r"[A-Z][A-Z0-9_]*", leaf.env)
    assert leaf.allowed
    assert leaf.parse(leaf.of(Settings())) == leaf.of(Settings())


@pytest.mark.parametrize(
    ("unit", "words"), [("Seconds", ("second",)), ("Ms", ("millisecond",)), ("SampleRate", ("second",))]
)
def test_descriptions_name_their_units(unit: str, words: tuple[str, ...]) -> None:
    found = [leaf for leaf in leaves() if leaf.name.endswith(unit)]
    assert found
    for leaf in found:
        assert any(word in leaf.description.lower() for word in words), leaf.name


def test_the_originals_environment_names_are_kept() -> None:
    names = {leaf.env for leaf in leaves()}
    assert names >= {
        "RECOGNITION_ACTIVATION_MODE",
        "GREETING_AUDIO_PATH",
        "NO_SPEECH_BEGIN_TIMEOUT_SECONDS",
        "OPENAI_API_KEY",
        "OPENAI_STT_MODEL",
        "OPENAI_TTS_VOICE",
        "OPENAI_LANGUAGE",
        "OPENAI_INPUT_AUDIO_FORMAT",
        "OPENAI_INPUT_AUDIO_SAMPLE_RATE",
        "OPENAI_OUTPUT_AUDIO_FORMAT",
        "OPENAI_OUTPUT_AUDIO_SAMPLE_RATE",
        "OPENAI_RESPONSE_MODALITIES",
        "OPENAI_BASE_URL",
        "INITIAL_USER_PROMPT",
        "AI_PROVIDER",
        "AZURE_OPENAI_API_KEY",
        "AZURE_OPENAI_ENDPOINT",
        "AZURE_OPENAI_DEPLOYMENT_ID",
        "AZURE_OPENAI_API_VERSION",
        "ASTERISK_ARI_URL",
        "ASTERISK_ARI_USERNAME",
        "ASTERISK_ARI_PASSWORD",
        "ASTERISK_ARI_APP_NAME",
        "RTP_HOST_IP",
        "PORT",
        "WEBSOCKET_SERVER_HOST_IP",
        "LOG_LEVEL",
        "DTMF_MAX_DIGITS",
        "INITIAL_OPENAI_STREAM_IDLE_TIMEOUT_SECONDS",
    }


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (True, True), (1, True), ("true", True), ("1", True), ("yes", True), ("on", True), (" ON ", True),
        (False, False), (0, False), ("FALSE", False), ("0", False), ("No", False), ("off", False),
    ],
)  # fmt: skip
def test_booleans_are_written_in_many_ways(written: object, meant: bool) -> None:
    assert settings_with(dtmfEnabled=written).dtmf.dtmf_enabled is meant


@pytest.mark.parametrize("written", ["maybe", "", 2, 0.5, []])
def test_other_booleans_are_refused(written: object) -> None:
    with pytest.raises(SettingsError, match=r"dtmfEnabled is .*allowed is true or false"):
        settings_with(dtmfEnabled=written)


@pytest.mark.parametrize(
    "written", ["FIXED_DELAY", "fixedDelay", "Fixed-Delay", "fixed_delay", " FIXEDDELAY "]
)
def test_modes_compare_without_case_underscore_and_hyphen(written: str) -> None:
    settings = settings_with(recognitionActivationMode=written)
    assert settings.recognition.recognition_activation_mode == "FIXED_DELAY"


def test_a_mode_of_a_plugin_keeps_its_name() -> None:
    settings = settings_with(recognitionActivationMode="wake_word")
    assert settings.recognition.recognition_activation_mode == "wake_word"


@pytest.mark.parametrize("written", ["afterPrompt", "AFTER_PROMPT", "after-prompt", "afterprompt"])
def test_choices_compare_as_modes_do(written: str) -> None:
    assert settings_with(vadRecogActivation=written).recognition.vad_recog_activation == "afterPrompt"


@pytest.mark.parametrize(
    ("written", "played"),
    [
        ("", ""),
        ("none", ""),
        ("beep", "sound:beep"),
        ("custom/welcome", "sound:custom/welcome"),
        ("sound:hello-world", "sound:hello-world"),
        ("SOUND:beep", "sound:beep"),
        ("recording:greeting", "recording:greeting"),
        ("number:42", "number:42"),
        ("digits:12", "digits:12"),
        ("characters:ab", "characters:ab"),
        ("tone:ring", "tone:ring"),
    ],
)
def test_a_greeting_is_a_media_uri_a_bare_word_or_nothing(written: str, played: str) -> None:
    assert settings_with(greetingAudioPath=written).recognition.greeting_audio_path == played


@pytest.mark.parametrize("written", ["http://example.com/a.wav", "https://e.com/a", "file:a", "sound:", ":x"])
def test_a_greeting_that_asterisk_would_never_finish_is_refused(written: str) -> None:
    with pytest.raises(SettingsError, match=r"greetingAudioPath is .*recording:"):
        settings_with(greetingAudioPath=written)


@pytest.mark.parametrize(
    ("written", "digit"), [("#", "#"), ("*", "*"), ("9", "9"), ("a", "A"), ("none", ""), ("", "")]
)
def test_the_terminator_is_a_digit_or_none(written: str, digit: str) -> None:
    assert settings_with(dtmfTerminatorDigit=written).dtmf.dtmf_terminator_digit == digit


@pytest.mark.parametrize("written", ["##", "E", "12"])
def test_any_other_terminator_is_refused(written: str) -> None:
    with pytest.raises(SettingsError, match="dtmfTerminatorDigit"):
        settings_with(dtmfTerminatorDigit=written)


@pytest.mark.parametrize(
    ("written", "sent"), [("en-US", "en"), ("en", "en"), ("pt_BR", "pt"), ("DE", "de"), ("none", "")]
)
def test_a_language_is_reduced_to_its_iso_639_1_code(written: str, sent: str) -> None:
    assert settings_with(language=written).openai.language == sent


@pytest.mark.parametrize(
    "written",
    ["https://api.openai.com/v1", "http://127.0.0.1:9000/v1", "ws://localhost/v1", "wss://e.com/any/path"],
)
def test_the_providers_address_may_be_http_or_websocket(written: str) -> None:
    assert settings_with(base_url=written).openai.base_url == written
    assert settings_with(base_url=f"{written}/").openai.base_url == written


@pytest.mark.parametrize(
    "written", ["api.openai.com", "ftp://e.com/v1", "https://", "https://u:p@e.com/v1", "http://e:x/v1"]
)
def test_the_providers_address_is_no_other_thing(written: str) -> None:
    with pytest.raises(SettingsError, match="baseUrl"):
        settings_with(base_url=written)


@pytest.mark.parametrize(
    "written", ["audio", "audio,text", '["text", "audio"]', ["audio", "text"], ("audio",), " AUDIO "]
)
def test_a_response_with_audio_has_its_transcript_anyway(written: object) -> None:
    assert settings_with(responseModalities=written).openai.response_modalities == ("audio",)


@pytest.mark.parametrize("written", ["video", "", [], '["'])
def test_other_modalities_are_refused(written: object) -> None:
    with pytest.raises(SettingsError, match="allowed is audio or text"):
        settings_with(responseModalities=written)


@pytest.mark.parametrize("name", [leaf.name for leaf in leaves() if leaf.name.endswith("Seconds")])
def test_no_timer_is_negative_or_endless(name: str) -> None:
    for written in (-1, "-0.1", "inf", "nan", "1e9", True):
        with pytest.raises(SettingsError, match=name):
            settings_with(**{name: written})


def test_what_tools_may_reach_is_checked() -> None:
    settings = settings_with(
        transferTargets="200, sales/300,sales/*98",
        settableVariables=["ORDER", "_ORDER_ID"],
        httpEndpoints="crm=https://crm.example/api, shop=http://shop.example",
        mcpServers='[{"serverLabel": "docs", "serverUrl": "https://docs.example", "authorization": "t0k"}]',
    ).tools
    assert settings.transfer_targets == ("200", "sales/300", "sales/*98")
    assert settings.settable_variables == ("ORDER", "_ORDER_ID")
    assert settings.http_endpoints == {"crm": "https://crm.example/api", "shop": "http://shop.example"}
    assert settings.mcp_servers[0].authorization.get_secret_value() == "t0k"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("settableVariables", "SHELL(id)"),
        ("settableVariables", "CHANNEL(x),OK"),
        ("settableVariables", "A${B}"),
        ("transferTargets", "a b"),
        ("transferTargets", "a/b/c"),
        ("httpEndpoints", "crm"),
        ("httpEndpoints", "crm=file:///etc/passwd"),
        ("mcpServers", '[{"serverUrl": "https://docs.example"}]'),
        ("mcpServers", "["),
        ("mcpServers", "[" * 100_000),
    ],
)
def test_what_tools_must_not_reach_is_refused(name: str, written: str) -> None:
    with pytest.raises(SettingsError, match=name):
        settings_with(**{name: written})

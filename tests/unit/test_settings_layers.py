"""Layers: which value wins, where it came from, and what a bad one does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from offhook.settings import LayeredSettings, Settings, SettingsError, describe, load_settings, settings_with
from offhook.settings.section import folded


def file_with(tmp_path: Path, tree: Any) -> Path:
    path = tmp_path / "config.json"
    path.write_text(tree if isinstance(tree, str) else json.dumps(tree))
    return path


def dtmf(**values: Any) -> dict[str, Any]:
    return {"appConfig": {"dtmfConfig": values}}


def test_without_any_layer_the_defaults_stand() -> None:
    layered = load_settings(environ={})
    assert layered.settings == Settings()
    assert layered.origin("dtmfMaxDigits") == "default"
    assert layered.warnings == layered.problems == ()


def test_later_layers_win_and_each_value_knows_its_own(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DTMF_MODE=converse\nDTMF_SENSITIVE=yes\nDTMF_ENABLED=no\n")
    names = ("dtmfMaxDigits", "dtmfMode", "dtmfSensitive", "dtmfEnabled", "dtmfTerminatorDigit")
    layered = load_settings(
        config_file=file_with(tmp_path, dtmf(dtmfMaxDigits=4, dtmfMode="interrupt", dtmfSensitive=False)),
        dotenv=tmp_path / ".env",
        environ={"DTMF_SENSITIVE": "off", "DTMF_ENABLED": "no"},
        overrides={"dtmfEnabled": True},
    )
    assert {name: layered.origin(name) for name in names} == {
        "dtmfMaxDigits": "file config.json",
        "dtmfMode": ".env",
        "dtmfSensitive": "environment DTMF_SENSITIVE",
        "dtmfEnabled": "override",
        "dtmfTerminatorDigit": "default",
    }
    settings = layered.settings.dtmf
    assert (settings.dtmf_max_digits, settings.dtmf_mode) == (4, "converse")
    assert (settings.dtmf_sensitive, settings.dtmf_enabled) == (False, True)


def test_the_running_hosts_layers_lie_in_the_order_they_come() -> None:
    layered = (
        load_settings(environ={"OPENAI_VOICE": "ash"})
        .with_layer("console", {"voice": "cedar", "speed": 1.2})
        .with_layer("plugin crm", {"voice": "echo"})
    )
    assert (layered.settings.openai.voice, layered.origin("voice")) == ("echo", "plugin crm")
    assert (layered.settings.openai.speed, layered.origin("speed")) == (1.2, "console")


def test_config_file_path_names_the_file(tmp_path: Path) -> None:
    path = file_with(tmp_path, dtmf(dtmfMaxDigits=7))
    assert load_settings(environ={"CONFIG_FILE_PATH": str(path)}).settings.dtmf.dtmf_max_digits == 7
    (tmp_path / ".env").write_text(f"CONFIG_FILE_PATH={path}")
    assert load_settings(environ={}, dotenv=tmp_path / ".env").settings.dtmf.dtmf_max_digits == 7


def test_a_dotenv_file_need_not_exist_and_is_taken_literally(tmp_path: Path) -> None:
    assert load_settings(environ={}, dotenv=tmp_path / ".env").settings == Settings()
    (tmp_path / ".env").write_text("ASTERISK_ARI_PASSWORD='a${HOME}b'\n")
    settings = load_settings(environ={"HOME": "x"}, dotenv=tmp_path / ".env").settings
    assert settings.asterisk.ari_password.get_secret_value() == "a${HOME}b"


def test_without_environ_the_environment_of_the_process_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DTMF_MAX_DIGITS", "9")
    assert load_settings().settings.dtmf.dtmf_max_digits == 9


def test_an_empty_variable_and_a_null_count_as_unset(tmp_path: Path) -> None:
    path = file_with(tmp_path, dtmf(dtmfMaxDigits=None))
    layered = load_settings(config_file=path, environ={"GREETING_AUDIO_PATH": " ", "DTMF_MODE": ""})
    assert layered.settings == Settings()


@pytest.mark.parametrize(
    ("variable", "leaf", "value"),
    [
        ("SPEECH_END_SILENCE_TIMEOUT_SECONDS", "speechCompleteTimeoutSeconds", 7),
        ("OPENAI_REALTIME_MODEL", "model", "gpt-realtime-2"),
        ("OPENAI_MODEL", "model", "gpt-realtime-2"),
        ("OPENAI_STT_MODEL", "model", "gpt-realtime-2"),
        ("OPENAI_VOICE", "voice", "ash"),
        ("ENABLE_DTMF_RECOGNITION", "dtmfEnabled", False),
        ("DTMF_INTER_DIGIT_TIMEOUT_SECONDS", "dtmfInterdigitTimeoutSeconds", 4),
    ],
)
def test_other_names_in_the_environment(variable: str, leaf: str, value: object) -> None:
    layered = load_settings(environ={variable: str(value)})
    assert layered.settings == settings_with(**{leaf: value})
    assert layered.origin(leaf) == f"environment {variable}"


def test_the_first_name_wins_over_its_aliases() -> None:
    environ = {"OPENAI_MODEL": "gpt-realtime-1.5", "OPENAI_STT_MODEL": "gpt-realtime-2"}
    assert load_settings(environ=environ).settings.openai.model == "gpt-realtime-2"


def test_other_names_in_a_file(tmp_path: Path) -> None:
    tree = dtmf(enableDtmfRecognition=False, dtmfInterDigitTimeoutSeconds=4)
    tree["appConfig"]["appRecognitionConfig"] = {"speechEndSilenceTimeoutSeconds": 7}
    settings = load_settings(config_file=file_with(tmp_path, tree), environ={}).settings
    assert settings == settings_with(
        dtmfEnabled=False, dtmfInterdigitTimeoutSeconds=4, speechCompleteTimeoutSeconds=7
    )


def test_a_bad_value_stops_the_start_and_says_everything_about_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(
            config_file=file_with(tmp_path, dtmf(dtmfMaxDigits="many")),
            environ={"VAD_RECOG_ACTIVATION": "sometimes", "PORT": "70000"},
        )
    assert caught.value.problems == (
        "dtmfMaxDigits is 'many' (file config.json); allowed is a whole number from 1 to 256",
        "vadRecogActivation is 'sometimes' (environment VAD_RECOG_ACTIVATION); "
        "allowed is one of afterPrompt, vadMode",
        "port is '70000' (environment PORT); allowed is a whole number from 0 to 65535",
    )
    assert all(problem in str(caught.value) for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        (dtmf(dtmfMaxDigit=4), "appConfig.dtmfConfig.dtmfMaxDigit in file config.json is no known setting"),
        (dtmf(dtmfMaxDigit=4), "the nearest is appConfig.dtmfConfig.dtmfMaxDigits"),
        ({"appConfig": {"dtmfConf": {}}}, "the nearest is appConfig.dtmfConfig"),
        ({"dtmfMaxDigits": 4}, "the nearest is appConfig.dtmfConfig.dtmfMaxDigits"),
        ({"dtmf_max_digits": 4}, "the nearest is appConfig.dtmfConfig.dtmfMaxDigits"),
        ({"qqqq": 4}, "qqqq in file config.json is no known setting"),
        ({"appConfig": 4}, "appConfig in file config.json must be an object"),
        ("[]", "the top level in file config.json must be an object"),
        ('{\n "a": }', "config.json, line 2, column 7 is not JSON"),
    ],
)
def test_a_file_that_is_not_right_says_where(tmp_path: Path, tree: Any, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(config_file=file_with(tmp_path, tree), environ={})
    assert words in str(caught.value)


def test_a_file_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.json cannot be read"):
        load_settings(config_file=tmp_path / "missing.json", environ={})
    (tmp_path / "latin.json").write_bytes(b'{"a": "\xe9"}')
    with pytest.raises(SettingsError, match="not UTF-8"):
        load_settings(config_file=tmp_path / "latin.json", environ={})


def test_a_bad_value_of_a_running_host_leaves_the_lower_layers_value() -> None:
    below = load_settings(environ={"DTMF_MAX_DIGITS": "4"})
    layered = below.with_layer("console", {"dtmfMaxDigits": 0, "dtmfMode": "converse", "colour": "red"})
    assert layered.settings == settings_with(dtmfMaxDigits=4, dtmfMode="converse")
    assert layered.origin("dtmfMaxDigits") == "environment DTMF_MAX_DIGITS"
    assert layered.problems == (
        "dtmfMaxDigits is 0 (console); allowed is a whole number from 1 to 256",
        "colour in console is no known setting",
    )
    assert below.problems == ()


def test_problems_of_all_layers_are_kept() -> None:
    layered = (
        load_settings(environ={}).with_layer("console", {"speed": 9}).with_layer("plugin crm", {"port": "x"})
    )
    assert [problem.split(" is ")[0] for problem in layered.problems] == ["speed", "port"]


def test_one_call_cannot_set_what_is_the_hosts() -> None:
    layered = load_settings(environ={}).with_layer(
        "plugin crm", {"apiKey": "sk-1", "voice": "ash"}, per_call_only=True
    )
    assert layered.settings == settings_with(voice="ash")
    assert layered.problems == ("apiKey from plugin crm cannot be set for one call",)


RULES = [
    ({"rtpPortMin": 40_000, "rtpPortMax": 39_998}, "the first port must not be above the last"),
    ({"rtpPortMin": 40_001, "rtpPortMax": 40_001}, "RTP takes even ports, and there is none among them"),
    ({"inputAudioFormat": "pcm16"}, "carries only audio/pcmu and audio/pcma"),
    ({"outputAudioFormat": "audio/pcm"}, "carries only audio/pcmu and audio/pcma"),
    ({"inputAudioSampleRate": 24_000}, "audio/pcmu has 8000 samples a second"),
    ({"outputAudioFormat": "ulaw", "outputAudioSampleRate": "24000"}, "audio/pcmu has 8000 samples a second"),
    ({"mediaTopology": "bridge", "inputAudioFormat": "alaw"}, "one format both ways"),
    ({"dtmfInterdigitTimeoutSeconds": 0, "dtmfFinalTimeoutSeconds": 0}, "one of the two timers must run"),
    ({"endpointing": "provider", "turnDetection": "none"}, "without its turn detection"),
    (
        {
            "endpointing": "provider",
            "sessionKind": "recognition",
            "transcriptionModel": "gpt-live-transcribe",
        },
        "has no turn detection; take auto or asterisk",
    ),
]


@pytest.mark.parametrize(("values", "rule"), RULES)
def test_settings_that_contradict_each_other_stop_the_start(values: dict[str, Any], rule: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={}, overrides=values)
    assert rule in str(caught.value)
    assert all(f"{name} " in str(caught.value) for name in values)
    assert "(override)" in str(caught.value)


@pytest.mark.parametrize(("values", "rule"), RULES)
def test_settings_that_contradict_each_other_are_left_out_of_a_call(
    values: dict[str, Any], rule: str
) -> None:
    layered = load_settings(environ={}).with_layer("console", {**values, "speed": 1.5})
    assert layered.settings == settings_with(speed=1.5)
    assert len(layered.problems) == 1
    assert rule in layered.problems[0]


def test_layers_below_the_start_are_judged_together(tmp_path: Path) -> None:
    path = file_with(tmp_path, {"appConfig": {"mediaConfig": {"rtpPortMin": 40_000}}})
    settings = load_settings(config_file=path, environ={"RTP_PORT_MAX": "40100"}).settings
    assert (settings.media.rtp_port_min, settings.media.rtp_port_max) == (40_000, 40_100)


def test_what_is_left_out_takes_with_it_what_it_held_together() -> None:
    alaw = {"inputAudioFormat": "alaw", "outputAudioFormat": "alaw", "mediaTopology": "bridge"}
    below = load_settings(environ={}, overrides=alaw)
    ulaw = {"inputAudioFormat": "ulaw", "outputAudioFormat": "ulaw", "outputAudioSampleRate": 24_000}
    layered = below.with_layer("console", ulaw)
    assert layered.settings == below.settings
    assert ["samples a second" in problem for problem in layered.problems] == [True, False]


def test_none_in_a_layer_counts_as_unset() -> None:
    layered = load_settings(environ={"DTMF_MAX_DIGITS": "4"}).with_layer("console", {"dtmfMaxDigits": None})
    assert (layered.settings.dtmf.dtmf_max_digits, layered.problems) == (4, ())


def test_the_sample_rate_follows_a_format_set_without_one() -> None:
    below = load_settings(environ={"OPENAI_INPUT_AUDIO_SAMPLE_RATE": "8000", "MEDIA_TRANSPORT": "websocket"})
    layered = below.with_layer("console", {"inputAudioFormat": "pcm16"})
    assert layered.problems == ()
    assert layered.settings.openai.input_audio_sample_rate == 24_000
    assert layered.origin("inputAudioSampleRate") == "console"
    assert layered.settings.openai.output_audio_sample_rate == 8000


def test_a_check_of_a_plugin_holds_for_what_stands_and_what_comes() -> None:
    def known(mode: str) -> str:
        return "" if folded(mode) in ("vad", "wakeword") else "one of VAD, wakeWord"

    layered = load_settings(environ={}).with_check("recognitionActivationMode", known)
    later = layered.with_layer("console", {"recognitionActivationMode": "psychic"})
    assert later.settings.recognition.recognition_activation_mode == "VAD"
    assert later.problems == (
        "recognitionActivationMode is 'psychic' (console); allowed is one of VAD, wakeWord",
    )
    started = load_settings(environ={"RECOGNITION_ACTIVATION_MODE": "psychic"})
    with pytest.raises(SettingsError, match=r"'psychic' \(environment RECOGNITION_ACTIVATION_MODE\)"):
        started.with_check("recognitionActivationMode", known)


def test_settings_made_in_python_are_the_lowest_layer() -> None:
    layered = LayeredSettings.of(settings_with(voice="ash"))
    assert (layered.origin("voice"), layered.origin("speed")) == ("settings", "default")
    with pytest.raises(SettingsError, match="first port"):
        LayeredSettings.of(Settings.model_validate({"appConfig": {"mediaConfig": {"rtpPortMin": 60_000}}}))


def test_an_unknown_setting_has_no_origin() -> None:
    with pytest.raises(KeyError):
        load_settings(environ={}).origin("colour")


SECRETS = {
    "OPENAI_API_KEY": "sk-verysecret",
    "AZURE_OPENAI_API_KEY": "az-verysecret",
    "ASTERISK_ARI_PASSWORD": "pw-verysecret",
    "OFFHOOK_TOKEN": "tk-verysecret",
    "ASTERISK_ARI_URL": "http://user:verysecret@pbx:8088",
    "HTTP_ENDPOINTS": "crm=https://crm.example/api?key=verysecret",
    "MCP_SERVERS": '[{"serverLabel": "a", "serverUrl": "https://a.example", "authorization": "verysecret"}]',
}


def test_describe_shows_every_effective_value_and_no_secret() -> None:
    rows = describe(load_settings(environ={**SECRETS, "DTMF_MAX_DIGITS": "4"}))
    assert (
        "DTMF_MAX_DIGITS",
        "appConfig.dtmfConfig.dtmfMaxDigits",
        "4",
        "environment DTMF_MAX_DIGITS",
    ) in rows
    shown = {row.env: row.value for row in rows}
    assert shown["OPENAI_API_KEY"] == "***"
    assert shown["ASTERISK_ARI_URL"] == "http://***@pbx:8088"
    assert shown["DTMF_ENABLED"] == "true"
    assert "verysecret" not in repr(rows)
    assert {row.env: row.value for row in describe(load_settings(environ={}))}["OPENAI_API_KEY"] == ""


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MCP_SERVERS", '[{"authorization": "verysecret"}]'),
        ("ASTERISK_ARI_URL", "ftp://user:verysecret@pbx"),
        ("OPENAI_BASE_URL", "ftp://e.com/?key=verysecret"),
    ],
)
def test_no_message_shows_a_secret(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={variable: value})
    assert variable in str(caught.value)
    assert "verysecret" not in str(caught.value)
    assert "verysecret" not in repr(load_settings(environ=SECRETS).settings.openai)


def test_a_long_value_is_cut_in_a_message() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={"DTMF_MODE": "x" * 5000})
    assert len(str(caught.value)) < 400

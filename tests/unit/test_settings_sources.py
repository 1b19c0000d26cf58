"""What people write into `.env` files and environments, mistakes included."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.settings import SettingsError, load_settings


def dotenv(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / ".env"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"DTMF_MAX_DIGITS=4\nthis is no setting\n", ".env, line 2 is not NAME=value"),
        (b"OPENAI_VOICE='marin\n", ".env, line 1 is not NAME=value"),
        (b"OPENAI_VOICE=\xff\xfe\n", ".env is not UTF-8 text"),
    ],
)
def test_a_bad_dotenv_file_stops_the_start_by_name(tmp_path: Path, content: bytes, word: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(environ={}, dotenv=dotenv(tmp_path, content))
    assert word in str(refused.value)


def test_a_dotenv_file_is_read_as_people_write_it(tmp_path: Path) -> None:
    content = b"# comment\n\nexport DTMF_MAX_DIGITS = 4 # four\nOPENAI_VOICE='cedar'\nOPENAI_API_KEY=a$b\n"
    settings = load_settings(environ={}, dotenv=dotenv(tmp_path, content)).settings
    assert settings.dtmf.dtmf_max_digits == 4
    assert settings.openai.voice == "cedar"
    assert settings.openai.api_key.get_secret_value() == "a$b"


def test_a_name_that_is_almost_a_setting_gets_a_warning() -> None:
    warnings = load_settings(
        environ={"OPENAI_API_KYE": "x", "VAD_TALK_TRESHOLD": "3", "OPENAI_ORG_ID": "y"}
    ).warnings
    assert sorted(warnings) == [
        "OPENAI_API_KYE is no setting: is OPENAI_API_KEY meant?",
        "VAD_TALK_TRESHOLD is no setting: is VAD_TALK_THRESHOLD meant?",
    ]


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"])
def test_a_key_read_from_a_file_may_end_with_a_line_break(name: str) -> None:
    openai = load_settings(environ={name: "sk-right\r\n"}).settings.openai
    assert "sk-right" in (openai.api_key.get_secret_value(), openai.azure_api_key.get_secret_value())


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-ri–ght", "sk right"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(SettingsError, match=r"apiKey is \*\*\* \(environment OPENAI_API_KEY\)") as refused:
        load_settings(environ={"OPENAI_API_KEY": key})
    assert key not in str(refused.value)

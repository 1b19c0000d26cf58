"""What is missing before a host can take calls, each in one sentence with the variable to set."""

from __future__ import annotations

from typing import Any

import pytest

from offhook.settings import Settings, check_ready, settings_with

READY = {"apiKey": "sk-1", "ariUsername": "offhook", "ariPassword": "secret"}
AZURE = {
    **READY,
    "aiProvider": "azure",
    "azureApiKey": "k",
    "azureEndpoint": "https://e.openai.azure.com",
    "azureDeploymentId": "d",
}


def test_a_host_with_its_keys_is_ready() -> None:
    assert check_ready(settings_with(**READY)) == []
    assert check_ready(settings_with(**{**AZURE, "apiKey": ""})) == []


def test_defaults_lack_the_key_and_the_user_of_ari() -> None:
    assert [sentence.split()[0] for sentence in check_ready(Settings())] == [
        "OPENAI_API_KEY",
        "ASTERISK_ARI_USERNAME",
        "ASTERISK_ARI_PASSWORD",
    ]


@pytest.mark.parametrize(
    ("values", "variable"),
    [
        ({**READY, "apiKey": ""}, "OPENAI_API_KEY"),
        ({**READY, "ariUsername": ""}, "ASTERISK_ARI_USERNAME"),
        ({**READY, "ariPassword": ""}, "ASTERISK_ARI_PASSWORD"),
        ({**AZURE, "azureApiKey": ""}, "AZURE_OPENAI_API_KEY"),
        ({**AZURE, "azureEndpoint": ""}, "AZURE_OPENAI_ENDPOINT"),
        ({**AZURE, "azureDeploymentId": ""}, "AZURE_OPENAI_DEPLOYMENT_ID"),
        ({**READY, "hostIp": "0.0.0.0"}, "OFFHOOK_TOKEN"),
        ({**READY, "hostIp": "::"}, "OFFHOOK_TOKEN"),
        ({**READY, "hostIp": "pbx.example"}, "OFFHOOK_TOKEN"),
    ],
)
def test_each_lack_is_one_sentence_with_the_variable(values: dict[str, Any], variable: str) -> None:
    (sentence,) = check_ready(settings_with(**values))
    assert variable in sentence
    assert sentence.endswith(".")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1"])
def test_a_console_on_loopback_needs_no_token(host: str) -> None:
    assert check_ready(settings_with(**READY, hostIp=host)) == []


def test_a_console_for_others_needs_a_token() -> None:
    assert check_ready(settings_with(**READY, hostIp="0.0.0.0", token="t")) == []


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9000/v1", "ws://localhost:9000/v1", "http://[::1]:9000/v1"]
)
def test_a_provider_on_this_machine_needs_no_key(address: str) -> None:
    assert check_ready(settings_with(**{**READY, "apiKey": "", "baseUrl": address})) == []

"""Where the Realtime API is, by settings, and what its refusals say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from offhook.realtime.endpoint import Endpoint, endpoint, refusal
from offhook.settings import Settings


def settings(session_kind: str = "conversation", **openai: Any) -> Settings:
    return Settings.model_validate(
        {"openai": {"api_key": "sk-secret", **openai}, "app_config": {"call": {"session_kind": session_kind}}}
    )


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://api.openai.com/v1", "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"),
        ("https://api.openai.com/v1/", "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"),
        ("http://127.0.0.1:9000/v1", "ws://127.0.0.1:9000/v1/realtime?model=gpt-realtime-2.1"),
        ("ws://127.0.0.1:9000/v1", "ws://127.0.0.1:9000/v1/realtime?model=gpt-realtime-2.1"),
        ("wss://proxy.example/openai", "wss://proxy.example/openai/realtime?model=gpt-realtime-2.1"),
        ("wss://proxy.example/v1/realtime", "wss://proxy.example/v1/realtime?model=gpt-realtime-2.1"),
        ("https://proxy.example/v1?team=7", "wss://proxy.example/v1/realtime?team=7&model=gpt-realtime-2.1"),
    ],
)
def test_the_base_url_becomes_a_websocket_address(base_url: str, expected: str) -> None:
    found = endpoint(settings(base_url=base_url))
    assert found.url == expected
    assert found.headers == {"Authorization": "Bearer sk-secret"}


def test_a_model_name_is_escaped() -> None:
    assert endpoint(settings(model="a b&c")).url.endswith("?model=a+b%26c")


def test_a_recognition_asks_for_transcription_and_names_no_model() -> None:
    assert endpoint(settings("recognition")).url == "wss://api.openai.com/v1/realtime?intent=transcription"


def test_without_a_key_no_authorization_is_sent() -> None:
    assert endpoint(settings(api_key="")).headers == {}


AZURE = {
    "ai_provider": "azure",
    "azure_api_key": "az-secret",
    "azure_endpoint": "https://acme.openai.azure.com",
    "azure_deployment_id": "voice",
}


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("conversation", {}, "/openai/v1/realtime?model=voice"),
        ("recognition", {}, "/openai/v1/realtime?intent=transcription"),
        ("conversation", {"azure_api_version": "v1"}, "/openai/v1/realtime?model=voice"),
        (
            "conversation",
            {"azure_endpoint": "https://acme.openai.azure.com/openai/v1/"},
            "/openai/v1/realtime?model=voice",
        ),
        (
            "conversation",
            {"azure_api_version": "2025-04-01-preview"},
            "/openai/realtime?api-version=2025-04-01-preview&deployment=voice",
        ),
        (
            "recognition",
            {"azure_api_version": "2025-04-01-preview"},
            "/openai/realtime?api-version=2025-04-01-preview&deployment=voice&intent=transcription",
        ),
    ],
)
def test_azure_is_addressed_by_its_deployment(kind: str, more: dict[str, str], expected: str) -> None:
    found = endpoint(settings(kind, **{**AZURE, **more}))
    assert found.url == f"wss://acme.openai.azure.com{expected}"
    assert found.headers == {"api-key": "az-secret"}


@pytest.mark.parametrize(
    ("missing", "name"),
    [("azure_endpoint", "AZURE_OPENAI_ENDPOINT"), ("azure_deployment_id", "AZURE_OPENAI_DEPLOYMENT_ID")],
)
def test_azure_without_its_address_names_the_setting(missing: str, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        endpoint(settings(**{**AZURE, missing: ""}))


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    openai = settings().openai.model_copy(update={"base_url": "https://me:hush@example.org/v1"})
    with pytest.raises(ValueError, match="OPENAI_BASE_URL must not carry") as raised:
        endpoint(settings().model_copy(update={"openai": openai}))
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("azure", [False, True])
def test_the_key_never_shows(azure: bool) -> None:
    shown = repr(endpoint(settings(**AZURE) if azure else settings()))
    assert "secret" not in shown
    assert "realtime" in shown


OPENAI = endpoint(settings())
AZURES = endpoint(settings(**AZURE))


@pytest.mark.parametrize(
    ("target", "status", "words"),
    [
        (OPENAI, 401, ["api.openai.com refused the key", "OPENAI_API_KEY", "HTTP 401 Unauthorized"]),
        (AZURES, 401, ["acme.openai.azure.com refused the key", "AZURE_OPENAI_API_KEY"]),
        (OPENAI, 403, ["does not allow this key to use gpt-realtime-2.1", "OPENAI_API_KEY"]),
        (OPENAI, 404, ["knows no model 'gpt-realtime-2.1'", "OPENAI_STT_MODEL", "OPENAI_BASE_URL"]),
        (AZURES, 404, ["'voice'", "AZURE_OPENAI_DEPLOYMENT_ID", "AZURE_OPENAI_ENDPOINT"]),
        (endpoint(settings("recognition")), 404, ["has no Realtime API at this address", "OPENAI_BASE_URL"]),
        (OPENAI, 429, ["limit", "HTTP 429 Too Many Requests"]),
        (OPENAI, 302, ["sends us elsewhere", "OPENAI_BASE_URL"]),
        (OPENAI, 503, ["not able to serve now"]),
        (OPENAI, 418, ["refused the session (HTTP 418"]),
        (OPENAI, 599, ["refused the session (HTTP 599"]),
    ],
)
def test_a_refusal_says_which_setting_to_look_at(target: Endpoint, status: int, words: list[str]) -> None:
    sentence = refusal(target, status, b"")
    for word in words:
        assert word in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("body", "ending"),
    [
        (
            json.dumps({"error": {"message": "You exceeded\nyour quota."}}).encode(),
            ": You exceeded your quota.",
        ),
        (json.dumps({"error": "nope"}).encode(), ": nope"),
        (json.dumps({"message": "nope"}).encode(), ": nope"),
        (b"plain words", ": plain words"),
        (b"<html><body>an error page</body></html>", ")"),
        (b'["?"]', ': ["?"]'),
        (b"\xff\xfe", ": \ufffd\ufffd"),
        (b"", ")"),
        (b"x" * 5000, ": " + "x" * 300),
    ],
)
def test_a_refusal_carries_the_servers_own_words(body: bytes, ending: str) -> None:
    assert refusal(OPENAI, 429, body).endswith(ending)


def test_a_refusal_that_quotes_the_key_is_masked() -> None:
    sentence = refusal(OPENAI, 401, b"Incorrect API key provided: sk-secret.")
    assert sentence.endswith("Incorrect API key provided: [key].")

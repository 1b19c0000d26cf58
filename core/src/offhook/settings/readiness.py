"""What is missing before `offhook run` can take calls, one sentence each with the variable to set."""

from __future__ import annotations

from urllib.parse import urlsplit

from .addresses import is_loopback
from .model import Settings


def check_ready(settings: Settings) -> list[str]:
    """What keeps a host with these settings from working; empty if nothing does."""
    return [*_provider(settings), *_asterisk(settings), *_media(settings), *_server(settings)]


def _provider(settings: Settings) -> list[str]:
    openai = settings.openai
    if openai.ai_provider == "azure":
        needed = {
            "AZURE_OPENAI_API_KEY": (
                openai.azure_api_key.get_secret_value(),
                "the key of the Azure resource",
            ),
            "AZURE_OPENAI_ENDPOINT": (openai.azure_endpoint, "the address of the Azure resource"),
            "AZURE_OPENAI_DEPLOYMENT_ID": (openai.azure_deployment_id, "the name of the Azure deployment"),
        }
        return [
            f"AI_PROVIDER is azure, and {name} ({meaning}) is not set."
            for name, (value, meaning) in needed.items()
            if not value
        ]
    if not openai.api_key.get_secret_value() and not is_loopback(urlsplit(openai.base_url).hostname or ""):
        return ["OPENAI_API_KEY is not set; calls to the OpenAI API need a key."]
    return []


def _asterisk(settings: Settings) -> list[str]:
    asterisk = settings.asterisk
    missing = []
    if not asterisk.ari_username:
        missing.append("ASTERISK_ARI_USERNAME is not set; it is the name of a user section in ari.conf.")
    if not asterisk.ari_password.get_secret_value():
        missing.append("ASTERISK_ARI_PASSWORD is not set; it is the password of that user in ari.conf.")
    return missing


def _media(settings: Settings) -> list[str]:
    if settings.media.media_transport == "rtp":
        return []
    return [f"MEDIA_TRANSPORT is {settings.media.media_transport}; this version carries audio by rtp only."]


def _server(settings: Settings) -> list[str]:
    server = settings.server
    if is_loopback(server.host_ip) or server.token.get_secret_value():
        return []
    return [
        f"WEBSOCKET_SERVER_HOST_IP is {server.host_ip}, so that others reach the console; "
        "set OFFHOOK_TOKEN, or listen on 127.0.0.1."
    ]

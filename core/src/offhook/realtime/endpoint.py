"""Where the Realtime API of a call is, and what a refusal of its server means."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

if TYPE_CHECKING:
    from offhook.settings import Settings

_SCHEMES = {"http": "ws", "ws": "ws", "https": "wss", "wss": "wss"}
_DATED_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}")
_LONGEST_DETAIL = 300


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A WebSocket address and the headers to open it with. The key never shows in `repr`."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    model: str = ""
    """The model or deployment that the address names; empty for a transcription session."""
    key_setting: str = "OPENAI_API_KEY"
    model_setting: str = "OPENAI_STT_MODEL"
    address_setting: str = "OPENAI_BASE_URL"

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc


def endpoint(settings: Settings) -> Endpoint:
    """The endpoint that these settings ask for.

    A transcription session is opened by `intent=transcription` and no model; its model goes into the session.

    Raises:
        ValueError: the address is unusable, or Azure's resource or deployment is not named.
    """
    if settings.openai.ai_provider == "azure":
        return _azure(settings)
    options = settings.openai
    address = _address(options.base_url, "OPENAI_BASE_URL")
    recognition = settings.call.session_kind == "recognition"
    query = {"intent": "transcription"} if recognition else {"model": options.model}
    key = options.api_key.get_secret_value()
    return Endpoint(
        url=_url(address, _with_realtime(address.path), query),
        headers={"Authorization": f"Bearer {key}"} if key else {},
        model="" if recognition else options.model,
    )


def _azure(settings: Settings) -> Endpoint:
    """Azure OpenAI: today's `/openai/v1`, or an older resource's preview named by a date."""
    options = settings.openai
    if not options.azure_endpoint:
        raise ValueError(
            "AZURE_OPENAI_ENDPOINT is empty; it must name the resource, like https://NAME.openai.azure.com"
        )
    address = _address(options.azure_endpoint, "AZURE_OPENAI_ENDPOINT")
    base = re.sub(r"/openai(/v1)?$", "", address.path.rstrip("/"))
    recognition = settings.call.session_kind == "recognition"
    deployment = options.azure_deployment_id
    if not deployment and not recognition:
        raise ValueError(
            "AZURE_OPENAI_DEPLOYMENT_ID is empty; it must name the deployment of a Realtime model"
        )
    query = {"intent": "transcription"} if recognition else {}
    if _DATED_VERSION.match(options.azure_api_version):
        path = f"{base}/openai/realtime"
        query = {"api-version": options.azure_api_version, "deployment": deployment, **query}
    else:
        path = f"{base}/openai/v1/realtime"
        query = query or {"model": deployment}
    key = options.azure_api_key.get_secret_value()
    return Endpoint(
        url=_url(address, path, {name: value for name, value in query.items() if value}),
        headers={"api-key": key} if key else {},
        model="" if recognition else deployment,
        key_setting="AZURE_OPENAI_API_KEY",
        model_setting="AZURE_OPENAI_DEPLOYMENT_ID",
        address_setting="AZURE_OPENAI_ENDPOINT",
    )


def _address(text: str, setting: str) -> SplitResult:
    address = urlsplit(text)
    if address.scheme not in _SCHEMES or not address.hostname:
        raise ValueError(f"{setting} is no http(s):// or ws(s):// address: {text!r}")
    if "@" in address.netloc:
        # Not shown: what stands before the @ is a password.
        raise ValueError(f"{setting} must not carry a user name or password")
    return address


def _with_realtime(path: str) -> str:
    path = path.rstrip("/")
    return path if path.endswith("/realtime") else f"{path}/realtime"


def _url(address: SplitResult, path: str, query: Mapping[str, str]) -> str:
    joined = urlencode([*parse_qsl(address.query), *query.items()])
    return urlunsplit((_SCHEMES[address.scheme], address.netloc, path, joined, ""))


def refusal(target: Endpoint, status: int, body: bytes) -> str:
    """One sentence about a refused handshake: who refused, what for, and which setting to look at.

    status: the HTTP status; body: the response's body, as it came.
    """
    match status:
        case 401:
            what = f"refused the key; look at {target.key_setting}"
        case 403:
            what = f"does not allow this key to use {target.model or 'it'}; look at {target.key_setting}"
        case 404 if target.model:
            what = (
                f"knows no model {target.model!r} at this address; "
                f"look at {target.model_setting} and {target.address_setting}"
            )
        case 404:
            what = f"has no Realtime API at this address; look at {target.address_setting}"
        case 429:
            what = "refused the session: too many at once, or the account's limit is reached"
        case 500 | 502 | 503 | 504:
            what = "is not able to serve now"
        case _ if 300 <= status < 400:
            what = f"sends us elsewhere; look at {target.address_setting}"
        case _:
            what = "refused the session"
    detail = _detail(body)
    sentence = f"{target.host} {what} (HTTP {status} {_phrase(status)}){f': {detail}' if detail else ''}"
    return redacted(sentence, target)


def redacted(text: str, target: Endpoint) -> str:
    """The text without the key, in case the server quotes it."""
    for value in target.headers.values():
        secret = value.removeprefix("Bearer ")
        if secret:
            text = text.replace(secret, "[key]")
    return text


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _detail(body: bytes) -> str:
    """The error message of a response's body: OpenAI's shape, or its first words."""
    text = body.decode("utf-8", "replace").strip()
    try:
        parsed: Any = json.loads(text)
        error = parsed.get("error", parsed)
        text = error if isinstance(error, str) else str(error["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        if text.startswith("<"):
            return ""
    return " ".join(text.split())[:_LONGEST_DETAIL]

"""Asks a web service who is calling, and takes the call's language, voice and instructions from its answer.

GET $CRM_URL?number=100 answers with a JSON object such as {"language": "de", "voice": "cedar"}; 404 means that it
does not know the caller.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Mapping
from http import HTTPStatus
from typing import Any

import aiohttp

from offhook import CallInfo, hookimpl

TAKEN = ("language", "voice", "instructions")
"""The settings that the service may set: whatever else it says is left out."""


@hookimpl
def call_settings(call: CallInfo) -> Awaitable[Mapping[str, Any]] | None:
    """Answers at once; the host awaits what is returned, for SETTINGS_TIMEOUT_MS at most.

    Where the service is late or fails, the host's own settings stand and its log says why.
    """
    address = os.environ.get("CRM_URL", "")
    return settings_of(address, call.caller_number) if address and call.caller_number else None


async def settings_of(address: str, number: str) -> dict[str, Any]:
    """The settings for who calls from this number. Raises aiohttp.ClientError, and ValueError for nonsense."""
    # A session for each call is right in whichever event loop this runs.
    async with (
        aiohttp.ClientSession() as session,
        session.get(address, params={"number": number}, allow_redirects=False) as answer,
    ):
        if answer.status == HTTPStatus.NOT_FOUND:
            return {}
        answer.raise_for_status()
        known = await answer.json()
    if not isinstance(known, dict):
        raise ValueError(f"the service answered with {type(known).__name__}, not with a JSON object")
    return {name: known[name] for name in TAKEN if known.get(name)}

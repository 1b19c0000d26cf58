"""`http_request`: ask a web service, at the endpoints that the operator has named."""

from __future__ import annotations

from typing import Any, Literal

import aiohttp
from pydantic import BaseModel, Field

from offhook import Tool, ToolContext

BODY_LIMIT = 64 * 1024
"""Bytes of an answer that are read."""


class Request(BaseModel):
    endpoint: str = Field(description="The name of the endpoint.")
    method: Literal["GET", "POST"] = "GET"
    query: dict[str, str] = Field(default_factory=dict, description="Query parameters.")
    body: Any = Field(default=None, description="A JSON body, for POST.")


async def http_request(context: ToolContext, parameters: Request) -> dict[str, Any]:
    endpoints = context.settings.tools.http_endpoints
    url = endpoints.get(parameters.endpoint)
    if url is None:
        raise ValueError(f"there is no endpoint {parameters.endpoint!r}; there are: {', '.join(endpoints)}")
    body = parameters.body if parameters.method == "POST" else None
    # A redirect could lead away from what the operator has allowed.
    async with (
        aiohttp.ClientSession() as session,
        session.request(
            parameters.method, url, params=parameters.query, json=body, allow_redirects=False
        ) as answer,
    ):
        content = b""
        async for piece in answer.content.iter_any():
            content += piece
            if len(content) >= BODY_LIMIT:
                break
        return {"status": answer.status, "body": content[:BODY_LIMIT].decode(errors="replace")}


HTTP_REQUEST = Tool(
    "http_request", "Ask a web service at one of the configured endpoints.", Request, http_request
)

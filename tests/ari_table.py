"""A small web server that answers as ARI does, from a table."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

PASSWORD = "s3cret-word"
LOGIN = "Basic " + base64.b64encode(f"ari:{PASSWORD}".encode()).decode()


@dataclass(frozen=True)
class Seen:
    """One request as the server saw it."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    login: str


@dataclass
class Asterisk:
    """Answers from a table, `"GET /channels": (status, JSON)`; everything else is 404."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """Variables whose value cannot be written as JSON."""
    has_eval: bool = True
    reading: int = 0
    most_reading: int = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        path = request.path.removeprefix("/ari")
        query = dict(request.query)
        self.seen.append(Seen(request.method, path, query, body, request.headers.get("Authorization", "")))
        if request.method == "GET" and path == "/channels/17.1/variable":
            self.reading += 1
            self.most_reading = max(self.most_reading, self.reading)
            await asyncio.sleep(0)
            self.reading -= 1
            return self.read(query["variable"])
        status, answer = self.answers.get(f"{request.method} {path}", (404, {"message": "Channel not found"}))
        if isinstance(answer, str):
            return web.Response(status=status, text=answer, content_type="text/html")
        return web.json_response(answer, status=status) if answer is not None else web.Response(status=status)

    def read(self, variable: str) -> web.Response:
        """GET …/variable: a plain variable, or EVAL, which replaces each `${NAME}` once."""
        names = re.findall(r"\$\{(\w+)\}", variable) if variable.startswith("EVAL(") else [variable]
        if variable.startswith("EVAL(") and not self.has_eval:
            return web.json_response({"message": "Unable to read provided function"}, status=500)
        if self.broken & set(names):
            return web.json_response({"error": "Allocation failed"}, status=500)
        if variable.startswith("EVAL("):
            value = re.sub(r"\$\{(\w+)\}", lambda m: self.variables.get(m[1], ""), variable[5:-1])
            return web.json_response({"value": value})
        if variable not in self.variables:
            return web.json_response({"message": "Provided variable was not found"}, status=404)
        return web.json_response({"value": self.variables[variable]})


async def serve(
    handle: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> tuple[web.AppRunner, str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    # Some handlers here never answer on purpose; stopping must not wait for them.
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    return runner, f"http://{host}:{port}"

"""ARI's REST side: routing, authentication, errors as Asterisk words them, and a log of every exchange."""

import base64
import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from offhook.simulators.asterisk.channels import Channel
from offhook.simulators.asterisk.switch import Switch

REQUEST_LINE_BYTES = 4096
"""Asterisk refuses a longer request line, with an HTML page instead of JSON."""


class AriError(Exception):
    """An answer other than success: an HTTP status and ARI's `{"message": …}`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Exchange:
    """One REST request and its answer."""

    method: str
    path: str
    """Without the leading `/ari`."""
    query: dict[str, str]
    body: Any
    status: int
    response: Any
    at: float
    """`time.monotonic()` when the request came."""
    seconds: float
    """How long the answer took."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a route gets: the parts of the path, and the parameters (query first, then the JSON body's)."""

    switch: Switch
    path: tuple[str, ...]
    parameters: dict[str, str]
    variables: dict[str, str]
    """The `variables` object of the body."""

    def get(self, name: str, default: str = "") -> str:
        """A parameter."""
        return self.parameters.get(name, default)

    def channel(self, position: int = 0) -> Channel:
        """The channel that the path names; 404 when there is none."""
        channel = self.switch.channels.get(self.path[position])
        if channel is None:
            raise AriError(404, "Channel not found")
        return channel

    def stasis_channel(self, position: int = 0) -> Channel:
        """The same; 409 when no application has it."""
        channel = self.channel(position)
        if channel.app is None:
            raise AriError(409, "Channel not in Stasis application")
        return channel


Answer = tuple[int, Any]
"""HTTP status and JSON; status 204 has no body."""
Route = Callable[[Request], Awaitable[Answer]]
NOTHING: Answer = (204, None)


class Routes:
    """Routes by method and path; `{}` in a path stands for one segment."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Route]] = []

    def route(self, method: str, path: str) -> Callable[[Route], Route]:
        """Decorate the coroutine that answers."""
        pattern = re.compile(re.escape(path).replace(r"\{\}", "([^/]+)"))

        def add(route: Route) -> Route:
            self._routes.append((method, pattern, route))
            return route

        return add

    def extend(self, other: "Routes") -> None:
        """Take over another table's routes."""
        self._routes.extend(other._routes)

    def find(self, method: str, path: str) -> tuple[Route, tuple[str, ...]]:
        """The route of a request. 404 for an unknown path, 405 for a known one with another method."""
        known = False
        for route_method, pattern, route in self._routes:
            if match := pattern.fullmatch(path):
                if route_method == method:
                    return route, match.groups()
                known = True
        raise AriError(405, "Invalid method") if known else AriError(404, "Resource not found")


class RestSide:
    """Answers `/ari/…` and keeps the log."""

    def __init__(self, switch: Switch, routes: Routes, username: str, password: str) -> None:
        self.exchanges: list[Exchange] = []
        self._switch = switch
        self._routes = routes
        self._user = f"{username}:{password}"

    def authorized(self, request: web.Request) -> bool:
        """HTTP basic authentication, or `api_key=user:password` in the query."""
        if request.query.get("api_key") == self._user:
            return True
        basic = base64.b64encode(self._user.encode()).decode()
        return request.headers.get("Authorization") == f"Basic {basic}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one HTTP request."""
        path = request.path.removeprefix("/ari")
        query = {name: value for name, value in request.query.items() if name != "api_key"}
        if len(request.method) + len(request.raw_path) + len(" HTTP/1.1") + 1 > REQUEST_LINE_BYTES:
            page = (
                "<html><head><title>400 Bad Request</title></head><body>Request line too long</body></html>"
            )
            self._log(request.method, path, query, None, 400, page, time.monotonic())
            return web.Response(status=400, text=page, content_type="text/html")
        if not self.authorized(request):
            refusal = {"message": "Authentication required"}
            self._log(request.method, path, query, None, 401, refusal, time.monotonic())
            challenge = {"WWW-Authenticate": 'Basic realm="Asterisk REST Interface"'}
            return web.json_response(refusal, status=401, headers=challenge)
        status, answer = await self.answer(request.method, path, query, await request.text())
        return web.Response(status=204) if status == 204 else web.json_response(answer, status=status)

    async def answer(self, method: str, path: str, query: dict[str, str], text: str = "") -> Answer:
        """Answer one request whose body is `text`, and write both down."""
        at = time.monotonic()
        body: dict[str, Any] = {}
        try:
            body = _object(text)
            route, parts = self._routes.find(method, path)
            variables = {name: _text(value) for name, value in (body.get("variables") or {}).items()}
            parameters = {name: _text(value) for name, value in body.items() if name != "variables"} | query
            status, answer = await route(Request(self._switch, parts, parameters, variables))
        except AriError as error:
            status, answer = error.status, {"message": error.message}
        self._log(method, path, query, body or None, status, answer, at)
        return status, answer

    def _log(
        self, method: str, path: str, query: dict[str, str], body: Any, status: int, answer: Any, at: float
    ) -> None:
        self.exchanges.append(Exchange(method, path, query, body, status, answer, at, time.monotonic() - at))


def _object(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text) if text else {}
    except ValueError:
        raise AriError(400, "Error parsing request body") from None
    if not isinstance(body, dict):
        raise AriError(400, "Error parsing request body")
    return body


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)

"""How requests get to ARI: the HTTP session, the login, the time limit, and errors that say what happened."""

from __future__ import annotations

import base64
import json
import os
import weakref
from collections.abc import Callable, Mapping
from typing import TypeVar

import aiohttp
from websockets.exceptions import InvalidHandshake, InvalidStatus
from yarl import URL

from .address import ari_base_url
from .errors import AriError, AriUnreachable, NotFound, error_for
from .event_socket import EventSocket, open_event_socket
from .parsing import FormatError

_T = TypeVar("_T")

_CONNECTIONS = 32
"""Asterisk serves 100 HTTP sessions by default (`sessionlimit`), idle ones and event streams included."""

_KEEP_ALIVE_SECONDS = 10
"""Less than the 15 s after which Asterisk closes an idle session: a request sent just then would be lost."""


class AriConnection:
    """Requests to one Asterisk with one login. A session that is passed in stays the giver's."""

    def __init__(
        self,
        url: str,
        username: str,
        password: str,
        *,
        session: aiohttp.ClientSession | None,
        timeout_seconds: float,
    ) -> None:
        self.base_url = ari_base_url(url)
        self._session = session
        self._owns_session = session is None
        login = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
        self._headers = {"Authorization": f"Basic {login}"}
        self._timeout_seconds = timeout_seconds
        self._event_sockets: weakref.WeakSet[EventSocket] = weakref.WeakSet()

    async def open(self) -> None:
        """Make the session, if none was given."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE_SECONDS)
            self._session = aiohttp.ClientSession(connector=connector)

    async def close(self) -> None:
        """Close the event sockets, and the session if it was made here."""
        for socket in tuple(self._event_sockets):
            await socket.close()
        if self._owns_session and self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def get(self, path: str, parse: Callable[[object], _T], **query: str) -> _T:
        """A GET whose answer `parse` makes something of; it raises `FormatError` if it cannot."""
        return self._parsed("GET", path, parse, await self._answer("GET", path, query, None))

    async def post(
        self, path: str, query: Mapping[str, str] | None = None, *, body: Mapping[str, str] | None = None
    ) -> None:
        """A POST whose answer does not matter."""
        await self._answer("POST", path, query, body)

    async def create(
        self,
        path: str,
        parse: Callable[[object], _T],
        *,
        body: Mapping[str, object] | None = None,
        **query: str,
    ) -> _T:
        """A POST that makes something, which `parse` takes from the answer."""
        return self._parsed("POST", path, parse, await self._answer("POST", path, query, body))

    async def delete(self, path: str, missing_ok: bool, **query: str) -> None:
        """A DELETE; with `missing_ok`, what is not there counts as deleted."""
        try:
            await self._answer("DELETE", path, query, None)
        except NotFound:
            if not missing_ok:
                raise

    async def event_socket(
        self, path: str, query: Mapping[str, str], heartbeat_seconds: float
    ) -> EventSocket:
        """Open a WebSocket that pings each `heartbeat_seconds` and gives up half that time after a ping."""
        self._open_session()  # a client that was closed opens nothing
        url = self._url(path).with_query(query)
        try:
            socket = await open_event_socket(
                str(url.with_scheme("wss" if url.scheme == "https" else "ws")),
                self._headers,
                heartbeat_seconds=heartbeat_seconds,
                timeout_seconds=self._timeout_seconds,
            )
        except InvalidStatus as error:
            status, content = error.response.status_code, bytes(error.response.body)
            raise error_for("GET", path, status, _reason(status, content)) from None
        except (InvalidHandshake, OSError, TimeoutError) as error:
            raise self._unreachable("GET", path, error) from error
        self._event_sockets.add(socket)
        return socket

    async def _answer(
        self, method: str, path: str, query: Mapping[str, str] | None, body: Mapping[str, object] | None
    ) -> object:
        """The answer's JSON, None if it has no body."""
        try:
            async with self._open_session().request(
                method,
                self._url(path),
                params=query,
                json=body,
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=self._timeout_seconds),
                allow_redirects=False,
            ) as response:
                content = await response.read()
                status, location = response.status, response.headers.get("Location", "")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unreachable(method, path, error) from error
        if status >= 400:
            raise error_for(method, path, status, _reason(status, content))
        if status >= 300:
            raise error_for(method, path, status, f"the ARI URL has moved to {location or 'nowhere'}")
        if not content:
            return None
        try:
            return json.loads(content)
        except ValueError:
            raise AriError(method, path, status, f"not ARI's JSON but {_one_line(content)!r}") from None

    def _parsed(self, method: str, path: str, parse: Callable[[object], _T], answer: object) -> _T:
        try:
            return parse(answer)
        except FormatError as error:
            raise AriError(method, path, 200, f"an answer that is not ARI's: {error}") from None

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("The client is not open: use `async with AriClient(…) as ari`")
        return self._session

    def _url(self, path: str) -> URL:
        return URL(f"{self.base_url}{path}", encoded=True)

    def _unreachable(self, method: str, path: str, error: Exception) -> AriUnreachable:
        match error:
            case TimeoutError():
                why = f"no answer within {self._timeout_seconds:g} s"
            case aiohttp.ClientConnectorError(os_error=OSError(errno=int(number))) if number > 0:
                why = os.strerror(number)
            case OSError(errno=int(number)) if number > 0:
                why = os.strerror(number)
            case aiohttp.ClientConnectorError(os_error=OSError(strerror=str(why))):
                pass
            case _:
                why = str(error) or type(error).__name__
        return AriUnreachable(method, path, None, f"{self.base_url} cannot be reached: {why}")


def _reason(status: int, content: bytes) -> str:
    """Asterisk's own message; where it sent none, what the status hints at or how the answer begins."""
    hint = _HINTS.get(status, "")
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, Mapping):  # a page for people, of Asterisk's web server or a proxy
        return hint or _one_line(content) or "no further message"
    said = str(answer.get("message") or answer.get("error") or _one_line(content))
    return f"{said} ({hint})" if status in (401, 403) else said


_HINTS = {
    401: "wrong ARI user name or password",
    403: "this ARI user is read_only in ari.conf, or may not do this",
    404: "there is no ARI here: wrong URL or prefix, or ari.conf has enabled=no",
}


def _one_line(content: bytes) -> str:
    return " ".join(content[:400].decode("utf-8", "replace").split())[:200]

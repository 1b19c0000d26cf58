"""Who may come in: a token, or on loopback the machine's own programs and pages.

With `server.token` set, everything but the page's own files and the health checks needs it, as
`Authorization: Bearer …` or (for a WebSocket, which cannot send headers from a browser) as `?token=`.

Without one the server listens on loopback only. Any program of this machine may come in; a browser is let in
only for pages that came from this machine too. So a strange site that a browser visits can neither
read nor command: not by a cross-site request or WebSocket (the `Origin` it must send is not a loopback
address), and not by DNS rebinding (the `Host` it sends is its own name).
"""

from __future__ import annotations

import hmac
import logging
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

log = logging.getLogger("offhook.console")

OPEN_PATHS: Final = ("/", "/healthz", "/readyz")
"""They tell nobody anything: the page is an empty form until it has a token."""
OPEN_PREFIX: Final = "/static/"


class RefusedError(Exception):
    """A request that may not come in; `status` is 401 or 403, the text a sentence for people."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def is_loopback(host: str) -> bool:
    """True for `localhost`, names below it (RFC 6761 §6.3) and loopback addresses; no name is looked up."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def check(request: web.Request, token: str) -> None:
    """Let a request in, or raise RefusedError. An empty `token` means: loopback without a login."""
    if token:
        _check_token(request, token)
    else:
        _check_local(request)


def allowed_origin(request: web.Request, token: str) -> str | None:
    """The origin that may read the answer (CORS), or None. With a token the token decides, not the origin:
    no cookie is ever used, so a strange page has nothing to send."""
    origin = request.headers.get("Origin")
    if origin and (token or _host_is_local(origin)):
        return origin
    return None


@web.middleware
async def json_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error is JSON: `{"error": "…"}`."""
    try:
        return await handler(request)
    except RefusedError as refused:
        headers = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else None
        return web.json_response({"error": str(refused)}, status=refused.status, headers=headers)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        # Keep what tells the client more (`Allow`), not what describes the body that is replaced.
        headers = {k: v for k, v in error.headers.items() if k == "Allow"}
        message = error.text if error.text and "\n" not in error.text else error.reason
        return web.json_response({"error": message}, status=error.status, headers=headers)
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        message = "the server made a mistake; its log says more"
        return web.json_response({"error": message}, status=500)


def _check_token(request: web.Request, token: str) -> None:
    if request.path in OPEN_PATHS or request.path.startswith(OPEN_PREFIX):
        return
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        given = request.query.get("token", "")
    if not hmac.compare_digest(given.strip().encode(), token.encode()):
        raise RefusedError(
            401, "this server needs its token: send 'Authorization: Bearer <OFFHOOK_TOKEN>' or ?token="
        )


def _check_local(request: web.Request) -> None:
    if not _host_is_local(f"//{request.headers.get('Host', '')}"):
        raise RefusedError(
            403, "the Host header must name a loopback address; set OFFHOOK_TOKEN to use another name"
        )
    origin = request.headers.get("Origin")
    if origin is not None:
        if not _host_is_local(origin):
            raise RefusedError(
                403, f"pages from {origin!r} may not use this server; set OFFHOOK_TOKEN to allow it"
            )
        return
    # No Origin: a program, or a browser that only reads. Following a link to the page is fine.
    navigates = request.headers.get("Sec-Fetch-Mode") == "navigate" and request.path == "/"
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and not navigates:
        raise RefusedError(403, "pages from other sites may not use this server")


def _host_is_local(url: str) -> bool:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return False
    return host is not None and is_loopback(host)

"""What can go wrong with ARI, one class for each thing a caller of the adapter would treat differently.

Asterisk answers a refused request with an HTTP status and a short JSON message. The statuses mean what the
ARI reference says, with a few that only show in practice: `addChannel` of an unknown channel is 400, a
duplicate channel id is 500, a read-only user is 403.
"""

from __future__ import annotations

from http import HTTPStatus


class AriError(Exception):
    """A request to ARI failed. The message names the request, the status and Asterisk's own words."""

    def __init__(self, method: str, path: str, status: int | None, reason: str) -> None:
        self.method = method
        self.path = path
        """The path below `/ari`, without the query."""
        self.status = status
        """The HTTP status; None if no answer came."""
        self.reason = reason
        """Asterisk's message, or what kept the request from being answered."""
        answer = "" if status is None else f" answered {status} {_phrase(status)}".rstrip()
        super().__init__(f"ARI {method} {path}{answer}: {reason}")


class BadRequest(AriError):
    """400: a parameter is wrong, or names a channel that `addChannel` does not know."""


class Unauthorized(AriError):
    """401: user or password is wrong; 403: the user is `read_only` in ari.conf."""


class NotFound(AriError):
    """404: the channel, bridge, playback or variable does not exist (any more)."""


class Conflict(AriError):
    """409: the channel is not in the Stasis application, or the bridge's id is taken."""


class PreconditionFailed(AriError):
    """412: the channel is in a state in which this cannot be done."""


class Unprocessable(AriError):
    """422: the channel is not in the Stasis application, or not in this bridge."""


class ServerError(AriError):
    """5xx: Asterisk could not do it; also a duplicate channel id, an unknown format or function."""


class AriUnreachable(AriError):
    """No answer: the connection was refused or broke, or the time limit passed."""


_BY_STATUS: dict[int, type[AriError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    409: Conflict,
    412: PreconditionFailed,
    422: Unprocessable,
}


def error_for(method: str, path: str, status: int, reason: str) -> AriError:
    """The error for a status of 300 and above (a redirect is an error too: ARI never sends one)."""
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else AriError)
    return kind(method, path, status, reason)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""

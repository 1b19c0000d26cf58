"""What the server refuses, and the `error` object that says so."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class RequestError(Exception):
    """A message of the client that cannot be carried out. It does not end the session by itself.

    code, message, param, kind: as in the API's `error` event (kind is its type); `close_code` is a WebSocket
    close code for the few errors after which the server hangs up, else 0.
    """

    def __init__(
        self,
        code: str,
        message: str,
        param: str | None = None,
        *,
        kind: str = "invalid_request_error",
        close_code: int = 0,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.kind = kind
        self.close_code = close_code

    def error(self, event_id: str | None) -> Json:
        """The `error` object; event_id is that of the client's event at fault."""
        return {
            "type": self.kind,
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": event_id,
        }


def invalid_value(value: object, param: str, allowed: tuple[str, ...]) -> RequestError:
    """The value is none of those that the parameter takes."""
    names = [f"'{name}'" for name in allowed]
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return RequestError("invalid_value", f"Invalid value: '{value}'. Supported values are: {listed}.", param)


def missing(param: str) -> RequestError:
    """A parameter that must be there is not."""
    return RequestError("missing_required_parameter", f"Missing required parameter: '{param}'.", param)


def unknown(param: str) -> RequestError:
    """A parameter that the API does not have, such as one of the beta protocol."""
    return RequestError("unknown_parameter", f"Unknown parameter: '{param}'.", param)


def wrong_type(value: object, param: str, expected: str) -> RequestError:
    """The value has another JSON type than the parameter."""
    return RequestError(
        "invalid_type",
        f"Invalid type for '{param}': expected {expected}, but got {_kind(value)} instead.",
        param,
    )


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"

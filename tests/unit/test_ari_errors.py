"""What an ARI error is called and what it tells."""

import pytest

from offhook.ari import (
    AriError,
    BadRequest,
    Conflict,
    NotFound,
    PreconditionFailed,
    ServerError,
    Unauthorized,
    Unprocessable,
)
from offhook.ari.errors import error_for


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, AriError),
        (400, BadRequest),
        (401, Unauthorized),
        (403, Unauthorized),
        (404, NotFound),
        (405, AriError),
        (409, Conflict),
        (412, PreconditionFailed),
        (413, AriError),
        (422, Unprocessable),
        (500, ServerError),
        (503, ServerError),
        (599, ServerError),
    ],
)
def test_each_status_has_its_class(status: int, kind: type[AriError]) -> None:
    assert type(error_for("GET", "/channels", status, "why")) is kind


def test_the_message_names_the_request_the_status_and_asterisks_words() -> None:
    error = error_for("POST", "/channels/17.1/play/p1", 409, "Channel not in Stasis application")
    assert str(error) == (
        "ARI POST /channels/17.1/play/p1 answered 409 Conflict: Channel not in Stasis application"
    )
    assert (error.method, error.path, error.status) == ("POST", "/channels/17.1/play/p1", 409)
    assert error.reason == "Channel not in Stasis application"


def test_a_status_without_a_name_is_shown_as_a_number() -> None:
    assert str(error_for("GET", "/x", 599, "why")) == "ARI GET /x answered 599: why"

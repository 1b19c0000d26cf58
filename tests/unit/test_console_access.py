"""Who may come in: programs and pages of this machine, nobody else without the token."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from offhook.console.access import RefusedError, allowed_origin, check, is_loopback

LOCAL = {"Host": "127.0.0.1:8081"}


def refused(path: str, headers: dict[str, str], token: str = "", method: str = "GET") -> int | None:
    try:
        check(make_mocked_request(method, path, headers=headers), token)
    except RefusedError as error:
        return error.status
    return None


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost.", "offhook.localhost", "127.0.0.1", "127.8.8.8", "::1"]
)
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "0.0.0.0",
        "::",
        "192.0.2.7",
        "example.org",
        "localhost.example.org",
        "notlocalhost",
        "127.0.0.1.nip.io",
    ],
)
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1:8081", "localhost:8081", "localhost", "[::1]:8081"])
def test_a_program_of_this_machine_comes_in(host: str) -> None:
    assert refused("/calls", {"Host": host}) is None
    assert refused("/calls/x/hangup", {"Host": host}, method="POST") is None


@pytest.mark.parametrize(
    "host", ["attacker.example:8081", "127.0.0.1.attacker.example", "", "[bad", "192.0.2.7:8081"]
)
def test_dns_rebinding_is_refused(host: str) -> None:
    assert refused("/", {"Host": host}) == 403


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:8081", "https://[::1]"])
def test_a_page_of_this_machine_comes_in_from_any_port(origin: str) -> None:
    headers = LOCAL | {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    assert refused("/logs", headers) is None
    assert allowed_origin(make_mocked_request("GET", "/tools", headers=headers), "") == origin


@pytest.mark.parametrize(
    "origin", ["https://attacker.example", "null", "", "http://localhost.attacker.example", "http://[x"]
)
@pytest.mark.parametrize("path", ["/logs", "/calls", "/"])
def test_a_page_from_elsewhere_is_refused(origin: str, path: str) -> None:
    headers = LOCAL | {"Origin": origin}
    assert refused(path, headers) == 403
    assert allowed_origin(make_mocked_request("GET", path, headers=headers), "") is None


def test_a_strange_page_may_link_here_but_not_embed_what_is_here() -> None:
    embeds = LOCAL | {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    follows = LOCAL | {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert refused("/calls", embeds) == 403
    assert refused("/", follows) is None
    assert refused("/calls", follows) == 403


def test_with_a_token_only_the_token_opens() -> None:
    abroad = {"Host": "pbx.example", "Origin": "https://desk.example"}
    assert refused("/calls", abroad, "secret") == 401
    assert refused("/calls", abroad | {"Authorization": "Bearer wrong"}, "secret") == 401
    assert refused("/calls", abroad | {"Authorization": "Basic secret"}, "secret") == 401
    assert refused("/logs?token=wrong", abroad, "secret") == 401
    assert refused("/calls", abroad | {"Authorization": "Bearer secret"}, "secret") is None
    assert refused("/calls", abroad | {"Authorization": "bearer  secret"}, "secret") is None
    assert refused("/logs?token=secret", abroad, "secret") is None


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/static/console.js"])
def test_what_tells_nothing_needs_no_token(path: str) -> None:
    assert refused(path, {"Host": "pbx.example"}, "secret") is None


def test_a_token_with_other_letters_is_compared_too() -> None:
    assert refused("/calls", {"Host": "x", "Authorization": "Bearer schlüssel"}, "schlüssel") is None

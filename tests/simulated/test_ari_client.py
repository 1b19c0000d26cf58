"""The REST client against a small web server that answers as Asterisk does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from ari_table import LOGIN, PASSWORD, Asterisk, Seen, serve
from offhook.ari import (
    AriClient,
    AriError,
    AriUnreachable,
    BadRequest,
    Bridge,
    Channel,
    Conflict,
    NotFound,
    Playback,
    PreconditionFailed,
    ServerError,
    Unauthorized,
    Unprocessable,
)


@pytest_asyncio.fixture
async def asterisk() -> AsyncIterator[Asterisk]:
    asterisk = Asterisk()
    runner, asterisk.url = await serve(asterisk.handle)
    yield asterisk
    await runner.cleanup()


@pytest_asyncio.fixture
async def ari(asterisk: Asterisk) -> AsyncIterator[AriClient]:
    async with AriClient(asterisk.url, "ari", PASSWORD, "my-app") as client:
        yield client


CHANNEL_JSON = {"id": "17.1", "name": "PJSIP/line-1", "state": "Up"}
CHANNEL = Channel("17.1", "PJSIP/line-1", "Up")
BRIDGE_JSON = {"id": "b1", "name": "call 1", "bridge_type": "mixing", "technology": "simple_bridge"}
BRIDGE = Bridge("b1", "call 1", "mixing", "simple_bridge")
PLAYBACK_JSON = {"id": "p1", "media_uri": "sound:a", "target_uri": "channel:17.1", "state": "queued"}
PLAYBACK = Playback("p1", "sound:a", "channel:17.1", "queued")
EXTERNAL_MEDIA = {
    "app": "my-app",
    "channelId": "ext1",
    "external_host": "127.0.0.1:30000",
    "format": "ulaw",
    "transport": "udp",
    "encapsulation": "rtp",
    "connection_type": "client",
}

REQUESTS: list[tuple[Callable[[AriClient], Awaitable[Any]], str, dict[str, str], Any, int, Any, Any]] = [
    (lambda a: a.channels(), "GET /channels", {}, None, 200, [CHANNEL_JSON], [CHANNEL]),
    (lambda a: a.channel("17.1"), "GET /channels/17.1", {}, None, 200, CHANNEL_JSON, CHANNEL),
    (lambda a: a.bridges(), "GET /bridges", {}, None, 200, [BRIDGE_JSON], [BRIDGE]),
    (lambda a: a.answer("17.1"), "POST /channels/17.1/answer", {}, None, 204, None, None),
    (lambda a: a.hangup("17.1"), "DELETE /channels/17.1", {"reason": "normal"}, None, 204, None, None),
    (lambda a: a.hangup("17.1", "busy"), "DELETE /channels/17.1", {"reason": "busy"}, None, 204, None, None),
    (
        lambda a: a.continue_in_dialplan("17.1"),
        "POST /channels/17.1/continue",
        {},
        None,
        204,
        None,
        None,
    ),
    (
        lambda a: a.continue_in_dialplan("17.1", "sales", "200", 3),
        "POST /channels/17.1/continue",
        {"context": "sales", "extension": "200", "priority": "3"},
        None,
        204,
        None,
        None,
    ),
    (
        lambda a: a.set_variable("17.1", "TALK_DETECT(set)", "500,256"),
        "POST /channels/17.1/variable",
        {},
        {"variable": "TALK_DETECT(set)", "value": "500,256"},
        204,
        None,
        None,
    ),
    (
        lambda a: a.set_variables("17.1", {"A": "one, two", "B": ""}),
        "POST /channels/17.1/variable",
        {},
        {"variable": "ARRAY(A,B)", "value": "one\\, two,"},
        204,
        None,
        None,
    ),
    (
        lambda a: a.send_dtmf("17.1", "12#"),
        "POST /channels/17.1/dtmf",
        {"dtmf": "12#"},
        None,
        204,
        None,
        None,
    ),
    (
        lambda a: a.play("17.1", "sound:a", "p1"),
        "POST /channels/17.1/play/p1",
        {"media": "sound:a"},
        None,
        201,
        PLAYBACK_JSON,
        PLAYBACK,
    ),
    (lambda a: a.stop_playback("p1"), "DELETE /playbacks/p1", {}, None, 204, None, None),
    (
        lambda a: a.create_bridge("b1", "call 1"),
        "POST /bridges/b1",
        {"type": "mixing", "name": "call 1"},
        None,
        200,
        BRIDGE_JSON,
        BRIDGE,
    ),
    (
        lambda a: a.add_to_bridge("b1", "17.1", "ext1"),
        "POST /bridges/b1/addChannel",
        {"channel": "17.1,ext1"},
        None,
        204,
        None,
        None,
    ),
    (lambda a: a.delete_bridge("b1"), "DELETE /bridges/b1", {}, None, 204, None, None),
    (
        lambda a: a.external_media("ext1", "127.0.0.1:30000", "ulaw"),
        "POST /channels/externalMedia",
        EXTERNAL_MEDIA,
        None,
        200,
        CHANNEL_JSON,
        CHANNEL,
    ),
    (
        lambda a: a.external_media(
            "ext1",
            "INCOMING",
            "slin24",
            transport="websocket",
            encapsulation="none",
            connection_type="server",
        ),
        "POST /channels/externalMedia",
        EXTERNAL_MEDIA
        | {
            "external_host": "INCOMING",
            "format": "slin24",
            "transport": "websocket",
            "encapsulation": "none",
            "connection_type": "server",
        },
        None,
        200,
        CHANNEL_JSON,
        CHANNEL,
    ),
    (
        lambda a: a.snoop("17.1", "sn1"),
        "POST /channels/17.1/snoop/sn1",
        {"spy": "in", "app": "my-app"},
        None,
        200,
        CHANNEL_JSON,
        CHANNEL,
    ),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("call", "line", "query", "body", "status", "answer", "result"), REQUESTS)
async def test_each_method_makes_the_documented_request_and_returns_what_asterisk_said(
    asterisk: Asterisk,
    ari: AriClient,
    call: Callable[[AriClient], Awaitable[Any]],
    line: str,
    query: dict[str, str],
    body: Any,
    status: int,
    answer: Any,
    result: Any,
) -> None:
    asterisk.answers[line] = (status, answer)
    assert await call(ari) == result
    method, path = line.split()
    assert asterisk.seen == [Seen(method, path, query, body, LOGIN)]


@pytest.mark.asyncio
async def test_info_tells_the_version(asterisk: Asterisk, ari: AriClient) -> None:
    asterisk.answers["GET /asterisk/info"] = (200, {"system": {"version": "22.10.1"}})
    assert (await ari.info()).version == "22.10.1"


@pytest.mark.asyncio
async def test_a_path_prefix_and_odd_characters_in_ids_reach_asterisk_as_they_are(asterisk: Asterisk) -> None:
    async with AriClient(f"{asterisk.url}/pbx/", "ari", PASSWORD, "my-app") as ari:
        asterisk.answers["POST /pbx/ari/channels/a b%/c/answer"] = (204, None)
        await ari.answer("a b%/c")
    assert ari.base_url == f"{asterisk.url}/pbx/ari"


# --- Errors ------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest),
        (401, Unauthorized),
        (403, Unauthorized),
        (404, NotFound),
        (409, Conflict),
        (412, PreconditionFailed),
        (422, Unprocessable),
        (500, ServerError),
        (503, ServerError),
    ],
)
async def test_a_refusal_says_what_was_asked_and_why_it_was_refused(
    asterisk: Asterisk, ari: AriClient, status: int, kind: type[AriError]
) -> None:
    asterisk.answers["POST /channels/17.1/answer"] = (status, {"message": "Asterisk's own words"})
    with pytest.raises(kind) as refused:
        await ari.answer("17.1")
    for part in ("POST /channels/17.1/answer", str(status), "Asterisk's own words"):
        assert part in str(refused.value)
    assert PASSWORD not in str(refused.value)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "page", "told"),
    [
        (404, "<html>Not Found</html>", "wrong URL or prefix"),
        (502, "<h1>Bad\n Gateway</h1>", "<h1>Bad Gateway</h1>"),
        (500, "", "no further message"),
        (200, "<html>Welcome!</html>", "Welcome!"),
    ],
)
async def test_a_page_in_place_of_ari_is_an_error_that_can_be_understood(
    asterisk: Asterisk, ari: AriClient, status: int, page: str, told: str
) -> None:
    asterisk.answers["GET /asterisk/info"] = (status, page)
    with pytest.raises(AriError, match=re.escape(told)):
        await ari.info()


@pytest.mark.asyncio
async def test_json_that_is_not_aris_is_an_error(asterisk: Asterisk, ari: AriClient) -> None:
    asterisk.answers["GET /channels"] = (200, {"hello": "world"})
    with pytest.raises(AriError, match=r"not ARI's.*hello"):
        await ari.channels()


@pytest.mark.asyncio
async def test_a_redirect_is_told_and_the_password_not_taken_along() -> None:
    logins = []

    async def redirect(request: web.Request) -> web.StreamResponse:
        logins.append(request.headers.get("Authorization"))
        raise web.HTTPMovedPermanently("/elsewhere")

    runner, url = await serve(redirect)
    async with AriClient(url, "ari", PASSWORD, "my-app") as ari:
        with pytest.raises(AriError, match=r"301 Moved Permanently.*/elsewhere"):
            await ari.info()
    await runner.cleanup()
    assert logins == [LOGIN]


@pytest.mark.asyncio
async def test_no_asterisk_there() -> None:
    async with AriClient("http://127.0.0.1:1", "ari", PASSWORD, "my-app") as ari:
        with pytest.raises(AriUnreachable) as unreachable:
            await ari.info()
    assert str(unreachable.value) == (
        "ARI GET /asterisk/info: http://127.0.0.1:1/ari cannot be reached: Connection refused"
    )


@pytest.mark.asyncio
async def test_an_asterisk_that_does_not_answer_in_time() -> None:
    async def never(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    runner, url = await serve(never)
    async with AriClient(url, "ari", PASSWORD, "my-app", timeout_seconds=0.05) as ari:
        with pytest.raises(AriUnreachable, match=r"GET /channels.*no answer within 0\.05 s"):
            await ari.channels()
    await runner.cleanup()


@pytest.mark.asyncio
async def test_an_asterisk_that_hangs_up_without_an_answer() -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    runner, url = await serve(hang_up)
    async with AriClient(url, "ari", PASSWORD, "my-app") as ari:
        with pytest.raises(AriUnreachable, match=r"POST /channels/17\.1/answer.*disconnected"):
            await ari.answer("17.1")
    await runner.cleanup()


# --- What is gone, what is there already -------------------------------------------------------------


@pytest.mark.asyncio
async def test_deleting_what_is_gone_is_an_error_unless_it_is_allowed(ari: AriClient) -> None:
    for delete in (ari.hangup, ari.delete_bridge, ari.stop_playback):
        with pytest.raises(NotFound):
            await delete("gone")
        await delete("gone", missing_ok=True)


@pytest.mark.asyncio
async def test_a_missing_ok_delete_still_reports_other_trouble(asterisk: Asterisk, ari: AriClient) -> None:
    asterisk.answers["DELETE /bridges/b1"] = (500, {"message": "no"})
    with pytest.raises(ServerError):
        await ari.delete_bridge("b1", missing_ok=True)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "bridge_taken",
    [
        (409, {"message": "Bridge with id 'b1' already exists"}),
        # Asterisk 16
        (500, {"message": "Supplying a bridge type when updating a bridge is not allowed."}),
    ],
)
async def test_creating_again_what_an_earlier_attempt_made_returns_it(
    asterisk: Asterisk, ari: AriClient, bridge_taken: tuple[int, Any]
) -> None:
    taken = (500, {"message": "An internal error prevented this request from being handled"})
    asterisk.answers |= {
        "POST /channels/externalMedia": taken,
        "POST /channels/17.1/snoop/sn1": taken,
        "POST /bridges/b1": bridge_taken,
        "GET /channels/ext1": (200, CHANNEL_JSON | {"id": "ext1"}),
        "GET /channels/sn1": (200, CHANNEL_JSON | {"id": "sn1"}),
        "GET /bridges/b1": (200, BRIDGE_JSON),
    }
    assert (await ari.external_media("ext1", "127.0.0.1:30000", "ulaw")).id == "ext1"
    assert (await ari.snoop("17.1", "sn1")).id == "sn1"
    assert await ari.create_bridge("b1", "call 1") == BRIDGE


@pytest.mark.asyncio
async def test_what_could_not_be_made_is_told_by_the_first_error(asterisk: Asterisk, ari: AriClient) -> None:
    asterisk.answers["POST /channels/externalMedia"] = (500, {"message": "unknown format"})
    with pytest.raises(ServerError, match=r"externalMedia.*unknown format"):
        await ari.external_media("ext1", "127.0.0.1:30000", "nosuch")


@pytest.mark.asyncio
async def test_the_rtp_address_comes_from_the_answer_or_is_asked_for(
    asterisk: Asterisk, ari: AriClient
) -> None:
    address = {"UNICASTRTP_LOCAL_ADDRESS": "127.0.0.1", "UNICASTRTP_LOCAL_PORT": "21012"}
    told = CHANNEL_JSON | {"channelvars": address}
    asterisk.answers["POST /channels/externalMedia"] = (200, told)
    channel = await ari.external_media("ext1", "127.0.0.1:30000", "ulaw")
    assert await ari.rtp_address(channel) == ("127.0.0.1", 21012)
    assert len(asterisk.seen) == 1
    with pytest.raises(AriError, match="no RTP address"):
        await ari.rtp_address(CHANNEL)
    asterisk.variables |= address
    assert await ari.rtp_address(CHANNEL) == ("127.0.0.1", 21012)

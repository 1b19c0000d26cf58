"""The REST client: channel variables, and sessions that are passed in."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from ari_table import LOGIN, PASSWORD, Asterisk, serve
from offhook.ari import (
    AriClient,
    NotFound,
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


# --- Variables ---------------------------------------------------------------------------------------

HOSTILE = {
    "APP_SMILEY": "a):1 (((",
    "APP_SHELL": "${SHELL(id)}",
    "APP_OTHER": "${APP_SMILEY}",
    "APP_UTF8": "Grüße, 中文",
    "APP_SIGNS": "a&b=c%20d,e\"f'g\\h{i}<j>;|k$[1+1]",
    "APP_LINES": "one\ntwo\t",
    "APP_SPACE": "  ",
    "APP_LONG": "x" * 5000,
}
MANY = [*HOSTILE, *(f"APP_UNSET_{n:03}" for n in range(112))]


@pytest.mark.asyncio
async def test_many_variables_come_back_literally_with_few_requests(
    asterisk: Asterisk, ari: AriClient
) -> None:
    asterisk.variables = dict(HOSTILE)
    assert await ari.read_variables("17.1", MANY) == HOSTILE
    assert len(asterisk.seen) <= 2


@pytest.mark.asyncio
async def test_a_value_cannot_pass_itself_off_as_the_end_of_another(
    asterisk: Asterisk, ari: AriClient
) -> None:
    await ari.read_variables("17.1", ["APP_A", "APP_B"])
    separator = asterisk.seen[0].query["variable"].removeprefix("EVAL(${APP_A}").removesuffix("${APP_B})")
    asterisk.variables = {"APP_A": f"mine{separator}stolen"}
    assert await ari.read_variables("17.1", ["APP_A", "APP_B"]) == asterisk.variables
    assert len(asterisk.seen) == 2, "it is another separator each time"


@pytest.mark.asyncio
async def test_no_names_no_request_and_a_name_asked_for_twice_is_read_once(
    asterisk: Asterisk, ari: AriClient
) -> None:
    assert await ari.read_variables("17.1", []) == {}
    assert asterisk.seen == []
    asterisk.variables = {"APP_A": "1"}
    assert await ari.read_variables("17.1", ["APP_A", "APP_A"]) == {"APP_A": "1"}
    assert asterisk.seen[0].query["variable"] == "EVAL(${APP_A})"


@pytest.mark.asyncio
async def test_without_eval_each_variable_is_read_by_itself_some_at_a_time(
    asterisk: Asterisk, ari: AriClient, caplog: pytest.LogCaptureFixture
) -> None:
    asterisk.variables = HOSTILE | {"APP_UNSET_000": ""}
    asterisk.has_eval = False
    for _ in range(2):
        assert await ari.read_variables("17.1", MANY) == HOSTILE
    assert len(asterisk.seen) == 1 + 2 * len(MANY), "EVAL is tried once only"
    assert 1 < asterisk.most_reading <= 16
    assert len([r for r in caplog.records if "EVAL" in r.getMessage()]) == 1


@pytest.mark.asyncio
async def test_without_func_strings_each_variable_is_set_by_itself(
    asterisk: Asterisk, ari: AriClient
) -> None:
    asterisk.has_eval = False
    await ari.read_variables("17.1", ["APP_A"])
    asterisk.seen.clear()
    asterisk.answers["POST /channels/17.1/variable"] = (204, None)
    await ari.set_variables("17.1", {"A": "one, two", "B": ""})
    assert [request.body for request in asterisk.seen] == [
        {"variable": "A", "value": "one, two"},
        {"variable": "B", "value": ""},
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["A B", "SHELL(id)", "A,B", ""])
async def test_only_plain_names_are_set_together(asterisk: Asterisk, ari: AriClient, name: str) -> None:
    with pytest.raises(ValueError, match="not a plain channel variable name"):
        await ari.set_variables("17.1", {"A": "1", name: "2"})
    assert asterisk.seen == []


@pytest.mark.asyncio
@pytest.mark.parametrize("has_eval", [True, False])
async def test_a_value_that_asterisk_cannot_pass_on_costs_only_itself(
    asterisk: Asterisk, ari: AriClient, has_eval: bool, caplog: pytest.LogCaptureFixture
) -> None:
    asterisk.variables = dict(HOSTILE)
    asterisk.has_eval = has_eval
    asterisk.broken = {"APP_LINES"}
    with caplog.at_level(logging.WARNING, "offhook.ari"):
        found = await ari.read_variables("17.1", MANY)
    assert found == {name: value for name, value in HOSTILE.items() if name != "APP_LINES"}
    assert "APP_LINES" in caplog.text


@pytest.mark.asyncio
@pytest.mark.parametrize("has_eval", [True, False])
async def test_reading_from_a_channel_that_is_gone_is_an_error(
    asterisk: Asterisk, ari: AriClient, has_eval: bool
) -> None:
    asterisk.has_eval = has_eval
    if not has_eval:
        await ari.read_variables("17.1", ["APP_A"])
    with pytest.raises(NotFound, match="Channel not found"):
        await ari.read_variables("gone", MANY)
    with pytest.raises(NotFound, match="Channel not found"):
        await ari.get_variable("gone", "APP_A")


@pytest.mark.asyncio
async def test_a_name_that_would_be_run_is_refused_before_anything_is_sent(
    asterisk: Asterisk, ari: AriClient
) -> None:
    with pytest.raises(ValueError, match=r"SHELL\(id\)"):
        await ari.read_variables("17.1", ["APP_A", "SHELL(id)"])
    assert asterisk.seen == []


@pytest.mark.asyncio
async def test_one_variable_is_its_value_or_none(asterisk: Asterisk, ari: AriClient) -> None:
    asterisk.variables = {"APP_A": "1", "APP_EMPTY": "", "CALLERID(num)": "4711"}
    assert await ari.get_variable("17.1", "APP_A") == "1"
    assert await ari.get_variable("17.1", "APP_EMPTY") == ""
    assert await ari.get_variable("17.1", "APP_UNSET") is None
    assert await ari.get_variable("17.1", "CALLERID(num)") == "4711"


# --- The session -------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_session_that_is_passed_in_stays_open_and_needs_no_login_of_its_own(
    asterisk: Asterisk,
) -> None:
    asterisk.answers["GET /channels"] = (200, [])
    async with aiohttp.ClientSession() as session:
        async with AriClient(asterisk.url, "ari", PASSWORD, "my-app", session=session) as ari:
            await ari.channels()
        assert not session.closed
    assert asterisk.seen[0].login == LOGIN


@pytest.mark.asyncio
async def test_a_client_that_is_not_open_says_how_to_open_it(asterisk: Asterisk) -> None:
    client = AriClient(asterisk.url, "ari", PASSWORD, "my-app")
    with pytest.raises(RuntimeError, match="async with AriClient"):
        await client.info()
    async with client:
        pass
    with pytest.raises(RuntimeError, match="async with AriClient"):
        await client.info()
    assert asterisk.seen == []

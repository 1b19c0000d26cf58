"""The end of a call in Asterisk: what is asked for, in which order, and what is tried when it is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from offhook.ari import AriClient, AriError, AriUnreachable, BadRequest, Conflict, NotFound, ServerError
from offhook.call.actions import End
from offhook.call.info import CallInfo
from offhook.call.outcome import EndCause, decide
from offhook.runner.leaving import leave

INFO = CallInfo("c1", "pbx-1")
OUTCOME = decide("c1", EndCause.DTMF, recognition=False, transcripts=["four"], digits="4")
RESULT = [f"set {name}={value}" for name, value in OUTCOME.variables().items()]
TOGETHER = ", ".join(RESULT)


class FakeAri:
    """Notes each request, and refuses those that `refuse` has an error for."""

    def __init__(self, refuse: Callable[[str], AriError | None] = lambda request: None) -> None:
        self.asked: list[str] = []
        self._refuse = refuse

    async def _ask(self, request: str) -> None:
        self.asked.append(request)
        if error := self._refuse(request):
            raise error

    async def stop_playback(self, playback_id: str, *, missing_ok: bool = False) -> None:
        assert missing_ok, "a prompt that is over is no failure"
        await self._ask(f"stop {playback_id}")

    async def set_variables(self, channel_id: str, values: Mapping[str, str]) -> None:
        await self._ask(", ".join(f"set {name}={value}" for name, value in values.items()))

    async def set_variable(self, channel_id: str, name: str, value: str) -> None:
        await self._ask(f"set {name}={value}")

    async def continue_in_dialplan(self, channel_id: str, *place: Any) -> None:
        await self._ask(" ".join(["continue", *(str(part) for part in place if part)]))

    async def hangup(self, channel_id: str) -> None:
        await self._ask("hangup")


def error(kind: type[AriError], status: int | None = 500) -> AriError:
    return kind("POST", "/x", status, "because")


def on(beginning: str, *errors: AriError) -> Callable[[str], AriError | None]:
    """Refuse the requests that begin so, with one error after the other; after the last they are granted."""
    left = list(errors)
    return lambda request: left.pop(0) if request.startswith(beginning) and left else None


async def asked(ari: FakeAri, end: End, more: dict[str, str] | None = None, **facts: Any) -> list[str]:
    facts = {"playing": (), "talk_detect": False, **facts}
    await leave(cast("AriClient", ari), INFO, end, more or {}, **facts)
    return ari.asked


@pytest.mark.asyncio
async def test_prompts_stop_first_then_the_result_is_set_then_the_dialplan_goes_on() -> None:
    end = End(OUTCOME, "continue", "ivr", "next")
    assert await asked(FakeAri(), end, {"MINE": "1"}, playing=["p1", "p2"], talk_detect=True) == [
        "stop p1",
        "stop p2",
        TOGETHER,
        "set MINE=1",
        "set TALK_DETECT(remove)=",
        "continue ivr next 1",
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("end", "last"),
    [
        (End(OUTCOME), "continue"),
        (End(OUTCOME, "hangup"), "hangup"),
        (End(OUTCOME, "hangup", "ivr", "next"), "hangup"),
        (End(OUTCOME, "continue", "", "next"), "continue next 1"),
    ],
)
async def test_the_way_out_is_the_calls(end: End, last: str) -> None:
    assert await asked(FakeAri(), end) == [TOGETHER, last]


@pytest.mark.asyncio
async def test_a_prompt_that_cannot_be_stopped_costs_no_result() -> None:
    ari = FakeAri(on("stop", error(ServerError)))
    assert await asked(ari, End(OUTCOME), playing=["p1", "p2"]) == [
        "stop p1",
        "stop p2",
        TOGETHER,
        "continue",
    ]


@pytest.mark.asyncio
async def test_a_variable_of_a_plugins_that_is_refused_costs_no_other() -> None:
    ari = FakeAri(on("set BAD", error(BadRequest, 400)))
    wanted = [TOGETHER, "set BAD=1", "set GOOD=2", "continue"]
    assert await asked(ari, End(OUTCOME), {"BAD": "1", "GOOD": "2"}) == wanted


@pytest.mark.asyncio
@pytest.mark.parametrize("refusal", [error(BadRequest, 400), error(ServerError)])
async def test_a_result_that_is_refused_in_one_is_set_one_by_one_and_what_is_refused_costs_no_other(
    refusal: AriError,
) -> None:
    ari = FakeAri(on("set RECOG_STATUS", refusal, refusal))
    assert await asked(ari, End(OUTCOME), {"MINE": "1"}) == [TOGETHER, *RESULT, "set MINE=1", "continue"]


@pytest.mark.asyncio
async def test_a_plugin_may_set_a_variable_of_the_result_its_own_way() -> None:
    (together, *_) = await asked(FakeAri(), End(OUTCOME), {"DTMF_RESULT": "four"})
    assert together == TOGETHER.replace("DTMF_RESULT=4", "DTMF_RESULT=four")


@pytest.mark.asyncio
async def test_an_asterisk_that_does_not_answer_is_not_asked_for_everything() -> None:
    ari = FakeAri(lambda request: error(AriUnreachable, None))
    assert await asked(ari, End(OUTCOME)) == [TOGETHER, TOGETHER, "continue", "hangup"]


@pytest.mark.asyncio
async def test_a_request_that_got_no_answer_is_made_once_more() -> None:
    ari = FakeAri(on("set RECOG_STATUS", error(AriUnreachable, None)))
    assert await asked(ari, End(OUTCOME)) == [TOGETHER, TOGETHER, "continue"]
    ari = FakeAri(on("set MINE", error(AriUnreachable, None)))
    assert await asked(ari, End(OUTCOME), {"MINE": "1"}) == [TOGETHER, "set MINE=1", "set MINE=1", "continue"]


@pytest.mark.asyncio
@pytest.mark.parametrize("gone", [error(NotFound, 404), error(Conflict, 409)])
async def test_a_caller_who_is_gone_is_asked_nothing_more(gone: AriError) -> None:
    assert await asked(FakeAri(on("set", gone)), End(OUTCOME)) == [TOGETHER]


@pytest.mark.asyncio
async def test_a_caller_who_is_hanging_up_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    hung_up = decide("c1", EndCause.HANGUP, recognition=False, transcripts=[])
    requests = await asked(FakeAri(on("set", error(BadRequest, 400))), End(hung_up))
    assert len(requests) == 1
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("end", "ways"),
    [
        (End(OUTCOME), ["continue", "hangup"]),
        (End(OUTCOME, "continue", "ivr", "next"), ["continue ivr next 1", "continue", "hangup"]),
        (End(OUTCOME, "hangup"), ["hangup", "continue", "hangup"]),
    ],
)
async def test_a_caller_whom_nothing_gets_out_has_been_tried_every_way(end: End, ways: list[str]) -> None:
    assert await asked(FakeAri(lambda request: error(ServerError)), end) == [TOGETHER, *RESULT, *ways]

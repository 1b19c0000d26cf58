"""The result, kept ready for a caller who hangs up."""

from __future__ import annotations

import pytest

from call_scenario import CallScenario
from offhook.call.actions import SetResult
from offhook.call.events import CallerHungUp, Digit, FinalTranscript
from offhook.settings import settings_with


def call_with(**more: object) -> CallScenario:
    return CallScenario(settings_with(**{"greeting_audio_path": "none", **more}), mode="IMMEDIATE")


def told(call: CallScenario, time: float) -> dict[str, str]:
    """The newest result that was set at that time."""
    (*_, action) = [action for action in call.did_at(time) if isinstance(action, SetResult)]
    return action.outcome.variables()


@pytest.mark.parametrize(
    ("kind", "status", "cause"), [("conversation", "OK", "000"), ("recognition", "INTERRUPTED", "011")]
)
def test_from_the_start_the_result_is_that_of_a_hang_up(kind: str, status: str, cause: str) -> None:
    call = call_with(session_kind=kind)
    call.listening()
    assert told(call, 0) == {
        "RECOG_STATUS": status,
        "RECOG_COMPLETION_CAUSE": cause,
        "FINAL_TRANSCRIPTION": "",
        "DTMF_RESULT": "",
        "RECOGNITION_ERROR": "",
        "OFFHOOK_END_CAUSE": "hangup",
        "OFFHOOK_CALL_ID": "call-1",
    }


def test_it_has_all_that_the_caller_has_said_so_far() -> None:
    call = call_with()
    call.listening()
    call.at(1, FinalTranscript("i1", "one"))
    call.at(2, FinalTranscript("i2", "two"))
    assert told(call, 1)["FINAL_TRANSCRIPTION"] == "one"
    assert told(call, 2)["FINAL_TRANSCRIPTION"] == "one | two"


def test_it_has_the_digits_so_far_and_a_hang_up_loses_none() -> None:
    call = call_with()
    call.listening()
    call.at(1, Digit("4"), Digit("7"))
    assert told(call, 1)["DTMF_RESULT"] == "47"
    call.at(2, CallerHungUp())
    assert call.outcome.digits == "47"


def test_digits_that_are_handed_to_the_model_are_no_result() -> None:
    call = call_with(dtmf_mode="converse")
    call.listening()
    call.at(1, Digit("4"), Digit("7"))
    assert all(not isinstance(action, SetResult) for action in call.did_at(1))

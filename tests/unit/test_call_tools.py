"""The model's function calls: run side by side, answered, then one response; and calls that a tool ends."""

from __future__ import annotations

import pytest

from call_scenario import CallScenario
from offhook.call.actions import CreateResponse, End, RunTool, SendToolOutput, StopPlayout
from offhook.call.events import (
    AnswerAudioStarted,
    AnswerPlayed,
    Digit,
    EndRequested,
    Event,
    PlayoutStopped,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    ToolFinished,
    ToolRequested,
)
from offhook.call.outcome import EndCause
from offhook.settings import settings_with


def talking(**more: object) -> CallScenario:
    call = CallScenario(settings_with(greeting_audio_path="none", **more), mode="IMMEDIATE")
    call.listening()
    call.at(0, SpeechStarted("i1"))
    return call


def test_calls_run_concurrently() -> None:
    call = talking()
    call.at(1, ResponseStarted("r1"))
    call.at(2, ToolRequested("r1", "t1", "look_up", '{"id": 1}'), ToolRequested("r1", "t2", "look_up", "{}"))
    call.expect_only(2, RunTool("t1", "look_up", '{"id": 1}'), RunTool("t2", "look_up", "{}"))


def test_each_call_is_answered_when_it_finishes() -> None:
    call = talking()
    call.at(
        1, ResponseStarted("r1"), ToolRequested("r1", "t1", "a", "{}"), ToolRequested("r1", "t2", "b", "{}")
    )
    call.at(2, ResponseDone("r1"))
    call.at(3, ToolFinished("t2", "b", "two"))
    call.expect_only(3, SendToolOutput("t2", "two"))


def test_a_response_is_asked_for_once_all_calls_of_a_response_are_answered() -> None:
    call = talking()
    call.at(
        1, ResponseStarted("r1"), ToolRequested("r1", "t1", "a", "{}"), ToolRequested("r1", "t2", "b", "{}")
    )
    call.at(2, ResponseDone("r1"))
    call.at(3, ToolFinished("t2", "b", "two"))
    call.at(4, ToolFinished("t1", "a", "one"))
    call.expect(4, SendToolOutput("t1", "one"), CreateResponse())
    assert call.times_of(CreateResponse) == [4]


def test_the_response_waits_for_the_end_of_the_one_under_way() -> None:
    call = talking()
    call.at(1, ResponseStarted("r1"), ToolRequested("r1", "t1", "a", "{}"))
    call.at(2, ToolFinished("t1", "a", "one"))
    call.expect_never(CreateResponse)
    call.at(3, ResponseDone("r1"))
    call.expect(3, CreateResponse())


def test_a_tool_that_fails_answers_the_model_and_never_hurts_the_call() -> None:
    call = talking()
    call.at(1, ResponseStarted("r1"), ToolRequested("r1", "t1", "a", "{}"), ResponseDone("r1"))
    call.at(2, ToolFinished("t1", "a", '{"error": "a failed"}', failed=True))
    call.expect(2, SendToolOutput("t1", '{"error": "a failed"}'), CreateResponse())
    call.expect_running()


def test_an_answer_to_a_call_that_is_answered_already_is_not_sent() -> None:
    call = talking()
    call.at(1, ResponseStarted("r1"), ToolRequested("r1", "t1", "a", "{}"), ResponseDone("r1"))
    call.at(2, ToolFinished("t1", "a", "one"), ToolFinished("t1", "a", "one"))
    assert len(call.all_of(SendToolOutput)) == 1


# --- Ended by a tool --------------------------------------------------------------------------------------


def ending(spoke: bool) -> CallScenario:
    """The model has called end_call, in a response that said goodbye or in one that did not."""
    call = talking()
    call.at(1, ResponseStarted("r1"))
    if spoke:
        call.at(1, AnswerAudioStarted("r1", "a1"))
    call.at(2, ToolRequested("r1", "t1", "end_call", "{}"))
    call.at(2, EndRequested(), ToolFinished("t1", "end_call", "The call ends."))
    return call


def test_the_call_ends_once_the_goodbye_that_is_being_spoken_has_been_heard() -> None:
    call = ending(spoke=True)
    call.at(3, ResponseDone("r1"))
    call.until(5)
    call.expect_running()
    call.at(5, AnswerPlayed("a1", 4000))
    call.expect_end(5, EndCause.TOOL)
    call.expect_never(CreateResponse)


def test_a_model_that_has_not_said_goodbye_gets_a_response_to_say_it() -> None:
    call = ending(spoke=False)
    call.at(3, ResponseDone("r1"))
    call.expect(3, CreateResponse())
    call.at(4, ResponseStarted("r2"), AnswerAudioStarted("r2", "a2"))
    call.at(5, ResponseDone("r2"))
    call.expect_running()
    call.at(6, AnswerPlayed("a2", 2000))
    call.expect_end(6, EndCause.TOOL)


def test_a_goodbye_that_follows_the_call_of_the_tool_in_the_same_response_is_enough() -> None:
    call = talking()
    call.at(1, ResponseStarted("r1"), ToolRequested("r1", "t1", "end_call", "{}"), EndRequested())
    call.at(2, ToolFinished("t1", "end_call", "ok"), AnswerAudioStarted("r1", "a1"), ResponseDone("r1"))
    call.at(3, AnswerPlayed("a1", 900))
    call.expect_end(3, EndCause.TOOL)
    call.expect_never(CreateResponse)


def test_a_goodbye_without_words_ends_the_call_too() -> None:
    call = ending(spoke=False)
    call.at(3, ResponseDone("r1"))
    call.at(4, ResponseStarted("r2"), ResponseDone("r2"))
    call.expect_end(4, EndCause.TOOL)


def test_a_goodbye_that_never_comes_does_not_keep_the_call() -> None:
    call = ending(spoke=False)
    call.at(3, ResponseDone("r1"))
    call.expect_end(22, EndCause.TOOL)


def test_a_goodbye_that_the_caller_interrupts_has_been_heard_enough() -> None:
    call = ending(spoke=True)
    call.at(3, ResponseDone("r1"))
    call.at(4, SpeechStarted("i2"))
    call.expect(4, StopPlayout())
    call.at(4, PlayoutStopped())
    call.expect_end(4, EndCause.TOOL)


def test_a_transfer_passes_the_call_on_to_the_named_extension_whatever_end_action_says() -> None:
    call = talking(end_action="hangup")
    call.at(1, ResponseStarted("r1"), AnswerAudioStarted("r1", "a1"))
    call.at(2, ToolRequested("r1", "t1", "transfer_call", "{}"))
    call.at(2, EndRequested("transfer", "sales", "200"), ToolFinished("t1", "transfer_call", "ok"))
    call.at(3, ResponseDone("r1"), AnswerPlayed("a1", 1500))
    call.expect_end(3, EndCause.TRANSFER)
    end = call.all_of(End)[0]
    assert (end.leave, end.context, end.extension) == ("continue", "sales", "200")


@pytest.mark.parametrize("digits_first", [True, False])
def test_a_caller_who_types_takes_precedence_over_a_tool_that_ends_the_call(digits_first: bool) -> None:
    call = talking(dtmf_interdigit_timeout_seconds=30, dtmf_final_timeout_seconds=30)
    call.at(1, ResponseStarted("r1"), AnswerAudioStarted("r1", "a1"))
    call.at(2, ToolRequested("r1", "t1", "end_call", "{}"))
    events: list[Event] = [Digit("4"), EndRequested()] if digits_first else [EndRequested(), Digit("4")]
    call.at(3, *events, PlayoutStopped(), ToolFinished("t1", "end_call", "ok"))
    call.at(28, Digit("#"))
    assert call.expect_end(28, EndCause.DTMF).digits == "4"

"""When a response may be asked for, and whose audio is for the caller."""

from __future__ import annotations

from offhook.realtime.answers import Answers
from offhook.realtime.responses import Responses


def test_a_wish_is_granted_where_nothing_is_under_way() -> None:
    responses = Responses()
    assert not responses.under_way
    assert responses.wish()
    assert responses.under_way


def test_a_wish_is_held_back_until_the_response_is_done() -> None:
    responses = Responses()
    responses.created("a")
    assert not responses.wish()
    assert not responses.wish()
    assert responses.done("a")
    responses.created("b")
    assert not responses.done("b")


def test_a_wish_is_held_back_while_one_is_on_its_way() -> None:
    responses = Responses()
    assert responses.wish()
    assert not responses.wish()
    responses.created("a")
    assert responses.done("a")


def test_the_end_of_another_response_does_not_count() -> None:
    responses = Responses()
    responses.created("a")
    responses.wish()
    assert not responses.done("other")
    assert responses.active == "a"
    assert responses.done("")


def test_a_wish_refused_for_one_under_way_is_granted_at_its_end() -> None:
    responses = Responses()
    responses.wish()
    responses.created("of the server")
    assert not responses.refused(already_active=True)
    assert not responses.retry()
    assert responses.done("of the server")


def test_a_wish_refused_for_one_that_has_ended_is_granted_by_a_retry() -> None:
    responses = Responses()
    responses.created("a")
    responses.done("a")
    assert responses.wish()
    assert not responses.refused(already_active=True)
    assert responses.retry()
    assert not responses.retry()


def test_a_wish_refused_for_good_is_forgotten_but_not_a_later_one() -> None:
    responses = Responses()
    assert responses.wish()
    assert not responses.refused(already_active=False)
    assert not responses.under_way
    assert responses.wish()
    assert not responses.wish()
    assert responses.refused(already_active=False)


def test_audio_is_for_the_caller_until_its_answer_is_dropped() -> None:
    answers = Answers()
    assert not answers.any_audio
    assert answers.wanted("r1", "i1")
    assert answers.any_audio
    answers.drop_answer_of("i1")
    answers.drop_answer_of("unknown")
    assert not answers.wanted("r1", "i1")
    assert not answers.wanted("r1", "i2")
    assert answers.wanted("r2", "i3")
    answers.drop("r2")
    assert not answers.wanted("r2", "i3")


def test_an_item_is_done_once_and_only_if_it_had_audio() -> None:
    answers = Answers()
    answers.wanted("r1", "i1")
    assert answers.item_done("i1")
    assert not answers.item_done("i1")
    assert not answers.item_done("silent")


def test_a_response_ends_with_what_was_left_unfinished() -> None:
    answers = Answers()
    answers.wanted("r1", "i1")
    answers.wanted("r1", "i2")
    answers.wanted("r2", "i3")
    answers.item_done("i1")
    assert answers.response_done("r1") == ["i2"]
    assert answers.response_done("r1") == []
    assert answers.item_done("i3")

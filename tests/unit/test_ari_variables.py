"""The expression that reads many channel variables at once, and the taking apart of its answer."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.ari.variables import MAX_EXPRESSION_BYTES, assignment, check_names, chunks, expression, values
from offhook.simulators.asterisk.variables import arguments

NAMES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,40}", fullmatch=True)


def test_the_expression_holds_every_variable_once() -> None:
    assert expression(["APP_A", "APP_B"], "f00d") == "EVAL(${APP_A}f00d${APP_B})"


def test_values_come_back_under_their_names_and_empty_ones_are_left_out() -> None:
    assert values(["A", "B", "C"], "f00d", "onef00df00dthree, $[1+1] }&=") == {
        "A": "one",
        "C": "three, $[1+1] }&=",
    }


@pytest.mark.parametrize("answer", ["", "onlyone", "af00dbf00dc"])
def test_an_answer_that_does_not_fit_the_question_is_not_believed(answer: str) -> None:
    assert values(["A", "B"], "f00d", answer) is None


@given(st.lists(NAMES, max_size=300, unique=True))
def test_every_name_is_asked_for_once_and_every_expression_fits_a_request_line(names: list[str]) -> None:
    cut = list(chunks(names, "0123abcd"))
    assert [name for chunk in cut for name in chunk] == names
    for chunk in cut:
        encoded = quote(expression(chunk, "0123abcd"), safe="")
        assert len(encoded) <= MAX_EXPRESSION_BYTES + len(quote("EVAL()", safe=""))


def test_120_settings_take_two_requests() -> None:
    assert len(list(chunks([f"APP_A_SETTING_OF_COMMON_LENGTH_{n:03}" for n in range(120)], "0123abcd"))) == 2


@pytest.mark.parametrize("name", ["", "A B", "A)", "SHELL(id)", "${A}", "A}", "1A", "A\n", "Ä", "A:1"])
def test_only_plain_names_are_let_through(name: str) -> None:
    with pytest.raises(ValueError, match="not a plain channel variable name"):
        check_names(["APP_FINE", name])


def test_variables_that_are_set_together_stand_in_their_order() -> None:
    assert assignment({"B": "two", "A": 'a "b", (c]', "C": ""}) == (
        "ARRAY(B,A,C)",
        'two,a \\"b\\"\\, \\(c\\],',
    )


@given(st.dictionaries(NAMES, st.text(), min_size=1))
def test_whatever_is_in_a_value_asterisk_takes_it_apart_as_it_was_given(given_values: dict[str, str]) -> None:
    name, value = assignment(given_values)
    assert arguments(name[len("ARRAY(") : -1]) == list(given_values)
    assert arguments(value) == list(given_values.values())

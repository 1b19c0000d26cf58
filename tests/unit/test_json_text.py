"""JSON: what the quick library refuses is read and written all the same."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from offhook import json_text


@pytest.mark.parametrize(
    "value",
    [
        {"text": "grüß dich", "list": [1, 2.5, None, True]},
        {"half a character": "\ud83d"},
        {"long": 2**80},
        {"1": "one"},
        [],
    ],
)
def test_what_is_written_is_read_again(value: Any) -> None:
    text = json_text.dumps(value)
    assert json_text.loads(text) == value
    assert json.loads(text) == value
    assert json_text.loads(text.encode()) == value


def test_half_a_character_of_a_model_is_no_reason_to_lose_its_message() -> None:
    assert json_text.loads(rb'{"delta":"a\ud83d"}') == {"delta": "a\ud83d"}


@pytest.mark.parametrize("text", [b"", b"{", b"{'a': 1}", b"\xff\xfe", b"[1,]"])
def test_what_is_no_json_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):
        json_text.loads(text)


def test_what_json_has_no_form_for_is_written_as_its_text_where_that_is_wanted() -> None:
    shown = json_text.dumps({1: {date}}, default=str)
    assert json_text.loads(shown) == {"1": str({date})}
    assert json_text.dumps({"b": 1, "a": [{2}]}, default=str) == '{"b":1,"a":["{2}"]}'
    with pytest.raises(TypeError):
        json_text.dumps({"a": {2}})


def test_what_is_nested_too_deep_is_no_json() -> None:
    with pytest.raises(ValueError, match="nested too deep"):
        json_text.loads("[" * 100_000)

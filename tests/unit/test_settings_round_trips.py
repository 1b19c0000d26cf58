"""Any valid value means the same in a file, in the environment, in a channel variable and in Python."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import annotated_types
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from offhook.settings import Leaf, SettingsError, leaves, load_settings, settings_with
from offhook.settings.channel_variables import with_channel_variables

WORDS = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=12).filter(
    lambda word: word != "none"
)
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).map(str.strip).filter(bool)
ADDRESSES = st.builds(
    "{}://{}.example/{}".format, st.sampled_from(["http", "https"]), WORDS.map("a{}a".format), WORDS
)
OWN_FORM: dict[str, st.SearchStrategy[Any]] = {
    "recognitionActivationMode": st.sampled_from(["VAD", "fixedDelay", "IMMEDIATE", "wake_word"]),
    "greetingAudioPath": WORDS | WORDS.map("recording:{}".format),
    "dtmfTerminatorDigit": st.sampled_from("0123456789*#ABCD"),
    "rtpHostIp": st.ip_addresses().map(str),
    "rtpBindIp": st.ip_addresses().map(str),
    "hostIp": st.ip_addresses().map(str),
    "transferTargets": st.lists(WORDS | st.builds("{}/{}".format, WORDS, WORDS)),
    "settableVariables": st.lists(WORDS.map(lambda word: "V" + word.replace("-", "_"))),
    "httpEndpoints": st.dictionaries(WORDS, ADDRESSES),
    "mcpServers": st.lists(
        st.fixed_dictionaries({"serverLabel": WORDS, "serverUrl": ADDRESSES, "authorization": TEXT})
    ),
    "apiKey": WORDS.map("sk-{}".format),
    "azureApiKey": WORDS,
    "baseUrl": ADDRESSES,
    "azureEndpoint": ADDRESSES,
    "ariUrl": ADDRESSES,
    "publicUrl": ADDRESSES,
    "ariAppName": WORDS,
    "language": st.sampled_from(["en", "de", "pt-BR", "fil"]),
    "inputAudioFormat": st.sampled_from(["g711_ulaw", "audio/pcma", "pcm16"]),
    "outputAudioFormat": st.sampled_from(["g711_ulaw", "audio/pcma", "pcm16"]),
    "inputFrameMs": st.integers(1, 10).map(lambda packets: 20 * packets),
    "responseModalities": st.sampled_from([["audio"], ["text"], ["audio", "text"]]),
    "disabled": st.lists(WORDS),
    "choices": st.dictionaries(WORDS, WORDS),
}


def values_of(leaf: Leaf) -> st.SearchStrategy[Any]:
    """Valid values of a setting, as a JSON file has them."""
    if leaf.name in OWN_FORM:
        return OWN_FORM[leaf.name]
    field = leaf.section.model_fields[leaf.attributes[-1]]
    limits = [limit for limit in field.metadata if isinstance(limit, annotated_types.Ge | annotated_types.Gt)]
    low: Any = next((getattr(limit, "ge", None) or getattr(limit, "gt", 0) for limit in limits), 0)
    high: Any = next((limit.le for limit in field.metadata if isinstance(limit, annotated_types.Le)), 0)
    annotation: Any = field.annotation
    if get_origin(annotation) is Literal:
        return st.sampled_from(get_args(annotation))
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        return st.integers(low, high)
    if annotation is float:
        return st.floats(
            low, high, exclude_min=any(isinstance(limit, annotated_types.Gt) for limit in limits)
        )
    assert annotation in (str, SecretStr), leaf.name
    return TEXT.filter(lambda text: text.casefold() != "none")


def as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return repr(value) if isinstance(value, float) else json.dumps(value)


def in_a_tree(leaf: Leaf, value: Any) -> dict[str, Any]:
    for key in reversed(leaf.path.split(".")):
        value = {key: value}
    return value  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def config_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("settings") / "config.json"


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_a_value_means_the_same_wherever_it_is_written(config_file: Path, data: st.DataObject) -> None:
    leaf = data.draw(st.sampled_from(leaves()))
    value = data.draw(values_of(leaf))
    try:
        expected = settings_with(**{leaf.name: value})
    except SettingsError as error:
        assert "allowed is" not in str(error), "a single value may only break a rule with others"
        assume(False)
        raise
    config_file.write_text(json.dumps(in_a_tree(leaf, value)))
    text = as_text(value)
    assert leaf.of(load_settings(config_file=config_file, environ={}).settings) == leaf.of(expected)
    assert load_settings(environ={leaf.env: text}).settings == expected
    if leaf.per_call:
        layered = with_channel_variables(load_settings(environ={}), {f"APP_{leaf.env}": text})
        assert layered.problems == ()
        assert layered.settings == expected


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_an_effective_value_written_again_stays_the_same(data: st.DataObject) -> None:
    leaf = data.draw(st.sampled_from(leaves()))
    once = leaf.parse(data.draw(values_of(leaf)))
    assert leaf.parse(once) == once


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_nothing_in_a_channel_variable_loses_the_call(data: st.DataObject) -> None:
    start = load_settings(environ={})
    leaf = data.draw(st.sampled_from([leaf for leaf in leaves() if leaf.per_call]))
    text = data.draw(
        st.text() | st.sampled_from(["[" * 10_000, "{" * 10_000, "9" * 5000, "1e999", "[1,", "{}"])
    )
    layered = with_channel_variables(start, {f"APP_{leaf.env}": text})
    if layered.problems:
        assert layered.settings == start.settings
        assert "\n" not in layered.problems[0]

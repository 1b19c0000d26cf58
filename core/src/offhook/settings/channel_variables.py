"""Channel variables: what the dialplan says about one call before `Stasis()`.

A setting's channel variable is `APP_` and its environment name (`APP_DTMF_MAX_DIGITS`). Its other environment
names work too, and so does, for what is in `appConfig`, the spelling of the original's later versions
(`APP_APPRECOGNITION_DTMFMAXDIGITS`).
An empty variable counts as unset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from .layers import LayeredSettings
from .leaves import Leaf, find_leaf, leaves
from .sources import Entry


@cache
def _variables() -> tuple[tuple[Leaf, tuple[str, ...]], ...]:
    """Each setting that a call may have of its own, with its variables; the first that is set wins."""
    return tuple((leaf, tuple(_names_of(leaf))) for leaf in leaves() if leaf.per_call)


def _names_of(leaf: Leaf) -> Iterator[str]:
    for name in (leaf.env, *leaf.env_aliases):
        yield f"APP_{name}"
    if leaf.path.startswith("appConfig."):
        for name in dict.fromkeys(name.upper() for name in (leaf.name, *leaf.aliases)):
            yield f"APP_APPRECOGNITION_{name}"


@cache
def names() -> tuple[str, ...]:
    """Every variable worth reading from a channel."""
    return tuple(name for _, variables in _variables() for name in variables)


def to_layer(variables: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """What the variables of a channel say: (setting, value, variable), one for each setting that is set."""
    layer = []
    for leaf, known in _variables():
        for name in known:
            if (value := variables.get(name, "")).strip():
                layer.append((leaf.name, value, name))
                break
    return layer


def with_channel_variables(layered: LayeredSettings, variables: Mapping[str, str]) -> LayeredSettings:
    """The settings of one call. A bad variable is left out, and named in `problems`."""
    entries = []
    for name, value, variable in to_layer(variables):
        leaf = find_leaf(name)
        assert leaf is not None
        entries.append(Entry(leaf, value, f"channel variable {variable}"))
    return layered.with_entries(entries)

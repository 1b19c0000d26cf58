"""What `offhook plugins` says of each plugin."""

from __future__ import annotations

from offhook.plugins.listing import ListedPlugin, listed
from offhook.plugins.loader import FoundPlugin

KEYS = FoundPlugin("dtmf", "acme-keys", "2.0", plugin=object(), hooks=("digit_handler", "tools"))
OUSTED = FoundPlugin("dtmf", "offhook-dtmf", "0.1.0", hooks=("digit_handler",), replaced_by="acme-keys")


def listing(*found: FoundPlugin) -> list[ListedPlugin]:
    return listed(found, disabled_in="environment OFFHOOK_PLUGINS_DISABLED")


def test_what_serves_is_listed_with_its_hooks() -> None:
    (row,) = listing(KEYS)
    assert (row.name, row.distribution, row.version) == ("dtmf", "acme-keys", "2.0")
    assert (row.status, row.about) == ("serves", "digit_handler, tools")
    assert row.fine


def test_a_plugin_without_hooks_is_told_what_it_may_have_forgotten() -> None:
    (row,) = listing(FoundPlugin("crm", "acme-crm", "2.0", plugin=object()))
    assert row.about == "no hooks: no function is marked with @hookimpl"


def test_who_replaces_and_who_is_replaced_name_each_other() -> None:
    ousted, keys = listing(OUSTED, KEYS)
    assert (ousted.status, ousted.about) == ("replaced", "replaced by acme-keys")
    assert (keys.status, keys.about) == ("serves", "digit_handler, tools; replaces offhook-dtmf")
    assert ousted.fine
    assert keys.fine


def test_what_is_disabled_names_the_setting_and_where_it_was_set() -> None:
    (row,) = listing(FoundPlugin("dtmf", "offhook-dtmf", "0.1.0", disabled=True))
    assert row.status == "disabled"
    assert row.about == "left out by plugins.disabled (environment OFFHOOK_PLUGINS_DISABLED)"
    assert row.fine, "somebody wanted it so"


def test_what_is_broken_says_why_and_who_serves_in_its_place() -> None:
    broken = FoundPlugin("dtmf", "acme-keys", "2.0", error="its import failed with KeyError: 'x'")
    ours = FoundPlugin("dtmf", "offhook-dtmf", "0.1.0", plugin=object(), hooks=("digit_handler",))
    own, row = listing(ours, broken)
    assert row.about == "its import failed with KeyError: 'x'; offhook-dtmf serves in its place"
    assert (own.status, own.about) == ("serves", "digit_handler")
    assert [row.fine, own.fine] == [False, True]


def test_those_in_conflict_name_each_other_and_none_is_fine() -> None:
    rows = listing(
        FoundPlugin("dtmf", "acme-keys", "2.0", conflict="choose"),
        FoundPlugin("dtmf", "bell-keys", "2.0", conflict="choose"),
    )
    assert [row.about for row in rows] == [
        "bell-keys declare this name too",
        "acme-keys declare this name too",
    ]
    assert {row.status for row in rows} == {"conflict"}
    assert not any(row.fine for row in rows)


def test_as_json_nothing_is_left_out() -> None:
    ousted, keys = listing(OUSTED, KEYS)
    assert keys.as_json() == {
        "name": "dtmf",
        "distribution": "acme-keys",
        "version": "2.0",
        "status": "serves",
        "hooks": ["digit_handler", "tools"],
        "replaces": ["offhook-dtmf"],
        "replacedBy": None,
        "conflictsWith": [],
        "reason": None,
    }
    assert ousted.as_json()["replacedBy"] == "acme-keys"

"""What counts as a change of the public API, and which words of the change log speak of it."""

from __future__ import annotations

import pytest

from api_changes import changed, newest, parsed, releases, unmentioned, unreleased, without_new_version

RELEASED = parsed(
    """# a comment
Digit: event (digit: str)
Host: class (settings: Settings)
Host.hangup: (call_id: str) -> bool
Host.ready: read-only bool
HostError: class of Exception
Settings: class of Section
Settings.app_config.dtmf.dtmf_max_digits: int
hook tools: version 1, (settings: Settings) -> Iterable[Tool] | None
"""
)


def after(**replaced: str | None) -> dict[str, str]:
    """The release with some lines replaced (None: taken out); `__` stands for a dot, `hook_` for a hook."""
    lines: dict[str, str] = dict(RELEASED)
    for name, text in replaced.items():
        key = name.replace("__", ".").replace("hook_", "hook ")
        lines.pop(key, None)
        if text is not None:
            lines[key] = text
    return lines


def missing(new: dict[str, str], change_log: str) -> list[str]:
    return unmentioned(changed(RELEASED, new), RELEASED | new, change_log)


def test_nothing_changed_needs_no_words() -> None:
    assert changed(RELEASED, after()) == []
    assert missing(after(), "") == []


def test_the_order_of_lines_and_comments_are_no_change() -> None:
    assert changed({"a": "1", "b": "2"}, parsed("# other words\nb: 2\na: 1\n")) == []


def test_a_new_name_has_to_be_named() -> None:
    new = after(Ran="event (name: str)")
    assert missing(new, "- a new event `Random`") == ["Ran"]
    assert missing(new, "- a new event Ran, without backticks") == ["Ran"]
    assert missing(new, "- a new event `Ran`") == []


def test_a_removed_name_has_to_be_named() -> None:
    assert missing(after(HostError=None), "") == ["HostError"]
    assert missing(after(HostError=None), "- removed: `HostError`") == []


def test_both_names_of_a_rename_have_to_be_named() -> None:
    new = after(HostError=None, HostFailure="class of Exception")
    assert missing(new, "- new: `HostFailure`") == ["HostError"]
    assert missing(new, "- `HostError` is called `HostFailure` now") == []


def test_a_changed_signature_has_to_be_named() -> None:
    new = after(Digit="event (digit: str, duration_ms: int = 0)")
    assert missing(new, "") == ["Digit"]
    assert missing(new, "- `Digit` knows how long") == []
    assert missing(new, "- `Digit.duration_ms`: how long") == []
    assert missing(new, "- `offhook.Digit(digit,\n  duration_ms)`") == []


def test_a_changed_method_is_not_named_by_its_class_nor_the_class_by_its_method() -> None:
    method = after(Host__hangup="(call_id: str, reason: str) -> bool")
    assert missing(method, "- `Host` is faster") == ["Host.hangup"]
    assert missing(method, "- `Host.hangup(reason=…)`") == []
    constructor = after(Host="class (settings: Settings, *, name: str)")
    assert missing(constructor, "- `Host.hangup` is faster") == ["Host"]
    assert missing(constructor, "- `Host(name=…)`") == []


def test_a_class_that_came_or_went_stands_for_its_members() -> None:
    gone = {key: text for key, text in RELEASED.items() if key.partition(".")[0] != "Host"}
    assert changed(RELEASED, gone) == ["Host"]
    assert changed(gone, RELEASED) == ["Host"]


def test_a_member_that_came_or_went_is_a_change_of_its_own() -> None:
    assert changed(RELEASED, after(Host__ready=None, Host__calls="read-only int")) == [
        "Host.calls",
        "Host.ready",
    ]


def test_a_setting_may_be_named_as_in_a_file() -> None:
    new = after(Settings__app_config__dtmf__dtmf_max_digits="str")
    assert missing(new, "- `Settings` are better") == ["Settings.app_config.dtmf.dtmf_max_digits"]
    assert missing(new, "- `dtmfMaxDigits` takes text") == []
    assert missing(new, "- `Settings.app_config.dtmf.dtmf_max_digits` takes text") == []


def test_a_hook_is_named_without_the_word_hook() -> None:
    new = after(hook_tools="version 2, () -> Iterable[Tool] | None")
    assert missing(new, "- `tool`, `toolset`") == ["hook tools"]
    assert missing(new, "- `tools` takes no settings") == []


# --- Versions of hooks ----------------------------------------------------------------------------------


HOOK = "hook tools"
OLD = "version 1, (settings: Settings) -> Iterable[Tool] | None"


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        "version 1, (settings: Settings, call: CallInfo) -> Iterable[Tool] | None",
        "version 1, (call: CallInfo, settings: Settings) -> Iterable[Tool] | None",
        "version 1, deprecated settings, (settings: Settings) -> Iterable[Tool] | None",
        "version 1, (settings: Settings) -> None | Iterable[Tool] | Awaitable[Tool]",
    ],
    ids=["the same", "one more argument", "another order", "a deprecation", "one more kind of answer"],
)
def test_what_old_implementations_fit_needs_no_new_version(new: str) -> None:
    assert without_new_version({HOOK: OLD}, {HOOK: new}) == []


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ("version 1, () -> Iterable[Tool] | None", "the argument settings is gone"),
        ("version 1, (options: Settings) -> Iterable[Tool] | None", "the argument settings is gone"),
        ("version 1, (settings: Options) -> Iterable[Tool] | None", "the argument settings has another type"),
        ("version 1, (settings: Settings) -> Iterable[Tool]", "an answer is no longer allowed"),
        (
            "version 1, first answer wins, (settings: Settings) -> Iterable[Tool] | None",
            "another rule of whose answer counts",
        ),
    ],
)
def test_what_old_implementations_do_not_fit_needs_a_new_version(new: str, reason: str) -> None:
    assert without_new_version({HOOK: OLD}, {HOOK: new}) == [f"{HOOK}: {reason}, so its version has to be 2"]
    assert without_new_version({HOOK: OLD}, {HOOK: new.replace("version 1", "version 2")}) == []


def test_a_version_never_goes_back() -> None:
    old = OLD.replace("version 1", "version 2")
    assert without_new_version({HOOK: old}, {HOOK: OLD}) == [f"{HOOK}: its version went from 2 back to 1"]


def test_hooks_that_came_or_went_have_no_version_to_compare() -> None:
    assert without_new_version({HOOK: OLD}, {"hook others": OLD}) == []


# --- Releases -------------------------------------------------------------------------------------------

CHANGE_LOG = "# Changelog\n\n## Unreleased\n\n- `a`\n\n## 0.10.0 (a day)\n\n- `b`\n\n## 0.9.0\n\n- `c`\n"


def test_only_what_is_not_released_counts_as_said() -> None:
    assert unreleased(CHANGE_LOG).strip() == "- `a`"
    assert unreleased(CHANGE_LOG.replace("## Unreleased", "## 0.11.0")) == ""


def test_the_newest_release_is_the_highest_number_and_not_the_last_word() -> None:
    assert releases(CHANGE_LOG) == ["0.10.0", "0.9.0"]
    assert newest(["0.9.0", "0.10.0", "0.9.9"]) == "0.10.0"
    assert newest([]) is None


def test_a_version_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"the version next is not allowed.*0\.2\.0"):
        newest(["next"])

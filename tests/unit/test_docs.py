"""The integrator's pages say what the code does: timers, causes, settings, links, commands."""

from __future__ import annotations

import ast
import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from offhook.call.outcome import TRANSCRIPTION_LIMIT, EndCause, decide
from offhook.call.setup import GREETING_LIMIT_SECONDS
from offhook.call.spoken_greeting import GREETING_SECONDS
from offhook.call.tool_calls import GOODBYE_SECONDS
from offhook.cli import _parser
from offhook.settings import Settings
from offhook.settings.channel_variables import names as channel_variables
from offhook.settings.leaves import leaves
from offhook.settings.legacy import _FORMATS as FORMATS
from offhook.settings.legacy import IGNORED
from offhook.simulators.asterisk.__main__ import arguments as asterisk_arguments
from offhook.simulators.realtime.__main__ import arguments as realtime_arguments

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
PAGES: Final = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "core/*.md", "plugins/*/*.md", "bench/*.md", "examples/**/*.md")
    for page in ROOT.glob(pattern)
)


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(page: str, first_column: str) -> list[list[str]]:
    """The cells of each table of a page whose first heading is this one, without their heads."""
    found: list[list[str]] = []
    for table in re.findall(r"(?:^\|.*\n)+", page, re.M):
        head, _, *body = [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()
        ]
        if head[0] == first_column:
            found += body
    return found


def in_code(cell: str) -> str:
    """The first words in code of a cell."""
    found = re.match(r"`([^`]+)`", cell)
    assert found, f"{cell!r} does not begin with code"
    return found[1]


# --- Timers ---------------------------------------------------------------------------------------------


def timers_in_code() -> set[str]:
    """The names with which timers are started: said on the spot, or listed in the loop around it."""
    names: set[str] = set()
    for source in (ROOT / "core/src/offhook/call", ROOT / "plugins"):
        for file in source.rglob("src/**/*.py" if source.name == "plugins" else "*.py"):
            names |= timers_of(ast.parse(file.read_text(encoding="utf-8")), str(file))
    return names


def timers_of(tree: ast.AST, place: str) -> set[str]:
    names = set()
    listed = dict(lists_of_names(tree))
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] == "StartTimer":
            match call.args[0]:
                case ast.Constant(value=str(name)):
                    names.add(name)
                case ast.Name(id=variable) if variable in listed:
                    names |= listed[variable]
                case ast.Name(id="name") if place.endswith("call/call.py"):
                    pass  # it passes on what a part has named
                case other:
                    raise AssertionError(f"{place}:{other.lineno}: which timer is started here?")
    return names


def lists_of_names(tree: ast.AST) -> Iterator[tuple[str, set[str]]]:
    """Loop variables and the texts that they run through: `for name, _ in (("a", 1), ("b", 2))`."""
    for loop in ast.walk(tree):
        if isinstance(loop, ast.For) and isinstance(loop.target, ast.Tuple):
            texts = {
                node.value
                for node in ast.walk(loop.iter)
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            }
            yield ast.unparse(loop.target.elts[0]), texts


def test_every_timer_is_on_the_page_of_timers_and_no_other() -> None:
    """In both tables: what its expiry does, and what starts and clears it."""
    documented = [in_code(row[0]) for row in rows(read("timers.md"), "timer")]
    expected = sorted(timers_in_code())
    assert len(expected) > 10, "the names are found in the code"
    assert sorted(documented) == sorted(expected * 2)


def test_each_timer_has_its_setting_with_its_default() -> None:
    fixed = {
        "greetingLimit": GREETING_LIMIT_SECONDS,
        "spokenGreeting": GREETING_SECONDS,
        "goodbye": GOODBYE_SECONDS,
    }
    known = {leaf.env: leaf for leaf in leaves()}
    for row in rows(read("timers.md"), "timer"):
        if len(row) != 5:
            continue
        name, setting, default, *_ = row
        if setting == "fixed":
            assert default == f"{fixed[in_code(name)]:g} s", name
        else:
            leaf = known[in_code(setting)]
            assert leaf.per_call, name
            unit = "ms" if leaf.name.endswith("Ms") else "s"
            assert default == f"{leaf.of(Settings()):g} {unit}", name


def test_the_causes_that_timers_end_a_call_with_are_causes() -> None:
    named = re.findall(r"ends the call[^|;]*?: `(\w+)`(?: or `(\w+)`)?", read("timers.md"))
    assert len(named) > 5
    assert {cause for pair in named for cause in pair if cause} <= {cause.value for cause in EndCause}


# --- Results --------------------------------------------------------------------------------------------

NEVER: Final = {
    "recognition": {EndCause.TOOL, EndCause.TRANSFER, EndCause.IDLE},
    "conversation": {EndCause.RECOGNIZED, EndCause.SPEECH_COMPLETE, EndCause.NO_MATCH},
}
"""Causes that cannot happen in one kind of session."""


def verdict(cause: EndCause, kind: str) -> str:
    """What the table of results has to say, as the code decides it."""
    if cause in NEVER[kind]:
        return "–"

    def ends(*transcripts: str) -> str:
        recognition = kind == "recognition"
        outcome = decide("c", cause, recognition=recognition, transcripts=list(transcripts))
        return f"{outcome.status} {outcome.completion_cause}"

    silent, spoken = ends(), ends("yes")
    return silent if silent == spoken else f"{spoken} with a transcript, else {silent}"


def test_every_cause_is_in_the_table_of_results_with_its_status_and_code() -> None:
    documented = {
        in_code(cause): (recognition, conversation)
        for cause, _, recognition, conversation in rows(read("results.md"), "`OFFHOOK_END_CAUSE`")
    }
    assert documented == {
        cause.value: (verdict(cause, "recognition"), verdict(cause, "conversation")) for cause in EndCause
    }


def test_every_completion_cause_has_its_name() -> None:
    page = read("results.md")
    codes = {decide("c", cause, recognition=True, transcripts=[]).completion_cause for cause in EndCause}
    assert {code for code in codes if not re.search(rf"\b{code} [a-z]+", page)} == set()


def test_every_result_variable_is_documented_and_so_is_the_cut() -> None:
    variables = decide("c", EndCause.HANGUP, recognition=False, transcripts=[]).variables()
    documented = [in_code(row[0]) for row in rows(read("results.md"), "variable")]
    assert documented == list(variables)
    assert f"cut at {TRANSCRIPTION_LIMIT} bytes" in read("results.md")


# --- Settings -------------------------------------------------------------------------------------------


def test_the_table_of_settings_is_up_to_date() -> None:
    script = runpy.run_path(str(ROOT / "scripts/settings-table"))
    page = read("settings.md")
    assert script["with_table"](page) == page, "run: python scripts/settings-table"


def test_every_name_of_a_setting_is_on_the_page_of_settings() -> None:
    page = read("settings.md")
    names = [name for leaf in leaves() for name in (leaf.env, *leaf.env_aliases, leaf.path, *leaf.aliases)]
    names += [*IGNORED, *FORMATS]
    assert [name for name in names if f"`{name}`" not in page] == []


def test_every_name_in_capitals_is_one_of_ours_or_of_asterisk() -> None:
    known = {name for leaf in leaves() for name in (leaf.env, *leaf.env_aliases)}
    known |= set(decide("c", EndCause.HANGUP, recognition=False, transcripts=[]).variables())
    known |= {*IGNORED, "CONFIG_FILE_PATH", "FIXED_DELAY", "TALK_DETECT"}
    for page in DOCS.glob("*.md"):
        named = re.findall(r"`([A-Z]+(?:_[A-Z]+)+)\b", page.read_text(encoding="utf-8"))
        assert {name for name in named if not name.startswith("APP_")} <= known, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_channel_variable_that_a_page_sets_is_read(page: Path) -> None:
    named = re.findall(r"\bAPP_[A-Z0-9_]+\b", page.read_text(encoding="utf-8"))
    assert set(named) - {"APP_APPRECOGNITION_"} <= set(channel_variables())


# --- Links and commands ---------------------------------------------------------------------------------


def prose(page: Path) -> str:
    """A page without its code."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.sub(r"(?m)^ {4}.*$|`[^`\n]*`", "", text)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    titles = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_the_index_names_every_page() -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", read("README.md"))
    assert {page.name for page in DOCS.glob("*.md")} - {"README.md"} <= set(links)


def commands() -> Iterator[str]:
    """Every `offhook …` command in a README and in the documentation, in code or in a block of code."""
    for page in (*ROOT.glob("README.md"), *DOCS.rglob("*.md"), *ROOT.glob("examples/**/README.md")):
        text = page.read_text(encoding="utf-8")
        yield from re.findall(r"`(offhook [^`\n]+)`", text)
        fenced = "".join(re.findall(r"^```.*?\n(.*?)^```$", text, re.M | re.S))
        blocks = re.findall(r"^ {4}(.+)$", text, re.M) + fenced.splitlines()
        for line in blocks:
            if found := re.match(r"(?:.*&& )?(?:uv run )?(offhook .+)", line):
                yield found[1]


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_every_command_is_one(command: str) -> None:
    _, *words = shlex.split(command, comments=True)
    match words:
        case ["simulate", "realtime", *options]:
            realtime_arguments(options)
        case ["simulate", "asterisk", *options]:
            asterisk_arguments(options)
        case ["simulate", *_]:
            pytest.fail(f"{command}: there is no such simulator")
        case _:
            _parser().parse_args(words)

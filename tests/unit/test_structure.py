"""The shape of the code: arrows between packages, sizes and names of files, what plugins may import."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

import offhook

ROOT: Final = Path(__file__).parents[2]
CORE: Final = ROOT / "core" / "src" / "offhook"
PLUGINS: Final = ROOT / "plugins"
EXAMPLES: Final = ROOT / "examples"
LINE_LIMIT: Final = 400

# What each part of the core may import of the others. `demo`, `cli`, `host`, `runner`, and what hangs off them,
# stand above; whatever is not named here stands there too and may import anything below.
ADAPTERS: Final = frozenset({"ari", "media", "realtime", "console", "plugins", "telemetry"})
MAY_IMPORT: Final[dict[str, frozenset[str]]] = {
    "settings": frozenset(),
    "call": frozenset({"settings"}),
    "ari": frozenset({"settings", "call"}),
    "media": frozenset({"settings", "call"}),
    "realtime": frozenset({"settings", "call"}),
    "console": frozenset({"settings", "call"}),
    "telemetry": frozenset({"settings", "call"}),
    # A hook's signature names what plugins work with: tools are the Realtime session's.
    "plugins": frozenset({"settings", "call", "realtime"}),
    # Programs of their own, that know nothing of the host; they share the table of audio formats with it.
    "simulators": frozenset({"settings", "media"}),
}
# Data structures and formats that know nothing of telephony; whoever likes may import them.
BASICS: Final = frozenset({"json_text", "recent"})
# Pure: what `call/` may import from outside the project.
PURE: Final = frozenset(
    {"__future__", "collections", "dataclasses", "datetime", "enum", "re", "types", "typing"}
)
VAGUE_NAMES: Final = frozenset(
    {"util", "utils", "helper", "helpers", "manager", "managers", "common", "misc"}
)


@dataclass(frozen=True)
class Import:
    """One import of a module, made when the module is loaded."""

    file: Path
    line: int
    module: str
    """Absolute, with the imported name where it may be a module: `offhook.call.events`."""

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}: {self.module}"


def python_files(*folders: str) -> list[Path]:
    return sorted(
        file
        for folder in folders
        for file in (ROOT / folder).rglob("*.py")
        if not {".venv", "build", "dist"} & set(file.relative_to(ROOT).parts)
    )


def folders(place: Path) -> list[Path]:
    return sorted(path for path in place.iterdir() if path.is_dir())


def package_of(file: Path, source: Path) -> list[str]:
    """The dotted package that a file is in, as a list."""
    return list(file.relative_to(source).parent.parts)


def imports(file: Path, source: Path, *, typing_too: bool = False) -> Iterator[Import]:
    """What a file imports; without `typing_too`, only what really is imported when it runs."""
    tree = ast.parse(file.read_text())
    for_typing = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test).endswith("TYPE_CHECKING")
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if node in for_typing and not typing_too:
            continue
        match node:
            case ast.Import(names=names):
                for name in names:
                    yield Import(file, node.lineno, name.name)
            case ast.ImportFrom(module=module, names=names, level=level):
                package = package_of(file, source)
                base = package[: len(package) - level + 1] if level else []
                start = [*base, *(module.split(".") if module else [])]
                for name in names:
                    yield Import(file, node.lineno, ".".join([*start, name.name]))
            case _:
                pass


def core_part(module: str) -> str:
    """`offhook.call.events` → `call`; empty for what is not in a part of the core."""
    parts = module.split(".")
    if parts[0] != "offhook" or len(parts) < 2:
        return ""
    return parts[1] if (CORE / parts[1]).is_dir() or (CORE / f"{parts[1]}.py").exists() else "offhook"


def wrong_arrows(part: str) -> list[str]:
    files = sorted((CORE / part).rglob("*.py"))
    assert files, f"there is no part {part}"
    allowed = MAY_IMPORT[part] | BASICS | {part, ""}
    return [
        str(found)
        for file in files
        for found in imports(file, CORE.parent)
        if core_part(found.module) not in allowed
    ]


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_imports_point_one_way(part: str) -> None:
    assert wrong_arrows(part) == []


def test_the_adapters_do_not_know_each_other_nor_who_uses_them() -> None:
    """What the arrows above have to say: an adapter may be replaced without a look at the others."""
    for part in ("ari", "media", "realtime", "console"):
        assert not MAY_IMPORT[part] & (ADAPTERS | {"runner", "host", "cli", "demo"})


def test_deciding_imports_nothing_that_does_io() -> None:
    outside = [
        str(found)
        for file in sorted((CORE / "call").rglob("*.py"))
        for found in imports(file, CORE.parent)
        if found.module.split(".")[0] not in PURE | {"offhook"}
    ]
    assert outside == []


def test_deciding_never_reads_a_clock() -> None:
    for file in sorted((CORE / "call").rglob("*.py")):
        calls = [
            ast.unparse(node.func)
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Call)
        ]
        assert not [call for call in calls if call.endswith((".now", ".utcnow", ".today", ".monotonic"))], (
            file
        )


def test_deciding_is_never_async() -> None:
    waits = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    for file in sorted((CORE / "call").rglob("*.py")):
        assert not [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, waits)], file


@pytest.mark.parametrize(
    "project", [path for place in (PLUGINS, EXAMPLES) for path in folders(place)], ids=lambda path: path.name
)
def test_plugins_and_examples_import_only_what_is_public(project: Path) -> None:
    source = project / "src"
    public = {f"offhook.{name}" for name in offhook.__all__}
    files = sorted(source.rglob("*.py"))
    found = [
        found
        for file in files
        for found in imports(file, source, typing_too=True)
        if found.module.split(".")[0] == "offhook"
    ]
    assert found
    assert [str(one) for one in found if one.module not in public | {"offhook"}] == []
    used = {
        f"offhook.{node.attr}"
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "offhook"
    }
    assert used <= public


@pytest.mark.parametrize("plugin", sorted(path.name for path in PLUGINS.iterdir() if path.is_dir()))
def test_a_plugin_knows_no_other_plugin(plugin: str) -> None:
    source = PLUGINS / plugin / "src"
    others = {f"offhook_{path.name}" for path in PLUGINS.iterdir() if path.name != plugin}
    found = [one for file in source.rglob("*.py") for one in imports(file, source, typing_too=True)]
    assert [str(one) for one in found if one.module.split(".")[0] in others] == []


def test_what_is_public_is_there() -> None:
    assert [name for name in offhook.__all__ if not hasattr(offhook, name)] == []
    assert sorted(offhook.__all__) == sorted(set(offhook.__all__))


@pytest.mark.parametrize("folder", ["core", "plugins", "tests", "bench", "scripts", "examples"])
def test_no_file_grows_past_400_lines(folder: str) -> None:
    long = {
        str(file.relative_to(ROOT)): lines
        for file in python_files(folder)
        if (lines := len(file.read_text().splitlines())) > LINE_LIMIT
    }
    assert long == {}


@pytest.mark.parametrize("example", folders(EXAMPLES), ids=lambda path: path.name)
def test_an_example_is_small_and_complete(example: Path) -> None:
    code = python_files(f"examples/{example.name}/src")
    assert code
    assert sum(len(file.read_text().splitlines()) for file in code) < 100
    assert list((example / "tests").glob("test_*.py"))
    assert {"pyproject.toml", "README.md"} <= {path.name for path in example.iterdir()}
    assert f"({example.name}/)" in (EXAMPLES / "README.md").read_text(), "examples/README.md does not name it"


def test_no_file_has_a_vague_name() -> None:
    files = python_files("core", "plugins", "tests", "bench", "scripts", "examples")
    assert [
        str(file.relative_to(ROOT))
        for file in files
        if VAGUE_NAMES & {*file.stem.lower().split("_"), file.parent.name.lower()}
    ] == []


def test_no_two_test_files_have_one_name() -> None:
    files = python_files("tests", "plugins", "examples")
    names = Counter(file.name for file in files if file.name.startswith("test_"))
    assert [name for name, times in names.items() if times > 1] == []


def test_no_two_plugins_have_one_import_name() -> None:
    packages = Counter(path.name for path in PLUGINS.glob("*/src/*") if path.is_dir())
    assert [name for name, times in packages.items() if times > 1] == []
    assert set(packages) == {f"offhook_{path.name}" for path in PLUGINS.iterdir() if path.is_dir()}


def test_the_tests_own_modules_hide_no_other() -> None:
    """`tests/` is on the path: a module of it would be found before an installed one of its name."""
    own = {path.stem for path in (ROOT / "tests").glob("*.py")}
    assert not own & (set(sys.stdlib_module_names) | {"offhook", "aiohttp", "openai", "websockets", "pytest"})

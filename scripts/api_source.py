"""The public API as its source says it: names, signatures, fields, docstrings.

Read from the source and not from the running objects: so a signature reads as it was written, on every version of
Python, and a field's docstring (the text below it) is there too. What is written elsewhere is followed through
imports: `offhook.Digit` is found in `offhook/call/events.py`.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, UnionType
from typing import Literal, TypeAlias, get_args

import offhook
from offhook.plugins import hookspecs
from offhook.plugins.specs import declared
from offhook.settings.leaves import leaves

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Found: TypeAlias = ast.ClassDef | Function | ast.Assign | ast.AnnAssign
INTERNAL_METHODS = {"__init__", "__post_init__", "__repr__"}


@dataclass(frozen=True)
class Member:
    """What a public class has: a dataclass's field, what a constructor keeps, a property, a method, an enum's value."""

    name: str
    kind: Literal["field", "attribute", "property", "method", "value"]
    text: str
    """Its type, its signature or its value, as it was written."""
    doc: str


@dataclass(frozen=True)
class PublicName:
    """One name of `offhook.__all__`."""

    name: str
    kind: Literal["action", "event", "class", "function", "union", "value"]
    base: str
    """What a class is beyond a class: `Protocol`, `StrEnum`, `Exception` …; empty: nothing."""
    signature: str
    """What it is called with; for a value its type. Empty where there is no such thing."""
    doc: str
    members: tuple[Member, ...] = ()


@dataclass(frozen=True)
class Hook:
    """One hook of `hookspecs.py`."""

    name: str
    version: int
    firstresult: bool
    deprecated: dict[str, str]
    signature: str
    source: str
    """The function's head as it stands in the source."""
    doc: str


def public_names(package: ModuleType = offhook) -> list[PublicName]:
    """Every name of a package's `__all__`, in its order. LookupError if one is not found in the source."""
    return [_described(package, name) for name in package.__all__]


def hooks() -> list[Hook]:
    """Every hook, in the order of the source."""
    source = inspect.getsource(hookspecs)
    lines = source.splitlines()
    functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    return [
        Hook(
            name,
            info.version,
            info.firstresult,
            dict(info.deprecated),
            _signature(functions[name]),
            "\n".join(lines[functions[name].lineno - 1 : functions[name].body[0].lineno - 1]),
            ast.get_docstring(functions[name]) or "",
        )
        for name, info in declared(hookspecs).items()
    ]


def settings() -> list[tuple[str, str]]:
    """Every setting as a plugin reads it, with its type: `app_config.dtmf.dtmf_max_digits`, `int`."""
    found = []
    for leaf in leaves():
        module, node, _ = _find(leaf.section.__module__, leaf.section.__name__)
        assert isinstance(node, ast.ClassDef)
        types = {member.name: member.text for one in _lineage(module, node) for member in _members(one)}
        found.append((".".join(leaf.attributes), types[leaf.attributes[-1]]))
    return found


# --- Finding ------------------------------------------------------------------------------------------


@cache
def _tree(module: str) -> ast.Module:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise LookupError(f"the module {module} has no source")
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def _find(module: str, name: str) -> tuple[str, Found, str]:
    """The module that defines a name, the definition, and the text below it."""
    body = _tree(module).body
    for node, doc in _with_text_below(body):
        match node:
            case ast.ClassDef(name=found) | ast.FunctionDef(name=found) | ast.AsyncFunctionDef(name=found):
                if found == name:
                    return module, node, ast.get_docstring(node) or ""
            case ast.Assign(targets=[ast.Name(id=found)]) | ast.AnnAssign(target=ast.Name(id=found)):
                if found == name:
                    return module, node, doc
            case _:
                pass
    for origin, imported, known_as in _imports(module, body):
        if known_as == name and origin.partition(".")[0] == "offhook":
            return _find(origin, imported)
    raise LookupError(f"{name} is not defined in {module}")


def _imports(module: str, body: list[ast.stmt]) -> Iterator[tuple[str, str, str]]:
    """What a module imports by name: module, name there, name here."""
    spec = find_spec(module)
    package = module if spec and spec.submodule_search_locations else module.rpartition(".")[0]
    for node in body:
        if isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield origin, alias.name, alias.asname or alias.name


def _with_text_below(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, str]]:
    """Each statement with the docstring that stands below it, which Python itself does not keep."""
    for number, node in enumerate(body):
        match body[number + 1 : number + 2]:
            case [ast.Expr(value=ast.Constant(value=str(text)))]:
                yield node, inspect.cleandoc(text)
            case _:
                yield node, ""


# --- Describing ---------------------------------------------------------------------------------------


def _described(package: ModuleType, name: str) -> PublicName:
    module, node, doc = _find(package.__name__, name)
    value = getattr(package, name)
    if isinstance(node, ast.ClassDef):
        lineage = list(_lineage(module, node))
        members = {member.name: member for one in lineage for member in _members(one)}
        base = ", ".join(map(_text, node.bases))
        return PublicName(name, _class_kind(value), base, _constructor(lineage), doc, tuple(members.values()))
    if isinstance(node, Function):
        return PublicName(name, "function", "", _signature(node), doc)
    if isinstance(value, UnionType) and any(_class_kind(one) != "class" for one in get_args(value)):
        return PublicName(name, "union", "", "", doc)
    if get_args(value) and node.value is not None:
        return PublicName(name, "value", "", _text(node.value), doc)
    return PublicName(name, "value", "", type(value).__name__, doc)


def _class_kind(value: object) -> Literal["action", "event", "class"]:
    if value in get_args(offhook.Action):
        return "action"
    return "event" if value in get_args(offhook.Event) else "class"


def _lineage(module: str, node: ast.ClassDef) -> Iterator[ast.ClassDef]:
    """A class after those of ours that it is made from."""
    for base in node.bases:
        if isinstance(base, ast.Name):
            try:
                origin, found, _ = _find(module, base.id)
            except LookupError:
                continue  # Python's, or a library's
            if isinstance(found, ast.ClassDef):
                yield from _lineage(origin, found)
    yield node


def _text(node: ast.AST) -> str:
    """Code in one line, with the project's quotes."""
    text = ast.unparse(node)
    return text if '"' in text else text.replace("'", '"')


def _signature(function: Function, *, method: bool = False) -> str:
    """`(a: int, b: str = "x") -> bool`, without `self`, `async` before it where it is."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    shown = [_argument(*pair) for pair in zip(positional, [*defaults, *arguments.defaults], strict=True)]
    if arguments.posonlyargs:
        shown.insert(len(arguments.posonlyargs), "/")
    if method:
        del shown[0]
    if arguments.vararg:
        shown.append(f"*{_argument(arguments.vararg, None)}")
    elif arguments.kwonlyargs:
        shown.append("*")
    shown += [_argument(*pair) for pair in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    if arguments.kwarg:
        shown.append(f"**{_argument(arguments.kwarg, None)}")
    returns = f" -> {_text(function.returns)}" if function.returns else ""
    before = "async " if isinstance(function, ast.AsyncFunctionDef) else ""
    return f"{before}({', '.join(shown)}){returns}"


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    if argument.annotation is None:
        return argument.arg if default is None else f"{argument.arg}={_text(default)}"
    return f"{argument.arg}: {_text(argument.annotation)}" + (f" = {_text(default)}" if default else "")


def _constructor(lineage: list[ast.ClassDef]) -> str:
    """What a class is made with; empty for enums, protocols and whatever takes its constructor from elsewhere."""
    if any("dataclass" in ast.unparse(decorator) for decorator in lineage[-1].decorator_list):
        fields = dict(field for one in lineage for statement in one.body for field in _field(statement))
        return f"({', '.join(fields.values())})"
    for statement in (statement for one in reversed(lineage) for statement in one.body):
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            return _signature(statement, method=True).removesuffix(" -> None")
    return ""


def _field(statement: ast.stmt) -> Iterator[tuple[str, str]]:
    """A dataclass's field: its name, and how the constructor takes it."""
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
            given = "" if value is None else _text(value)
            if isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] == "field":
                options = {option.arg: _text(option.value) for option in value.keywords}
                if options.get("init") == "False":
                    return
                factory = options.get("default_factory")
                given = f"{factory}()" if factory else options.get("default", "")
            if not _of_class(annotation):
                yield name, f"{name}: {_text(annotation)}" + (f" = {given}" if given else "")
        case _:
            pass


def _of_class(annotation: ast.expr) -> bool:
    return ast.unparse(annotation).startswith(("ClassVar", "typing.ClassVar"))


def _members(node: ast.ClassDef) -> Iterator[Member]:
    enum = any(ast.unparse(base).endswith(("Enum", "Flag")) for base in node.bases)
    for statement, doc in _with_text_below(node.body):
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                if not name.startswith("_") and not _of_class(annotation):
                    yield Member(name, "field", _text(annotation), doc or _description(value))
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if enum and not name.startswith("_"):
                yield Member(name, "value", _text(value), doc)
            case ast.FunctionDef(name="__init__"):
                yield from _attributes(statement)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _method(statement)
            case _:
                pass


def _method(function: Function) -> Iterator[Member]:
    hidden = function.name.startswith("_") and not function.name.endswith("__")
    if hidden or function.name in INTERNAL_METHODS:
        return
    doc = ast.get_docstring(function) or ""
    decorators = {ast.unparse(decorator) for decorator in function.decorator_list}
    if decorators & {"property", "cached_property"}:
        returns = _text(function.returns) if function.returns else ""
        yield Member(function.name, "property", returns, doc)
    elif not any(decorator.endswith((".setter", ".deleter")) for decorator in decorators):
        static = "staticmethod" in decorators
        yield Member(function.name, "method", _signature(function, method=not static), doc)


def _attributes(constructor: ast.FunctionDef) -> Iterator[Member]:
    """What `__init__` puts into public attributes; its type is known where it was written or is a parameter's."""
    parameters = {
        argument.arg: _text(argument.annotation)
        for argument in (*constructor.args.args, *constructor.args.kwonlyargs)
        if argument.annotation
    }
    for statement, doc in _with_text_below(constructor.body):
        match statement:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=value):
                kind = parameters.get(value.id, "") if isinstance(value, ast.Name) else ""
            case ast.AnnAssign(
                target=ast.Attribute(value=ast.Name(id="self"), attr=name), annotation=annotation
            ):
                kind = _text(annotation)
            case _:
                continue
        if not name.startswith("_"):
            yield Member(name, "attribute", kind, doc)


def _description(value: ast.expr | None) -> str:
    """The second argument of `setting(default, "description")`."""
    match value:
        case ast.Call(func=ast.Name(id="setting"), args=[_, ast.Constant(value=str(text))]):
            return text
        case _:
            return ""

"""The tool without Asterisk and without a model."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from pydantic import ValidationError

import offhook_orders as plugin
from offhook import Settings
from offhook.testing import ToolRecorder, ToolsSuite


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "orders.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE orders (number TEXT PRIMARY KEY, postcode TEXT, status TEXT, arrives TEXT)"
        )
        connection.execute("INSERT INTO orders VALUES ('471900', '10115', 'on its way', 'tomorrow')")
        connection.commit()
    monkeypatch.setenv("ORDERS_DB", str(path))
    return path


def ask(number: str, postcode: str) -> plugin.Status:
    return asyncio.run(plugin.order_status(ToolRecorder(), plugin.Order(number=number, postcode=postcode)))


@pytest.mark.usefixtures("database")
class TestTool(ToolsSuite):
    plugin = plugin
    examples = {"order_status": [{"number": "471900", "postcode": "10115"}]}


def test_it_is_installed_under_its_name() -> None:
    (installed,) = entry_points(group="offhook.plugins", name="orders")
    assert installed.load() is plugin


def test_the_tool_is_offered_with_what_it_needs() -> None:
    (tool,) = plugin.tools(Settings())
    assert tool.name == "order_status"
    assert set(tool.definition()["parameters"]["required"]) == {"number", "postcode"}


def test_an_order_is_looked_up(database: Path) -> None:
    assert ask("471900", "10115") == plugin.Status(status="on its way", arrives="tomorrow")


@pytest.mark.parametrize(("number", "postcode"), [("471900", "99999"), ("000000", "10115")])
def test_a_wrong_number_and_a_wrong_postcode_are_told_alike(
    number: str, postcode: str, database: Path
) -> None:
    with pytest.raises(ValueError, match="no order has this number and this postcode; ask the caller"):
        ask(number, postcode)


def test_the_model_cannot_make_up_numbers() -> None:
    with pytest.raises(ValidationError):
        plugin.Order(number="the last one", postcode="10115")


def test_without_a_database_the_model_apologises_and_nothing_of_it_is_told(
    database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database.unlink()
    with pytest.raises(RuntimeError, match="apologise") as failed:
        ask("471900", "10115")
    assert "sqlite" not in str(failed.value).lower()
    assert "unable to open database file" in caplog.text
    assert not database.exists(), "looking something up has made a database"


def test_where_no_database_is_named_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("ORDERS_DB", raising=False)
    with pytest.raises(RuntimeError, match="apologise"):
        ask("471900", "10115")
    assert "ORDERS_DB" in caplog.text

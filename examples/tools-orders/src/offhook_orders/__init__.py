"""Lets the model look up an order in an SQLite database: $ORDERS_DB, with the table

orders (number TEXT PRIMARY KEY, postcode TEXT, status TEXT, arrives TEXT)
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from pydantic import BaseModel, Field

from offhook import Settings, Tool, ToolContext, hookimpl

log = logging.getLogger(__name__)


class Order(BaseModel):
    """What the model has to say; it sees this as a JSON schema, with the descriptions."""

    number: str = Field(pattern=r"^[0-9]{6}$", description="The number of the order: six digits.")
    postcode: str = Field(pattern=r"^[0-9]{5}$", description="The postcode that it goes to: five digits.")


class Status(BaseModel):
    """What the model is told."""

    status: str
    arrives: str


async def order_status(context: ToolContext, asked: Order) -> Status:
    """Runs beside the call, for TOOL_TIMEOUT_SECONDS at most. What it raises is told to the model: its texts say
    what the model shall do next.
    """
    try:
        found = await asyncio.to_thread(look_up, Path(os.environ["ORDERS_DB"]), asked)
    except (KeyError, sqlite3.Error) as error:
        log.error("orders cannot be looked up: %r", error, extra={"call_id": context.call.call_id})
        raise RuntimeError("orders cannot be looked up at the moment; apologise to the caller") from None
    if found is None:
        # Not a word about which of the two is wrong: nobody shall try postcodes.
        raise ValueError("no order has this number and this postcode; ask the caller for both again")
    return found


def look_up(database: Path, asked: Order) -> Status | None:
    """Blocks. Raises sqlite3.Error."""
    query = "SELECT status, arrives FROM orders WHERE number = ? AND postcode = ?"
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        row = connection.execute(query, (asked.number, asked.postcode)).fetchone()
    return Status(status=row[0], arrives=row[1]) if row else None


@hookimpl
def tools(settings: Settings) -> Iterable[Tool]:
    yield Tool("order_status", "Tell where an order is, and when it arrives.", Order, order_status)

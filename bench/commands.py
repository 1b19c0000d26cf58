"""How the programs of a load are spoken to: a line of JSON that says where they are, then a line for a line."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Obey = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


async def serve_commands(where: Mapping[str, Any], obey: Obey) -> None:
    """Print `where`, then answer each command from standard input until it is closed."""
    print(json.dumps(where), flush=True)
    lines = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        print(json.dumps(await obey(json.loads(line))), flush=True)

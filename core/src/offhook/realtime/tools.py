"""Function-call tools: what a plugin offers to the model, and how one call of it is run.

A tool never hurts a call: whatever goes wrong becomes an output that tells the model so.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from offhook.call.info import CallInfo
    from offhook.settings import Settings

log = logging.getLogger("offhook.tools")

OUTPUT_LIMIT = 20_000
"""Characters of a tool's output that are handed to the model; more is cut, and the model is told."""


class ToolContext(Protocol):
    """What a tool may do with the call that it runs in."""

    @property
    def call(self) -> CallInfo:
        """Who calls whom."""
        ...

    @property
    def settings(self) -> Settings:
        """The settings of this call, all layers merged."""
        ...

    def end_call(self) -> None:
        """End the call once the answer that is being spoken has been heard."""

    def transfer(self, context: str, extension: str) -> None:
        """Send the caller to a dialplan extension once the answer has been heard."""

    async def set_variable(self, name: str, value: str) -> None:
        """Set a channel variable. Raises `offhook.AriError` if Asterisk refuses."""

    async def send_digits(self, digits: str) -> None:
        """Send DTMF to the caller's channel. Raises `offhook.AriError` if Asterisk refuses."""


ToolFunction = Callable[[ToolContext, Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call.

    `parameters` is a pydantic model; its JSON schema is what the model sees, and the function gets a validated
    instance of it. What the function returns is the output: text as it is, anything else as JSON.
    """

    name: str
    description: str
    parameters: type[BaseModel]
    function: ToolFunction
    timeout_seconds: float | None = None
    """Time limit of one call; None takes the setting `toolTimeoutSeconds`."""

    def definition(self) -> dict[str, Any]:
        """The tool as the Realtime API and `GET /tools` show it."""
        schema = json.loads(_schema(self.parameters))
        schema.pop("title", None)
        schema.setdefault("properties", {})
        return {"type": "function", "name": self.name, "description": self.description, "parameters": schema}


@lru_cache(maxsize=256)
def _schema(parameters: type[BaseModel]) -> str:
    """A model's JSON schema, as text: it takes pydantic half a millisecond, and is wanted for each call."""
    return json.dumps(parameters.model_json_schema())


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the model is told."""

    output: str
    failed: bool = False


async def run_tool(
    tools: Mapping[str, Tool], name: str, arguments: str, context: ToolContext, *, timeout_seconds: float
) -> ToolResult:
    """Run one function call; never raises, except when the task is cancelled (the call ended)."""
    tool = tools.get(name)
    if tool is None:
        offered = ", ".join(sorted(tools)) or "none"
        return _failure(f"there is no tool named {name!r}; the tools are: {offered}")
    try:
        parameters = tool.parameters.model_validate_json(arguments or "{}")
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors()
        )
        return _failure(f"bad arguments for {name}: {problems}")
    limit = tool.timeout_seconds or timeout_seconds
    try:
        async with asyncio.timeout(limit if limit > 0 else None):
            result = await tool.function(context, parameters)
        return ToolResult(_as_text(result))
    except TimeoutError:
        return _failure(f"{name} gave no answer within {limit:g} s")
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return _failure(
            f"{name} was cancelled"
        )  # not the call has ended: the tool cancelled something itself
    except Exception as error:
        log.warning("tool %s failed: %s", name, error, exc_info=True, extra={"call_id": context.call.call_id})
        return _failure(f"{name} failed: {error}")


def _as_text(result: Any) -> str:
    if isinstance(result, BaseModel):
        text = result.model_dump_json()
    elif isinstance(result, str):
        text = result
    else:
        text = json.dumps(result, ensure_ascii=False, default=str)
    if len(text) > OUTPUT_LIMIT:
        return f"{text[:OUTPUT_LIMIT]}… [cut: the output had {len(text)} characters]"
    return text


def _failure(message: str) -> ToolResult:
    return ToolResult(json.dumps({"error": message}, ensure_ascii=False), failed=True)

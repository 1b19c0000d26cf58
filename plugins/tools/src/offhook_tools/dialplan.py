"""Tools that reach into the dialplan: only to the places and variables that the operator has listed."""

from __future__ import annotations

from pydantic import BaseModel, Field

from offhook import Tool, ToolContext


class Destination(BaseModel):
    extension: str = Field(description="The extension to transfer to.")
    context: str = Field(default="", description="The dialplan context; empty takes the allowed one.")


async def transfer_call(context: ToolContext, parameters: Destination) -> str:
    target = _allowed_target(context, parameters)
    context.transfer(*target)
    return "The caller is transferred when your last sentence has been heard. Tell the caller so, briefly."


def _allowed_target(context: ToolContext, wanted: Destination) -> tuple[str, str]:
    """(context, extension) of the allowed target that is meant. Raises ValueError with the list."""
    allowed = context.settings.tools.transfer_targets
    for target in allowed:
        place, slash, extension = target.rpartition("/")
        place = place if slash else context.call.context
        if extension == wanted.extension and wanted.context in ("", place):
            return place, extension
    raise ValueError(f"a transfer to {wanted.extension!r} is not allowed; allowed are: {', '.join(allowed)}")


class Assignment(BaseModel):
    name: str = Field(description="The channel variable.")
    value: str = Field(description="Its new value.")


async def set_channel_variable(context: ToolContext, parameters: Assignment) -> str:
    allowed = context.settings.tools.settable_variables
    if parameters.name not in allowed:
        raise ValueError(
            f"the variable {parameters.name!r} may not be set; allowed are: {', '.join(allowed)}"
        )
    await context.set_variable(parameters.name, parameters.value)
    return "set"


TRANSFER_CALL = Tool(
    "transfer_call",
    "Transfer the caller to another extension and leave the call.",
    Destination,
    transfer_call,
)
SET_CHANNEL_VARIABLE = Tool(
    "set_channel_variable",
    "Set a variable that the dialplan reads after this call.",
    Assignment,
    set_channel_variable,
)

"""What every section of the settings shares: how a setting is declared, and how its value may be written.

A setting is written in JSON, in the environment, in a channel variable or in Python. So a section takes the
text forms too: numbers and `yes`/`no` as text, choices without regard to case, `_` and `-`, lists as
`a, b` or as JSON, mappings as `name=value, …` or as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args, get_origin

from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a setting beside its type, its limits and its description."""

    env: str = ""
    """Environment name; empty: the section's prefix and the attribute in capitals."""
    env_aliases: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    """Other names in a JSON file; their capital forms count as environment names too."""
    per_call: bool | None = None
    """True if a channel variable may set it; None: as its section says."""
    allowed: str = ""
    """What a good value looks like, where type and limits do not say it."""
    none_is_empty: bool = False
    """The word `none` means the empty text, since an empty variable counts as unset."""


def setting(
    default: Any,
    description: str,
    *,
    env: str = "",
    env_aliases: tuple[str, ...] = (),
    aliases: tuple[str, ...] = (),
    per_call: bool | None = None,
    allowed: str = "",
    none_is_empty: bool = False,
    json_name: str | None = None,
    **limits: Any,
) -> Any:
    """Declare a setting of a section. `limits` are pydantic's (`ge`, `le`, `pattern`, …)."""
    field: Any = Field(default, description=description, alias=json_name, **limits)
    field.metadata.append(About(env, env_aliases, aliases, per_call, allowed, none_is_empty))
    return field


class Section(BaseModel):
    """A group of settings. Immutable; JSON names are camelCase, attributes snake_case."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=AliasGenerator(alias=to_camel),
        populate_by_name=True,
        validate_default=False,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    ENV_PREFIX: ClassVar[str] = ""
    PER_CALL: ClassVar[bool] = False

    @field_validator("*", mode="before")
    @classmethod
    def _written_form(cls, value: Any, info: ValidationInfo) -> Any:
        """Bring the ways to write a value to the one that the field's type takes."""
        assert info.field_name is not None
        field = cls.model_fields[info.field_name]
        none_is_empty = any(isinstance(about, About) and about.none_is_empty for about in field.metadata)
        return plain_value(value, field.annotation, none_is_empty=none_is_empty)


def folded(name: str) -> str:
    """A choice's name as it is compared: without case, `_`, `-` and surrounding blanks."""
    return name.strip().casefold().replace("_", "").replace("-", "")


def plain_value(value: Any, annotation: Any, *, none_is_empty: bool = False) -> Any:
    """`value` in the form that a field of this type takes, or unchanged where it has no such form."""
    origin = get_origin(annotation) or annotation
    if origin is Literal and isinstance(value, str):
        return next(
            (choice for choice in get_args(annotation) if folded(str(choice)) == folded(value)), value
        )
    if origin in (int, float) and isinstance(value, bool):
        raise ValueError("a number, not true or false")
    if origin is bool and isinstance(value, int) and value not in (0, 1):
        raise ValueError("true or false")
    if origin is tuple and isinstance(value, list | tuple):
        return [plain_value(item, get_args(annotation)[0]) for item in value]
    if not isinstance(value, str):
        return value
    text = value.strip()
    if none_is_empty and text.casefold() == "none":
        return ""
    if origin is tuple:
        return plain_value(_listed(text), annotation) if text else ()
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapped(text)
    return value if origin is SecretStr else text


def _listed(text: str) -> Any:
    if text.startswith("["):
        return _parsed(text)
    return [part.strip() for part in text.split(",") if part.strip()]


def _mapped(text: str) -> Any:
    if text.startswith("{"):
        return _parsed(text)
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if any(not equals for _, equals, _ in pairs):
        raise ValueError("name=value pairs")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None

"""What `offhook plugins` says: each installed plugin, what becomes of it, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .loader import FoundPlugin, instead_of

Status = Literal["serves", "disabled", "replaced", "conflict", "broken"]


@dataclass(frozen=True, slots=True)
class ListedPlugin:
    """One line of the list."""

    name: str
    distribution: str
    version: str
    status: Status
    hooks: tuple[str, ...] = ()
    """The hooks that it implements; unknown, and so empty, where it was not imported."""
    replaces: tuple[str, ...] = ()
    """The distributions whose plugin of this name it has taken the place of."""
    replaced_by: str = ""
    conflicts_with: tuple[str, ...] = ()
    """The other distributions that have a plugin of this name, where nothing tells which to take."""
    reason: str = ""
    """Why it does not serve: the setting that leaves it out, the conflict, or what is broken."""

    @property
    def fine(self) -> bool:
        """False for what somebody has to put right."""
        return self.status not in ("conflict", "broken")

    @property
    def about(self) -> str:
        """What there is to say, in one line."""
        match self.status:
            case "serves":
                hooks = ", ".join(self.hooks) or "no hooks: no function is marked with @hookimpl"
                return f"{hooks}; replaces {', '.join(self.replaces)}" if self.replaces else hooks
            case "replaced":
                return f"replaced by {self.replaced_by}"
            case "conflict":
                return f"{' and '.join(self.conflicts_with)} declare this name too"
            case _:
                return self.reason

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "distribution": self.distribution,
            "version": self.version,
            "status": self.status,
            "hooks": list(self.hooks),
            "replaces": list(self.replaces),
            "replacedBy": self.replaced_by or None,
            "conflictsWith": list(self.conflicts_with),
            "reason": self.reason or None,
        }


def listed(found: Sequence[FoundPlugin], *, disabled_in: str) -> list[ListedPlugin]:
    """The list of what `survey` has found; `disabled_in` says where `plugins.disabled` was set."""
    return [_listed(plugin, found, disabled_in) for plugin in found]


def _listed(plugin: FoundPlugin, found: Sequence[FoundPlugin], disabled_in: str) -> ListedPlugin:
    status: Status = "serves"
    reason = ""
    if plugin.disabled:
        status, reason = "disabled", f"left out by plugins.disabled ({disabled_in})"
    elif plugin.error:
        status, reason = "broken", plugin.error + instead_of(plugin, found)
    elif plugin.conflict:
        status, reason = "conflict", plugin.conflict
    elif plugin.replaced_by:
        status = "replaced"
    namesakes = [other for other in found if other.name == plugin.name and other is not plugin]
    return ListedPlugin(
        plugin.name,
        plugin.distribution,
        plugin.version,
        status,
        plugin.hooks,
        replaces=tuple(o.distribution for o in namesakes if o.replaced_by and plugin.plugin is not None),
        replaced_by=plugin.replaced_by,
        conflicts_with=tuple(o.distribution for o in namesakes if o.conflict and plugin.conflict),
        reason=reason,
    )

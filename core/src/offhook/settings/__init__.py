"""The settings of a host.

`model.py` is the root of the tree, `app_config.py` and `openai_realtime.py` its large sections. `leaves.py`
has every single setting with its names, `layers.py` lays file, environment and later layers over the
defaults, `channel_variables.py` reads what the dialplan says of one call, `readiness.py` says what is missing
to start.
"""

from .layers import LayeredSettings, Row, SettingsError, describe, load_settings, settings_with
from .leaves import Leaf, find_leaf, leaves, shown_tree
from .model import Settings
from .readiness import check_ready

__all__ = [
    "LayeredSettings",
    "Leaf",
    "Row",
    "Settings",
    "SettingsError",
    "check_ready",
    "describe",
    "find_leaf",
    "leaves",
    "load_settings",
    "settings_with",
    "shown_tree",
]

"""`offhook demo`: a whole call on this machine alone. The host is the real one; Asterisk, the caller and the
Realtime server are the simulators, which speak the real protocols over real sockets.

`conversation.py` holds the call, `report.py` shows it as it goes, `verdict.py` says whether it was as it should.
"""

from .conversation import DemoError, DemoOptions, hold_call

__all__ = ["DemoError", "DemoOptions", "hold_call"]

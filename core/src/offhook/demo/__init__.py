"""`offhook demo`: a whole call on this machine alone. The host is the real one; Asterisk, the caller and the
Realtime server are the simulators, which speak the real protocols over real sockets.

`conversation.py` holds the call, `report.py` shows it as it goes, `recording.py` keeps what the caller heard,
`verdict.py` says whether it was as it should.
"""

from .conversation import DemoOptions, hold_call
from .recording import DemoError
from .report import OutputLost

__all__ = ["DemoError", "DemoOptions", "OutputLost", "hold_call"]

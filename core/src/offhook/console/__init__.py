"""The HTTP server: live calls for people and programs, as a page, a WebSocket and a small JSON API.

`app.py` is the server and its routes; `access.py` decides who may come in; `feed.py` hands live events to
those who watch; `envelopes.py` says what happened on a call in the original's words; `record_json.py` shows a
call's record; `requests.py` answers what a page asks over the WebSocket; `static/` is the page.
"""

from __future__ import annotations

from .app import ConsoleApp, ConsoleError
from .console_host import ConsoleHost
from .feed import Feed

__all__ = ["ConsoleApp", "ConsoleError", "ConsoleHost", "Feed"]

"""When a response may be asked for: a conversation makes one response at a time.

`response.create` during a response is refused (`conversation_already_has_active_response`), so a wish is held
back until `response.done`. The server may be ahead of us and have begun one by itself: a refused wish is
repeated after that one. Pure; the session sends what it is told to.
"""

from __future__ import annotations


class Responses:
    """The response under way, and the wishes for the next ones.

    One response answers all plain wishes before it; a text that somebody wants spoken has a response of its own.
    """

    def __init__(self) -> None:
        self.active = ""
        """Id of the response that the server is making, or empty."""
        self._asked = False
        """A `response.create` is on its way, and nothing has come of it yet."""
        self._wishes: list[str] = []
        self.granted = ""
        """The wish that was granted last: a text to speak, or empty for an answer."""

    @property
    def under_way(self) -> bool:
        """A response is being made or was asked for."""
        return self._asked or bool(self.active)

    def wish(self, say: str = "") -> bool:
        """Somebody wants a response, or a text spoken. True: send `response.create` for `granted` now."""
        if say or "" not in self._wishes:
            self._wishes.append(say)
        return self._release()

    def created(self, response_id: str) -> None:
        """`response.created` came, asked for or begun by the server itself."""
        self.active = response_id
        self._asked = False

    def done(self, response_id: str) -> bool:
        """`response.done` came. True: send `response.create` now.

        An empty id (a malformed message) counts for the response under way: better one refused wish than
        silence.
        """
        if response_id in ("", self.active):
            self.active = ""
        return self._release()

    def refused(self, *, already_active: bool) -> bool:
        """Our `response.create` was refused. True: send another now, since there was a later wish.

        already_active: the reason is a response under way, whose end will bring the next try. Where that end
        was seen before the refusal, nothing would: then call `retry` a little later.
        """
        self._asked = False
        if already_active:
            if self.granted or "" not in self._wishes:
                self._wishes.insert(0, self.granted)
            return False
        return self._release()

    def retry(self) -> bool:
        """Time has passed since a refusal. True: send `response.create` now."""
        return self._release()

    def _release(self) -> bool:
        if not self._wishes or self._asked or self.active:
            return False
        self.granted, self._asked = self._wishes.pop(0), True
        return True

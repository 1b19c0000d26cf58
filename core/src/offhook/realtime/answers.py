"""Whose audio is coming in: which items are complete, and which answers the caller has cut short."""

from __future__ import annotations

from offhook.recent import Recent


class Answers:
    """The spoken items of a session, by response. Pure; the audio itself goes past it."""

    def __init__(self) -> None:
        self._responses = Recent()
        """Items that had audio: item id → response id."""
        self._incomplete: dict[str, str] = {}
        """Those whose audio is still coming in."""
        self._dropped = Recent()

    @property
    def any_audio(self) -> bool:
        """The model has spoken in this session."""
        return bool(self._responses)

    def wanted(self, response_id: str, item_id: str) -> bool:
        """Audio of an item came in. True if it is for the caller to hear."""
        if response_id in self._dropped:
            return False
        if item_id not in self._incomplete:
            self._incomplete[item_id] = response_id
            self._responses.note(item_id, response_id)
        return True

    def drop(self, response_id: str) -> None:
        """A response was interrupted: what is still on its way of its audio is not for the caller."""
        self._dropped.note(response_id)

    def drop_answer_of(self, item_id: str) -> None:
        """The same, by one of its items."""
        response_id = self._responses.get(item_id)
        if response_id is not None:
            self._dropped.note(response_id)

    def item_done(self, item_id: str) -> bool:
        """The server says that an item is complete. True the first time, if it had audio."""
        return self._incomplete.pop(item_id, None) is not None

    def response_done(self, response_id: str) -> list[str]:
        """A response ended. Returns those of its items that the server has left unfinished."""
        left = [item_id for item_id, response in self._incomplete.items() if response == response_id]
        for item_id in left:
            del self._incomplete[item_id]
        return left

"""Playbacks: what `POST /channels/{id}/play` and `POST /bridges/{id}/play` start, and the order of work on a
channel.

A channel does one thing after another: playbacks, and the commands that run in the channel's own thread
(setting a variable, answering, entering or leaving a bridge, going on in the dialplan) wait for the playbacks
asked for before them. Measured on Asterisk 22: a variable set during a prompt is set when the prompt is over.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from offhook.simulators.caller import FRAME_BYTES, SILENT_FRAME


@dataclass(slots=True, eq=False)
class Playback:
    """One playback of one or more media URIs."""

    id: str
    media: list[str]
    target_uri: str
    language: str
    state: str = "queued"
    index: int = 0

    def as_json(self) -> dict[str, Any]:
        """ARI's Playback model."""
        following = self.media[self.index + 1 : self.index + 2]
        return {
            "id": self.id,
            "media_uri": self.media[self.index],
            **({"next_media_uri": following[0]} if following else {}),
            "target_uri": self.target_uri,
            "language": self.language,
            "state": self.state,
        }


class Stage(Protocol):
    """Where playbacks get their audio and report what happens."""

    def audio_of(self, media_uri: str) -> bytes | None:
        """The µ-law audio of a media URI; None when there is no such sound."""

    def playback_event(self, kind: str, playback: Playback) -> None:
        """Publish `PlaybackStarted`, `PlaybackContinuing` or `PlaybackFinished`."""

    def playback_gone(self, playback: Playback) -> None:
        """The playback is over and no longer known by its id."""


KNOWN_SCHEMES = ("sound", "recording", "number", "digits", "characters", "tone")


class PlaybackQueue:
    """The work of one channel or bridge, in order. `next_frame` gives the running playback's audio step by
    step.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._work: deque[Playback | Callable[[], object]] = deque()
        self._audio = b""
        self._position = 0
        self.running: Playback | None = None

    def play(self, playback: Playback) -> None:
        """Queue a playback. It starts after this turn of the event loop, so that its answer says `queued`."""
        self._work.append(playback)
        asyncio.get_running_loop().call_soon(self._advance)

    def when_free(self, action: Callable[[], object]) -> None:
        """Call `action` as soon as the playbacks asked for so far are over; at once when there are none."""
        if self.running is None and not self._work:
            action()
        else:
            self._work.append(action)

    async def in_turn(self, command: Callable[[], None]) -> None:
        """Run `command` when its turn has come, and wait for that. Raises what `command` raises."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def run() -> None:
            try:
                command()
            except Exception as error:
                if not done.done():
                    done.set_exception(error)
            else:
                if not done.done():
                    done.set_result(None)

        self.when_free(run)
        await done

    def next_frame(self) -> bytes | None:
        """The next 20 ms of the running playback; None while nothing plays."""
        if self.running is None:
            return None
        frame = self._audio[self._position : self._position + FRAME_BYTES]
        self._position += FRAME_BYTES
        if not frame:
            self._media_over()
            return self.next_frame() if self.running is not None else None
        return frame if len(frame) == FRAME_BYTES else frame + SILENT_FRAME[len(frame) :]

    def stop(self, playback: Playback) -> None:
        """End a playback that runs or waits; it reports `done`."""
        if playback is self.running:
            self._finish("done")
        elif playback in self._work:
            self._work.remove(playback)
            self._stage.playback_gone(playback)

    def fail(self) -> None:
        """The channel hangs up: what runs or waits reports `failed`, and waiting commands are let go."""
        work, self._work = self._work, deque()
        if self.running is not None:
            self._finish("failed")
        for item in work:
            if isinstance(item, Playback):
                self._start(item)
                self._finish("failed")
            else:
                item()

    def _advance(self) -> None:
        while self.running is None and self._work:
            item = self._work.popleft()
            if isinstance(item, Playback):
                self._start(item)
                self._load()
            else:
                item()

    def _start(self, playback: Playback) -> None:
        self.running = playback
        playback.state = "playing"
        self._stage.playback_event("PlaybackStarted", playback)

    def _load(self) -> None:
        assert self.running is not None
        uri = self.running.media[self.running.index]
        if uri.partition(":")[0] not in KNOWN_SCHEMES or ":" not in uri:
            # Measured: Asterisk forgets such a playback without a word, and PlaybackFinished never comes.
            self._stage.playback_gone(self.running)
            self.running = None
            return
        audio = self._stage.audio_of(uri)
        if audio is None:
            self._finish("failed")
        else:
            self._audio, self._position = audio, 0

    def _media_over(self) -> None:
        assert self.running is not None
        playback = self.running
        if uri_is_endless(playback.media[playback.index]):
            self._position = 0
        elif playback.index + 1 < len(playback.media):
            playback.state = "continuing"
            self._stage.playback_event("PlaybackContinuing", playback)
            playback.index += 1
            self._start(playback)
            self._load()
        else:
            self._finish("done")

    def _finish(self, state: str) -> None:
        assert self.running is not None
        playback, self.running = self.running, None
        playback.state = state
        self._stage.playback_event("PlaybackFinished", playback)
        self._stage.playback_gone(playback)
        self._audio = b""
        self._advance()


def uri_is_endless(media_uri: str) -> bool:
    """`tone:` URIs play until they are stopped."""
    return media_uri.startswith("tone:")

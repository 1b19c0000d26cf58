"""Listening to a caller: copies of the audio for a plugin, in a thread of their own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, Protocol

from .failures import Failures
from .watch import Evicted, Pulse, Watch

QUEUE_FRAMES = 500
"""So many frames (10 s of audio) wait for a listener; what comes on top it does not hear."""
WHERE = "its audio listener"


class AudioListener(Protocol):
    """Hears one caller, and returns soon: one that computes for a quarter of a second, or waits a second, is let go.

    What takes longer, such as recognition, belongs in a further thread of the plugin's.
    """

    def hear(self, frame: bytes) -> None:
        """One piece of the caller's audio, mostly 20 ms, in the call's format (`settings.openai.input_audio_format`).

        With `audio/pcmu` and `audio/pcma`: 8 kHz, one byte a sample, 160 bytes for 20 ms. What Asterisk did not
        send in time is silence of the same length, so that the bytes count the time.
        """

    def close(self) -> None:
        """The call has ended; nothing is heard any more."""


class Emit(Protocol):
    """Puts a `PluginEvent` into the call. May be called from any thread."""

    def __call__(self, name: str, data: Any = None) -> bool:
        """False if the call has ended: then nothing happens."""


class Tap:
    """Feeds one listener. A listener that breaks or does not return is let go of; the call goes on."""

    def __init__(self, plugin: str, call_id: str, failures: Failures, watch: Watch) -> None:
        self._plugin = plugin
        self._call_id = call_id
        self._failures = failures
        self._watch = watch
        self._frames: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._dropped = 0
        self._closed = False
        self._told = False
        """The listener knows of the call's end."""
        self._hearing = False
        self._pulse = Pulse(lambda: self._hearing)

    def start(self, listener: AudioListener) -> None:
        """Begin to listen."""
        threading.Thread(
            target=self._live, args=(listener,), name=f"plugin {self._plugin} listens", daemon=True
        ).start()
        self._watch.add(self._pulse, self._stuck)

    def feed(self, frame: bytes) -> None:
        """Give a frame to the listener; never waits."""
        if self._closed:
            return
        if self._frames.qsize() < QUEUE_FRAMES:
            self._frames.put(frame)
            self._watch.wake()
            return
        self._dropped += 1
        if self._dropped == 1:
            seconds = QUEUE_FRAMES / 50
            self._note(
                "dropped", f"is more than {seconds:g} s behind the caller: it does not hear everything"
            )

    def emit(self, post: Callable[[str, str, Any], bool], name: str, data: Any = None) -> bool:
        """What the plugin calls as `emit(name, data)`; `post` takes its name too, and is false after the call."""
        if self._told:
            self._note("stale", f"emitted {name!r} into a call that has ended")
        return not self._closed and post(self._plugin, name, data)

    def close(self) -> None:
        """The call has ended. The listener hears what waits for it, in its own time, and is told."""
        if not self._closed:
            self._closed = True
            self._frames.put(None)

    def _live(self, listener: AudioListener) -> None:
        self._pulse.begin()
        try:
            while (frame := self._frames.get()) is not None:
                self._hear(listener.hear, frame)
            self._told = True
            self._hear(listener.close)
        except Exception as error:
            self._closed = True
            self._note("raised", f"failed: {error!r}", error)
        except (Evicted, SystemExit):
            self._closed = True
        finally:
            self._watch.remove(self._pulse)
            self._pulse.end()

    def _hear(self, function: Callable[..., None], *frame: bytes) -> None:
        self._pulse.beat()
        self._hearing = True
        function(*frame)
        self._hearing = False

    def _stuck(self, why: str) -> None:
        self._closed = True
        self._note("blocked", why)

    def _note(self, kind: Any, text: str, error: BaseException | None = None) -> None:
        self._failures.note(self._plugin, WHERE, kind, text, call_id=self._call_id, error=error)

"""The sounds that the simulated Asterisk can play. Names are looked up as `sound:NAME`; all audio is 8 kHz
µ-law.
"""

from collections.abc import Mapping
from pathlib import Path

from offhook.simulators.caller import SILENT_FRAME
from offhook.simulators.g711 import encode_ulaw
from offhook.simulators.wav import read_wav, silence, tone

SPOKEN_DIGIT_SECONDS = 0.4
"""How long one digit or letter of `digits:`, `number:` or `characters:` takes."""


class Sounds:
    """Media URIs to audio. `hello-world` and `beep` are short tones; `silence/N` is N seconds of silence."""

    def __init__(self, sounds: Mapping[str, str | Path | bytes] | None = None) -> None:
        """`sounds`: name to WAV file or to 16-bit PCM at 8 kHz; files are read when they are first played."""
        self._sources: dict[str, str | Path | bytes] = {
            "hello-world": tone(600, 0.6),
            "beep": tone(1000, 0.2),
            **(sounds or {}),
        }
        self._audio: dict[str, bytes] = {}

    def of(self, media_uri: str) -> bytes | None:
        """The µ-law audio of a media URI; None when there is no such sound (Asterisk reports `failed`)."""
        scheme, _, name = media_uri.partition(":")
        match scheme:
            case "sound":
                return self._sound(name)
            case "digits" | "number" | "characters":
                spoken = tone(700, SPOKEN_DIGIT_SECONDS / 2) + silence(SPOKEN_DIGIT_SECONDS / 2)
                return encode_ulaw(spoken) * len(name)
            case "tone":
                return encode_ulaw(tone(440, 1.0)) + SILENT_FRAME * 50
            case _:
                return None

    def _sound(self, name: str) -> bytes | None:
        if name in self._audio:
            return self._audio[name]
        source = self._sources.get(name)
        if source is None:
            seconds = name.removeprefix("silence/")
            if seconds == name or not seconds.isdecimal():
                return None
            source = silence(int(seconds))
        self._audio[name] = encode_ulaw(source if isinstance(source, bytes) else read_wav(source))
        return self._audio[name]

"""Mixing bridges: two channels hear each other as packets come; more of them, or a prompt on the bridge, are
mixed.
"""

from collections import deque
from typing import TYPE_CHECKING, Any

from offhook.simulators.asterisk.playbacks import Playback, PlaybackQueue
from offhook.simulators.caller import SILENT_FRAME
from offhook.simulators.g711 import mix_ulaw

if TYPE_CHECKING:
    from offhook.simulators.asterisk.channels import Channel
    from offhook.simulators.asterisk.switch import Switch

MIXING_QUEUE_FRAMES = 10
"""How much audio of one member a mixing bridge holds before it drops the oldest."""


class Bridge:
    """A bridge. Its technology is `simple_bridge` for up to two members, else `softmix`, as Asterisk chooses
    it.
    """

    def __init__(self, switch: "Switch", bridge_id: str, kind: str, name: str) -> None:
        self.id = bridge_id
        self.kind = kind
        self.name = name
        self.created = switch.timestamp()
        self.members: list[Channel] = []
        self.playbacks = PlaybackQueue(self)
        self._switch = switch
        self._waiting: dict[Channel, deque[bytes]] = {}
        self._mixing = False

    def as_json(self) -> dict[str, Any]:
        """ARI's Bridge model."""
        return {
            "id": self.id,
            "technology": "softmix" if self._mixing else "simple_bridge",
            "bridge_type": self.kind,
            "bridge_class": "stasis",
            "creator": "Stasis",
            "name": self.name,
            "channels": sorted(member.id for member in self.members),
            "creationtime": self.created,
            "video_mode": "talker",
        }

    def join(self, channel: "Channel") -> None:
        """Make `channel` a member."""
        self.members.append(channel)
        self.choose_technology()

    def part(self, channel: "Channel") -> None:
        """Remove a member."""
        self.members.remove(channel)
        self.choose_technology()

    def choose_technology(self) -> None:
        """Mix where two channels cannot simply be joined."""
        mixing = len(self.members) > 2 or self.playbacks.running is not None
        if mixing and not self._mixing:
            self._switch.pacer.add(self)
        elif self._mixing and not mixing:
            self._switch.pacer.remove(self)
        self._mixing = mixing
        self._waiting = {member: self._waiting.get(member) or deque() for member in self.members if mixing}

    def pass_on(self, source: "Channel", ulaw: bytes, due: float) -> None:
        """Audio of one member for the others."""
        if self._mixing:
            queue = self._waiting[source]
            queue.append(ulaw)
            if len(queue) > MIXING_QUEUE_FRAMES:
                queue.popleft()
            return
        for member in self.members:
            if member is not source:
                member.bridged_audio(ulaw, due)

    def step(self, due: float) -> None:
        """20 ms of mixing: each member hears the others and the bridge's prompt."""
        prompt = self.playbacks.next_frame()
        frames = {member: queue.popleft() if queue else b"" for member, queue in self._waiting.items()}
        for listener in tuple(self.members):
            mixed = prompt or b""
            for speaker, frame in frames.items():
                if speaker is not listener:
                    mixed = mix_ulaw(mixed, frame)
            listener.bridged_audio(mixed or SILENT_FRAME, due)

    # The playbacks' stage

    def audio_of(self, media_uri: str) -> bytes | None:
        """The audio of a media URI."""
        return self._switch.sounds.of(media_uri)

    def playback_event(self, kind: str, playback: Playback) -> None:
        """Publish what happens to a playback on this bridge."""
        self.choose_technology()
        self._switch.stasis.publish(kind, bridge_scope=self, playback=playback.as_json())

    def playback_gone(self, playback: Playback) -> None:
        """Forget a playback that is over."""
        self._switch.playbacks.pop(playback.id, None)
        self.choose_technology()

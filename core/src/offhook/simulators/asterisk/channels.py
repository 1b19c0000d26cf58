"""Channels: the caller's, a snoop on it, and external media. Each says where audio goes; audio is 8 kHz µ-law
throughout.
"""

import time
from typing import TYPE_CHECKING, Any

from offhook.simulators.asterisk.playbacks import Playback, PlaybackQueue
from offhook.simulators.asterisk.rtp import RtpLeg
from offhook.simulators.asterisk.talk_detect import TalkDetect
from offhook.simulators.caller import SILENT_FRAME, SimulatedCaller
from offhook.simulators.g711 import mix_ulaw

if TYPE_CHECKING:
    from offhook.simulators.asterisk.bridges import Bridge
    from offhook.simulators.asterisk.switch import Switch


class Channel:
    """What all channels have: ARI's Channel model, variables, a place in the dialplan, an application, a
    bridge.
    """

    def __init__(self, switch: "Switch", channel_id: str, name: str, state: str) -> None:
        self.switch = switch
        self.id = channel_id
        self.name = name
        self.state = state
        self.protocol_id = ""
        self.caller_name = ""
        self.caller_number = ""
        self.connected_name = ""
        self.connected_number = ""
        self.context = "default"
        self.extension = "s"
        self.priority = 1
        self.app_name = ""
        self.app_data = ""
        self.language = "en"
        self.created = switch.timestamp()
        self.variables: dict[str, str] = {}
        self.app: str | None = None
        """The Stasis application that has the channel; None while it is in the dialplan."""
        self.bridge: Bridge | None = None
        self.gone = False
        self.playbacks = PlaybackQueue(self)

    def as_json(self) -> dict[str, Any]:
        """ARI's Channel model."""
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "protocol_id": self.protocol_id,
            "caller": {"name": self.caller_name, "number": self.caller_number},
            "connected": {"name": self.connected_name, "number": self.connected_number},
            "accountcode": "",
            "dialplan": {
                "context": self.context,
                "exten": self.extension,
                "priority": self.priority,
                "app_name": self.app_name,
                "app_data": self.app_data,
            },
            "creationtime": self.created,
            "language": self.language,
        }

    def lookup(self, name: str) -> str | None:
        """A plain variable, or a function that reads this channel; None when there is none."""
        if name in self.variables:
            return self.variables[name]
        return {
            "CALLERID(num)": self.caller_number,
            "CALLERID(name)": self.caller_name,
            "CALLERID(dnid)": self.extension,
            "CHANNEL": self.name,
            "CHANNEL(name)": self.name,
            "CHANNEL(state)": self.state,
            "CHANNEL(language)": self.language,
            "CHANNEL(audioreadformat)": "ulaw",
            "CHANNEL(audionativeformat)": "(ulaw)",
            "CONTEXT": self.context,
            "EXTEN": self.extension,
            "PRIORITY": str(self.priority),
            "UNIQUEID": self.id,
            "HANGUPCAUSE": "0",
        }.get(name)

    def bridged_audio(self, ulaw: bytes, due: float) -> None:
        """Audio that another member of the bridge sends to this channel."""

    def close(self) -> None:
        """Free what the channel holds."""
        self.switch.pacer.remove(self)

    def step(self, due: float) -> None:
        """20 ms of this channel."""

    # The playbacks' stage

    def audio_of(self, media_uri: str) -> bytes | None:
        """The audio of a media URI."""
        return self.switch.sounds.of(media_uri)

    def playback_event(self, kind: str, playback: Playback) -> None:
        """Publish what happens to a playback on this channel."""
        if kind == "PlaybackStarted" and not self.gone:
            self.switch.pacer.add(self)
        self.switch.stasis.publish(kind, channel_scope=self, playback=playback.as_json())

    def playback_gone(self, playback: Playback) -> None:
        """Forget a playback that is over."""
        self.switch.playbacks.pop(playback.id, None)


class CallerChannel(Channel):
    """The channel of a simulated caller, `PJSIP/…`. While a playback runs on it, it neither gives its audio
    to the bridge nor takes the bridge's, as Asterisk does; a snoop hears the caller all the same.
    """

    from_dialplan = True
    """False: the application made the call, and no dialplan (nor its `h` extension) knows of it."""
    end_cause = (16, "Normal Clearing")
    """What ChannelDestroyed says unless the application hung up."""

    def __init__(
        self, switch: "Switch", channel_id: str, name: str, state: str, number: str, dtx: bool
    ) -> None:
        super().__init__(switch, channel_id, name, state)
        self.phone = SimulatedCaller(channel_id, self, number=number, dtx=dtx)
        self.caller_number = number
        self.protocol_id = f"{channel_id.replace('.', '')}@{switch.host}"
        self.talk_detect: TalkDetect | None = None
        self.snoops: list[SnoopChannel] = []
        self.dialplan_seconds = 0.0
        self.entered_at = 0.0

    def step(self, due: float) -> None:
        """20 ms: the caller's audio goes to TALK_DETECT, the bridge and the snoops; the prompt goes to the
        caller.
        """
        frame = self.phone.next_frame()
        prompt = self.playbacks.next_frame()
        if frame is not None:
            if self.talk_detect is not None:
                self._detect_talk(self.talk_detect, frame, due)
            if self.bridge is not None and prompt is None:
                self.bridge.pass_on(self, frame, due)
        for snoop in self.snoops:
            snoop.caller_audio(frame, due)
        if prompt is not None:
            self._to_phone(prompt)

    def bridged_audio(self, ulaw: bytes, due: float) -> None:
        """Audio from the bridge: to the caller at once, unless a prompt plays."""
        if self.playbacks.running is None:
            self._to_phone(ulaw)

    def _to_phone(self, ulaw: bytes) -> None:
        for snoop in self.snoops:
            ulaw = snoop.towards_caller(ulaw)
        self.phone.hear(ulaw)

    def _detect_talk(self, detect: TalkDetect, frame: bytes, due: float) -> None:
        change = detect.frame(frame, due)
        if change is None:
            return
        if change < 0:
            self.switch.stasis.publish("ChannelTalkingStarted", self)
        else:
            self.switch.stasis.publish("ChannelTalkingFinished", self, duration=change)

    # The caller's line

    def caller_pressed(self, digit: str, duration_ms: int) -> None:
        """A key was released."""
        self.switch.stasis.publish("ChannelDtmfReceived", self, digit=digit, duration_ms=duration_ms)

    def caller_hung_up(self) -> None:
        """The caller hung up, or gave up before the answer."""
        self.switch.caller_hung_up(self)


class SnoopChannel(Channel):
    """A snoop: hears a caller 20 ms late, and gives a packet each 20 ms even when the caller sends none."""

    def __init__(
        self, switch: "Switch", channel_id: str, name: str, target: CallerChannel, spy: str, whisper: str
    ) -> None:
        super().__init__(switch, channel_id, name, "Up")
        self.target = target
        self.spy = spy
        self.whisper = whisper
        self._held = SILENT_FRAME
        self._towards: list[bytes] = []
        self._whispered: list[bytes] = []

    def caller_audio(self, frame: bytes | None, due: float) -> None:
        """20 ms of the caller have passed; `frame` is None where the caller sent nothing."""
        passing, self._held = self._held, SILENT_FRAME
        if self.spy in ("in", "both") and frame is not None:
            self._held = frame
        if self.spy in ("out", "both") and self._towards:
            self._held = mix_ulaw(self._held, self._towards.pop(0))
        if self.bridge is not None and self.spy != "none":
            self.bridge.pass_on(self, passing, due)

    def towards_caller(self, ulaw: bytes) -> bytes:
        """Audio on its way to the caller: spied on, and whispered into."""
        if self.whisper in ("out", "both") and self._whispered:
            ulaw = mix_ulaw(ulaw, self._whispered.pop(0))
        if self.spy in ("out", "both"):
            self._towards = [*self._towards[-9:], ulaw]
        return ulaw

    def bridged_audio(self, ulaw: bytes, due: float) -> None:
        """Audio for the caller's ear: heard only while some other audio runs towards the caller, as in
        Asterisk.
        """
        if self.whisper in ("out", "both"):
            self._whispered = [*self._whispered[-9:], ulaw]

    def step(self, due: float) -> None:
        """A prompt that plays on the snoop is whispered."""
        frame = self.playbacks.next_frame()
        if frame is None:
            self.switch.pacer.remove(self)
        else:
            self.bridged_audio(frame, due)


class ExternalMediaChannel(Channel):
    """External media, `UnicastRTP/…`: RTP to and from the application's host."""

    def __init__(self, switch: "Switch", channel_id: str, remote: tuple[str, int], codec: str) -> None:
        host, port = remote
        super().__init__(switch, channel_id, f"UnicastRTP/{host}:{port}-0x7f{switch.unique():010x}", "Down")
        self.leg = RtpLeg(switch.host, remote, codec, self._heard)
        self.dial_string = f"{host}:{port}/c({codec})"
        self.app_name, self.app_data = "AppDial2", "(Outgoing Line)"
        self.variables |= {
            "UNICASTRTP_LOCAL_ADDRESS": self.leg.local[0],
            "UNICASTRTP_LOCAL_PORT": str(self.leg.local[1]),
        }

    def bridged_audio(self, ulaw: bytes, due: float) -> None:
        """Audio from the bridge goes out at once."""
        if self.playbacks.running is None:
            self.leg.send(ulaw, due)

    def step(self, due: float) -> None:
        """A prompt that plays on this channel goes out; there is nothing else to do in time."""
        frame = self.playbacks.next_frame()
        if frame is None:
            self.switch.pacer.remove(self)
        else:
            self.leg.send(frame, due)

    def close(self) -> None:
        """Free the port."""
        super().close()
        self.leg.close()

    def _heard(self, ulaw: bytes) -> None:
        if self.bridge is not None and self.playbacks.running is None:
            self.bridge.pass_on(self, ulaw, time.monotonic())

"""The switch: all channels, bridges and playbacks, and what happens to them, with the events in Asterisk's
order.
"""

import asyncio
import itertools
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from offhook.simulators.asterisk.bridges import Bridge
from offhook.simulators.asterisk.channels import CallerChannel, Channel, ExternalMediaChannel, SnoopChannel
from offhook.simulators.asterisk.outgoing import CalleeChannel, SimulatedCallee
from offhook.simulators.asterisk.pacer import Pacer
from offhook.simulators.asterisk.playbacks import Playback, PlaybackQueue
from offhook.simulators.asterisk.sounds import Sounds
from offhook.simulators.asterisk.stasis import Stasis
from offhook.simulators.caller import LeftStasis

SNOOP_END_SECONDS = 0.010
"""How long after the caller a snoop ends by itself."""
_QUALITY_VARIABLES = (
    "RTPAUDIOQOS",
    "RTPAUDIOQOSJITTER",
    "RTPAUDIOQOSLOSS",
    "RTPAUDIOQOSRTT",
    "RTPAUDIOQOSMES",
)


class Switch:
    """The state of the simulated Asterisk, and every change of it that makes events."""

    def __init__(self, host: str, sounds: Sounds, stasis_start_delay_seconds: float) -> None:
        self.host = host
        self.sounds = sounds
        self.stasis_start_delay_seconds = stasis_start_delay_seconds
        self.started = self.timestamp()
        self.entity_id = "02:00:00:00:00:01"
        self.channels: dict[str, Channel] = {}
        self.callees: dict[str, SimulatedCallee] = {}
        """The telephones that can be called, by endpoint."""
        self.bridges: dict[str, Bridge] = {}
        self.playbacks: dict[str, tuple[Playback, PlaybackQueue]] = {}
        self.pacer = Pacer()
        self.stasis = Stasis(self)
        self._counter = itertools.count(1)
        self._timers: set[asyncio.TimerHandle] = set()

    # Small things

    def timestamp(self) -> str:
        """Now, as ARI writes it."""
        now = datetime.now(UTC)
        return f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}+0000"

    def unique(self) -> int:
        """A number not used before."""
        return next(self._counter)

    def channel_id(self) -> str:
        """An id as Asterisk makes them."""
        return f"simulated-{int(time.time())}.{self.unique()}"

    def playback_id(self) -> str:
        """An id for a playback."""
        return str(uuid.uuid4())

    def later(self, seconds: float, action: Any, *arguments: Any) -> None:
        """Do something after a while, unless the switch is closed first."""
        handle: asyncio.TimerHandle

        def run() -> None:
            self._timers.discard(handle)
            action(*arguments)

        handle = asyncio.get_running_loop().call_later(seconds, run)
        self._timers.add(handle)

    def close(self) -> None:
        """Hang up everything without a word."""
        self.pacer.stop()
        for timer in self._timers:
            timer.cancel()
        for channel in list(self.channels.values()):
            channel.gone = True
            channel.close()
            if isinstance(channel, CallerChannel):
                channel.phone.line_closed()
        self.channels.clear()
        self.bridges.clear()

    # Into and out of Stasis

    def enter_stasis(self, channel: Channel, app: str, arguments: list[str]) -> bool:
        """The channel is handed to an application. False when none of that name is connected."""
        channel.app_name, channel.app_data = "Stasis", ",".join([app, *arguments])
        channel.variables["STASISSTATUS"] = ""
        if not self.stasis.connected(app):
            channel.variables["STASISSTATUS"] = "FAILED"
            return False
        self.varset(channel, "STASISSTATUS", "")
        channel.app = app
        self.stasis.applications[app].channels[channel.id] += 1
        self.stasis.publish("StasisStart", channel, args=arguments)
        return True

    def leave_stasis(self, channel: Channel, status: str = "SUCCESS") -> None:
        """The application has the channel no longer."""
        app, channel.app = channel.app, None
        self.stasis.publish("StasisEnd", channel)
        if app is not None:
            self.stasis.applications[app].channels[channel.id] -= 1
        self.varset(channel, "STASISSTATUS", status)

    def varset(self, channel: Channel, name: str, value: str) -> None:
        """Set a variable and say so."""
        channel.variables[name] = value
        self.stasis.publish("ChannelVarset", channel, variable=name, value=value)

    # Callers

    def add_caller(self, channel: CallerChannel) -> None:
        """A call has come in."""
        self.channels[channel.id] = channel
        self.stasis.publish("ChannelCreated", channel)
        self.pacer.add(channel)

    def originate(self, channel: CalleeChannel, endpoint: str, app: str, timeout_seconds: float) -> None:
        """A call of the application's goes out; a moment later the telephone rings."""
        self.add_caller(channel)
        if app in self.stasis.applications:
            self.stasis.applications[app].channels[channel.id] += 1
        callee = self.callees.get(endpoint)
        self.later(self.stasis_start_delay_seconds, channel.dial, callee, timeout_seconds)

    def answer(self, channel: Channel) -> None:
        """Pick up; a channel that is up stays as it is."""
        if channel.state == "Up":
            return
        channel.state = "Up"
        if isinstance(channel, CallerChannel):
            channel.phone.line_answered()
        self.stasis.publish("ChannelStateChange", channel)

    def caller_hung_up(self, channel: CallerChannel) -> None:
        """The caller hung up (or gave up): the application learns of it by events."""
        if channel.gone:
            return
        if channel.state == "Up":
            self._report_quality(channel)
            self.stasis.publish("ChannelHangupRequest", channel)
        else:
            self.stasis.publish("ChannelHangupRequest", channel, cause=127, tech_cause=487)
        self._end_caller(channel, "hung_up_by_caller", "")

    def hang_up(self, channel: Channel, reason: str = "") -> None:
        """The application hangs a channel up (`DELETE /channels/{id}`)."""
        if isinstance(channel, CallerChannel):
            if channel.state == "Up":
                self._report_quality(channel)
            self.stasis.publish("ChannelHangupRequest", channel, cause=32, soft=True)
            self._end_caller(channel, "hung_up_by_app", reason)
            channel.phone.line_closed()
            return
        self.stasis.publish("ChannelHangupRequest", channel, cause=32, soft=True)
        self.end_own_channel(channel)

    def continue_in_dialplan(
        self, channel: CallerChannel, context: str, extension: str, priority: int, label: str
    ) -> None:
        """The channel goes on in the dialplan, which keeps it for a while and then hangs up."""
        if channel.gone or channel.app is None:
            return
        self.leave_bridge(channel)
        self.leave_stasis(channel)
        if extension or context or label or priority:
            channel.priority = priority or 1
        else:
            channel.priority += 1
        channel.context, channel.extension = context or channel.context, extension or channel.extension
        channel.app_name, channel.app_data = "Wait", str(channel.dialplan_seconds)
        self._left(channel, "continued", label=label)
        self.later(channel.dialplan_seconds, self._dialplan_over, channel)

    def refused(self, channel: CallerChannel) -> None:
        """No application took the call: the dialplan goes on at once."""
        channel.priority += 1
        self._left(channel, "refused")
        self.later(channel.dialplan_seconds, self._dialplan_over, channel)

    def _dialplan_over(self, channel: CallerChannel) -> None:
        if not channel.gone and channel.app is None:
            self.remove(channel, *channel.end_cause)
            channel.phone.line_closed()

    def _end_caller(self, channel: CallerChannel, how: Any, reason: str) -> None:
        channel.gone = True
        in_stasis = channel.app is not None
        channel.playbacks.fail()
        self.leave_bridge(channel, hung_up=True)
        if in_stasis:
            self.leave_stasis(channel)
        if how == "hung_up_by_caller" and channel.state == "Up" and channel.from_dialplan:
            self.stasis.publish("ChannelHangupRequest", channel, cause=16, soft=True)
        if how == "hung_up_by_app":
            self.remove(channel)
        else:
            self.remove(channel, *channel.end_cause)
        if in_stasis:
            channel.extension = "h"
            channel.priority = 1
            self._left(channel, how, reason=reason)

    def _left(self, channel: CallerChannel, how: Any, label: str = "", reason: str = "") -> None:
        channel.phone.stasis_left(
            LeftStasis(
                how,
                channel.context,
                channel.extension,
                channel.priority,
                label,
                dict(channel.variables),
                reason,
            )
        )

    def remove(
        self, channel: Channel, cause: int = 16, cause_txt: str = "Normal Clearing", **fields: Any
    ) -> None:
        """The channel is gone."""
        channel.gone = True
        self.channels.pop(channel.id, None)
        channel.close()
        self.stasis.publish("ChannelDestroyed", channel, cause=cause, cause_txt=cause_txt, **fields)
        for application in self.stasis.applications.values():
            application.channels.pop(channel.id, None)
        if isinstance(channel, CallerChannel):
            for snoop in channel.snoops:
                self.later(SNOOP_END_SECONDS, self.end_own_channel, snoop)

    def _report_quality(self, channel: CallerChannel) -> None:
        for name in _QUALITY_VARIABLES:
            self.varset(channel, name, "")
            if channel.bridge is not None and len(channel.bridge.members) > 1:
                self.varset(channel, f"{name}BRIDGED", "")

    # Snoops and external media

    def add_own_channel(self, channel: Channel, app: str, arguments: list[str]) -> None:
        """A snoop or external media channel exists; a moment later it is in the application. Until then it
        cannot be bridged.
        """
        self.channels[channel.id] = channel
        self.stasis.publish("ChannelCreated", channel)
        if isinstance(channel, SnoopChannel):
            channel.target.snoops.append(channel)
        elif app in self.stasis.applications:
            self.stasis.applications[app].channels[channel.id] += 1
        self.later(self.stasis_start_delay_seconds, self._own_channel_ready, channel, app, arguments)

    def _own_channel_ready(self, channel: Channel, app: str, arguments: list[str]) -> None:
        if channel.gone:
            return
        if isinstance(channel, ExternalMediaChannel):
            dial: dict[str, Any] = {"forward": "", "dialstring": channel.dial_string}
            self.stasis.publish("Dial", channel_scope=channel, dialstatus="", **dial, peer=channel.as_json())
            channel.state = "Up"
            self.stasis.publish("ChannelStateChange", channel)
            self.stasis.publish(
                "Dial", channel_scope=channel, dialstatus="ANSWER", **dial, peer=channel.as_json()
            )
        if not self.enter_stasis(channel, app, arguments):
            self.end_own_channel(channel)

    def end_own_channel(self, channel: Channel) -> None:
        """A snoop or external media channel ends."""
        if channel.gone:
            return
        channel.gone = True
        channel.playbacks.fail()
        self.leave_bridge(channel, hung_up=not isinstance(channel, SnoopChannel))
        if isinstance(channel, SnoopChannel) and channel in channel.target.snoops:
            channel.target.snoops.remove(channel)
        if channel.app is not None:
            self.leave_stasis(channel)
        if isinstance(channel, ExternalMediaChannel):
            channel.app_name, channel.app_data = "AppDial2", "(Outgoing Line)"
        self.remove(channel)

    # Bridges

    def add_bridge(self, bridge_id: str, kind: str, name: str) -> Bridge:
        """Make a bridge."""
        bridge = Bridge(self, bridge_id or str(uuid.uuid4()), kind, name)
        self.bridges[bridge.id] = bridge
        self.stasis.publish("BridgeCreated", bridge=bridge)
        return bridge

    def join_bridge(self, channel: Channel, bridge: Bridge) -> None:
        """Put a channel into a bridge, out of the one that it is in."""
        if channel.bridge is bridge:
            return
        self.leave_bridge(channel)
        bridge.join(channel)
        channel.bridge = bridge
        if channel.app is not None:
            self.stasis.applications[channel.app].bridges[bridge.id] += 1
        self.stasis.publish("ChannelEnteredBridge", channel, bridge)
        if len(bridge.members) == 2:
            for one, other in (bridge.members, reversed(bridge.members)):
                self.varset(one, "BRIDGEPEER", other.name)
            for one, other in (bridge.members, list(reversed(bridge.members))):
                if isinstance(one, ExternalMediaChannel) and isinstance(other, CallerChannel):
                    self.varset(one, "BRIDGEPVTCALLID", other.protocol_id)
                    one.connected_number = other.caller_number
                    self.stasis.publish("ChannelConnectedLine", one)

    def leave_bridge(self, channel: Channel, hung_up: bool = False) -> None:
        """Take a channel out of its bridge. An application stays subscribed to a bridge that a channel left
        by hanging up.
        """
        bridge, channel.bridge = channel.bridge, None
        if bridge is None:
            return
        for name in ("BRIDGEPEER", "BRIDGEPVTCALLID"):
            if channel.variables.get(name):
                self.varset(channel, name, "")
        bridge.part(channel)
        self.stasis.publish("ChannelLeftBridge", channel, bridge)
        if channel.app is not None and not hung_up:
            self.stasis.applications[channel.app].bridges[bridge.id] -= 1

    def remove_bridge(self, bridge: Bridge) -> None:
        """End a bridge; its channels stay in the application."""
        bridge.playbacks.fail()
        for channel in tuple(bridge.members):
            self.leave_bridge(channel)
        self.pacer.remove(bridge)
        del self.bridges[bridge.id]
        self.stasis.publish("BridgeDestroyed", bridge=bridge)
        for application in self.stasis.applications.values():
            application.bridges.pop(bridge.id, None)

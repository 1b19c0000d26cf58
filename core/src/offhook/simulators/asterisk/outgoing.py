"""Calls that the application makes: the telephones that it can call, and the channel of such a call.

A Local channel is simulated as its first half only; what its dialplan does is what its telephone is told to do.
"""

import asyncio
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from offhook.simulators.asterisk.channels import CallerChannel
from offhook.simulators.caller import SimulatedCaller

if TYPE_CHECKING:
    from offhook.simulators.asterisk.switch import Switch

Refusal = Literal["busy", "rejected", "unavailable", "unknown", "congestion"]
"""Why a telephone refuses a call: in SIP 486, 603, 480, 404, 503."""


class _Ending(NamedTuple):
    cause: int
    text: str
    tech_cause: int
    dial_status: str

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of ChannelDestroyed."""
        tech_cause = {"tech_cause": self.tech_cause} if self.tech_cause else {}
        return {"cause": self.cause, "cause_txt": self.text} | tech_cause


_REFUSALS: dict[str, _Ending] = {
    "busy": _Ending(17, "User busy", 486, "BUSY"),
    "rejected": _Ending(21, "Call Rejected", 603, "NOANSWER"),
    "unavailable": _Ending(19, "User alerting, no answer", 480, "NOANSWER"),
    "unknown": _Ending(1, "Unallocated (unassigned) number", 404, "NOANSWER"),
    "congestion": _Ending(34, "Circuit/channel congestion", 503, "CONGESTION"),
}
_NORMAL = _Ending(16, "Normal Clearing", 0, "NOANSWER")
_NOT_ANSWERED = _REFUSALS["unavailable"]
_NOWHERE = _Ending(0, "Unknown", 0, "")
_CANCELLED = {
    "busy": _REFUSALS["busy"],
    "congestion": _REFUSALS["congestion"],
    "no_answer": _NOT_ANSWERED,
}
"""How a channel ends that the application hangs up while it rings, by the `reason`."""


class SimulatedCallee:
    """A telephone that the application can call; `SimulatedAsterisk.callee` sets one up."""

    def __init__(
        self,
        endpoint: str,
        *,
        answers_after_seconds: float | None,
        refuses: Refusal | None,
        rings: bool,
        dtx: bool,
    ) -> None:
        self.endpoint = endpoint
        """As the application calls it: `PJSIP/alice`."""
        self.answers_after_seconds = answers_after_seconds
        """None: nobody picks up. With `refuses` the time until the refusal."""
        self.refuses = refuses
        self.rings = rings
        self.dtx = dtx
        self.calls: list[SimulatedCaller] = []
        """Every call so far, from the moment when it rings: what the person at this telephone does in it."""
        self._awaited = 0
        self._news = asyncio.Event()

    async def call(self, timeout_seconds: float = 10) -> SimulatedCaller:
        """Wait for the next call, which may still ring: `answered` tells. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_seconds):
            while len(self.calls) <= self._awaited:
                self._news.clear()
                await self._news.wait()
        self._awaited += 1
        return self.calls[self._awaited - 1]

    def called(self, phone: SimulatedCaller) -> None:
        """A call has come."""
        self.calls.append(phone)
        self._news.set()


class CalleeChannel(CallerChannel):
    """The channel of a call that the application makes: `Down`, `Ringing`, and once answered like a caller's."""

    from_dialplan = False
    end_cause = (0, "Unknown")

    def __init__(
        self, switch: "Switch", channel_id: str, endpoint: str, dtx: bool, app: str, arguments: list[str]
    ) -> None:
        half = ";1" if endpoint.startswith("Local/") else ""
        name = f"{endpoint.removesuffix('/n')}-{switch.unique():08x}{half}"
        self.dial_string = endpoint.partition("/")[2]
        super().__init__(switch, channel_id, name, "Down", self.dial_string, dtx)
        self.caller_number = ""
        self.app_name, self.app_data = "AppDial2", "(Outgoing Line)"
        self._app = app
        self._arguments = arguments

    def shows(self, caller_id: str) -> None:
        """Who is calling: `Ann <4711>`, a number, or a name."""
        found = re.fullmatch(r'\s*"?(?P<name>[^"<]*?)"?\s*<(?P<number>[^>]*)>\s*', caller_id)
        if found:
            self.caller_name, self.caller_number = found["name"], found["number"]
        elif re.fullmatch(r"[\d+*#]+", caller_id):
            self.caller_number = caller_id
        else:
            self.caller_name = caller_id
        self.connected_name, self.connected_number = self.caller_name, self.caller_number

    def dial(self, callee: SimulatedCallee | None, timeout_seconds: float) -> None:
        """Call the telephone; None is an extension of a Local channel that does not exist."""
        if self.gone:
            return
        if callee is None:
            self._end(_NOWHERE)
            return
        callee.called(self.phone)
        self._dial_event("")
        if callee.rings:
            self.state = "Ringing"
            self.switch.stasis.publish("ChannelStateChange", self)
            self._dial_event("RINGING")
        after_seconds = callee.answers_after_seconds
        if callee.refuses is not None:
            self.switch.later(after_seconds or 0.0, self.refuse, callee.refuses)
        elif after_seconds is not None:
            self.switch.later(after_seconds, self._answered)
        if timeout_seconds > 0:
            self.switch.later(timeout_seconds, self._time_over)

    def refuse(self, why: Refusal) -> None:
        """The telephone refuses the call."""
        if self._waiting:
            ending = _REFUSALS[why]
            self.switch.stasis.publish(
                "ChannelHangupRequest", self, cause=ending.cause, tech_cause=ending.tech_cause
            )
            self._dial_event(ending.dial_status)
            self._end(ending)

    def cancel(self, reason: str) -> None:
        """The application hangs up before the answer."""
        self.switch.stasis.publish("ChannelHangupRequest", self, cause=32, soft=True)
        self._dial_event("NOANSWER")
        self._end(_CANCELLED.get(reason, _NORMAL))

    def caller_hung_up(self) -> None:
        """The person at the telephone hung up, or rejects the call that rings."""
        if self.state == "Up":
            super().caller_hung_up()
        else:
            self.refuse("rejected")

    @property
    def _waiting(self) -> bool:
        return not self.gone and self.state != "Up"

    def _answered(self) -> None:
        if not self._waiting:
            return
        self.switch.answer(self)
        self._dial_event("ANSWER")
        self.phone.stasis_entered()
        if not self.switch.enter_stasis(self, self._app, self._arguments):
            self._end(_NOWHERE)

    def _time_over(self) -> None:
        if self._waiting:
            self._end(_NOT_ANSWERED)

    def _end(self, ending: _Ending) -> None:
        self.switch.remove(self, **ending.fields)
        self.phone.line_closed()

    def _dial_event(self, status: str) -> None:
        self.switch.stasis.publish(
            "Dial",
            channel_scope=self,
            dialstatus=status,
            forward="",
            dialstring=self.dial_string,
            peer=self.as_json(),
        )

"""One call through `offhook run`, with all that a test asks of it: who heard what, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

from asterisk.lab import DialplanResult, Lab
from asterisk.offhook_process import OffhookProcess, offhook_run
from asterisk.rtp_packet import ULAW
from asterisk.sip_caller import SipCaller
from call_bench import Ears, Mouth, sweep
from offhook.simulators.realtime import SimulatedRealtime
from offhook.simulators.realtime.session import Session
from openai_types import validate_client

ANSWER_SECONDS = 2.0
ANSWER = ULAW.decode(ULAW.encode(sweep(ANSWER_SECONDS))).strip(b"\0")
"""What the caller hears of each whole answer: 16-bit PCM."""


class HeldCall:
    """A caller who is connected, the provider that listens, and the host between them."""

    def __init__(
        self, asterisk: Lab, caller: SipCaller, provider: SimulatedRealtime, host: OffhookProcess
    ) -> None:
        self.asterisk = asterisk
        self.caller = caller
        self.provider = provider
        self.host = host

    @property
    def session(self) -> Session:
        """The Realtime session of the call."""
        return self.provider.sessions[-1]

    @property
    def provider_heard(self) -> bytes:
        """The caller's audio as it reached the provider: 16-bit PCM at 8 kHz."""
        return ULAW.decode(self.session.received) if self.provider.sessions else b""

    def times_heard(self, speech: bytes) -> int:
        """How often the provider heard what the caller said, complete and in order (see `times_complete`)."""
        return times_complete(wire(speech), self.provider_heard, late_packets(self.caller))

    def first_heard_seconds(self) -> float:
        """From the caller's first packet of sound to the first that the provider got of it."""
        heard = self.provider_heard
        spoken = [packet for packet in self.caller.sent if packet.is_loud]
        for packet in spoken:
            if ULAW.decode(packet.payload) in heard:
                return packet.at - spoken[0].at
        raise AssertionError("the provider heard nothing of it")

    async def result(self, phase: str = "stasis") -> DialplanResult:
        """What the dialplan saw after `Stasis()`, or in extension `h` (`hangup`)."""
        return await self.asterisk.result(self.caller.number, phase)


def wire(pcm: bytes) -> bytes:
    """What becomes of 16-bit PCM on its way through µ-law."""
    return ULAW.decode(ULAW.encode(pcm))


async def listening(provider: SimulatedRealtime) -> Session:
    """Wait until a session gets the caller's audio."""
    async with asyncio.timeout(10):
        while not provider.sessions or not provider.sessions[0].received:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return provider.sessions[0]


PACKET_BYTES = 320
"""20 ms of 16-bit PCM at 8 kHz."""


def late_packets(caller: SipCaller) -> int:
    """How many packets Asterisk may have put in for the caller's: one, and one for each 20 ms that the caller was late.

    A snoop ticks 50 times a second whatever comes in, and fills with silence what is not there in time.
    """
    gaps = [later.at - sooner.at for sooner, later in pairwise(caller.sent)]
    return 1 + sum(round((gap - 0.02) / 0.02) for gap in gaps if gap > 0.03)


def times_complete(speech: bytes, heard: bytes, extra_packets: int = 0) -> int:
    """How often `speech` is in `heard`: every packet of it, in order, with so many packets more in between at most."""
    packets = [speech[at : at + PACKET_BYTES] for at in range(0, len(speech), PACKET_BYTES)]
    found, at = 0, heard.find(packets[0])
    while at >= 0:
        place, room = at + PACKET_BYTES, extra_packets * PACKET_BYTES
        for packet in packets[1:]:
            there = heard.find(packet, place, place + room + len(packet))
            if there < 0:
                break
            room -= there - place
            place = there + len(packet)
        else:
            found += 1
        at = heard.find(packets[0], at + PACKET_BYTES)
    return found


@asynccontextmanager
async def held_call(
    asterisk: Lab,
    extension: str = "7000",
    *,
    ears: Ears | None = None,
    answer_seconds: float = ANSWER_SECONDS,
    environment: dict[str, str] | None = None,
    **variables: str,
) -> AsyncIterator[HeldCall]:
    """Call `extension` with `variables` as `APP_…` channel variables, named in any case; it is answered.

    ears: what the provider understands. environment: further settings of the host. When the block ends the caller
    hangs up, unless the call has ended.
    """
    async with (
        SimulatedRealtime(recognizer=ears or Ears(["good morning"]), voice=Mouth(answer_seconds)) as provider,
        offhook_run(asterisk.environment, provider.url, **(environment or {})) as host,
    ):
        sent = {f"APP_{name.upper()}": value for name, value in variables.items()}
        async with SipCaller(asterisk.sip_address, extension, variables=sent) as caller:
            assert await caller.call() == 200
            yield HeldCall(asterisk, caller, provider, host)
            if caller.ended_at is None:
                await caller.hang_up()
        for session in provider.sessions:
            async with asyncio.timeout(5):
                await session.closed.wait()  # with the call its connection ends, not with the host
            for message in session.messages:
                if not message.from_server:
                    validate_client(message.body)

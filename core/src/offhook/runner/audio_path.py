"""Connects a caller's audio to this host: external media channels, a snoop channel, and the bridges between
them.

- `bridge`: caller and one external media channel in one bridge; the leanest.
- `split`: a snoop channel (`spy=in`) bridged with the external media channel that we listen to, and the caller
  bridged with a second one that we speak to. We hear the caller also while Asterisk plays a prompt.

Whatever is made here is entered into the call's exit stack before Asterisk is asked for it, so that nothing is
left behind when an answer gets lost on the way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Literal, TypeVar

from offhook.ari import AriClient, AriError
from offhook.media import AudioFormat, RtpLeg, RtpPorts
from offhook.telemetry.totals import Totals

from .arrivals import OURS, Arrivals

log = logging.getLogger("offhook.runner")

_T = TypeVar("_T")

ARRIVAL_SECONDS = 10.0
"""How long Asterisk may take to hand over a channel that it has made for us."""


class AudioPathError(Exception):
    """Asterisk made a channel, but no audio can be had from it; the message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class AudioPath:
    """The two ends on our side; one leg for both directions in the topology `bridge`."""

    listen: RtpLeg
    speak: RtpLeg


class AudioConnector:
    """Makes the audio path of one call; `resources` frees it, in whatever state it is."""

    def __init__(
        self,
        ari: AriClient,
        arrivals: Arrivals,
        ports: RtpPorts,
        totals: Totals,
        resources: AsyncExitStack,
        *,
        host_ip: str,
        call_id: str,
    ) -> None:
        self._ari = ari
        self._arrivals = arrivals
        self._ports = ports
        self._totals = totals
        self._resources = resources
        self._host_ip = host_ip
        self._call_id = call_id
        self._prefix = f"{OURS}{call_id}"

    async def connect(
        self,
        channel_id: str,
        topology: Literal["split", "bridge"],
        *,
        answered: bool,
        hear: AudioFormat,
        say: AudioFormat,
    ) -> AudioPath:
        """Connect the channel, and answer it unless it is: then nothing said from the answer on is lost.

        A call for which there is no port is not answered at all. Raises AriError, NoPortLeftError,
        OSError, ValueError and AudioPathError.
        """
        path = await self._connect(channel_id, topology, hear, say)
        if not answered:
            await self._ari.answer(channel_id)
        return path

    async def _connect(
        self,
        channel_id: str,
        topology: Literal["split", "bridge"],
        hear: AudioFormat,
        say: AudioFormat,
    ) -> AudioPath:
        speak = self._leg(say)
        if topology == "bridge":
            media = await self._external_media("media", speak, say)
            await self._bridge("bridge", channel_id, media)
            return AudioPath(speak, speak)
        listen = self._leg(hear)
        ear, mouth, snoop = await _together(
            self._external_media("listen", listen, hear),
            self._external_media("speak", speak, say),
            self._snoop(channel_id),
        )
        await _together(
            self._bridge("listen-bridge", snoop, ear), self._bridge("speak-bridge", channel_id, mouth)
        )
        return AudioPath(listen, speak)

    def _leg(self, audio_format: AudioFormat) -> RtpLeg:
        leg = RtpLeg(self._ports.acquire(), audio_format, call_id=self._call_id, on_close=self._ports.release)
        self._totals.opened(leg)
        self._resources.callback(self._totals.closed, leg)
        self._resources.callback(leg.close)
        return leg

    async def _external_media(self, name: str, leg: RtpLeg, audio_format: AudioFormat) -> str:
        channel_id = f"{self._prefix}-{name}"
        arrived = self._own(channel_id)
        external_host = f"{self._host_ip}:{leg.local_address[1]}"
        channel = await self._ari.external_media(channel_id, external_host, audio_format.asterisk_name)
        leg.set_remote(channel.rtp_address or await self._ari.rtp_address(channel))
        await self._wait(arrived, channel_id)
        return channel_id

    async def _snoop(self, channel_id: str) -> str:
        snoop_id = f"{self._prefix}-snoop"
        arrived = self._own(snoop_id)
        await self._ari.snoop(channel_id, snoop_id, spy="in")
        await self._wait(arrived, snoop_id)
        return snoop_id

    async def _bridge(self, name: str, *channel_ids: str) -> None:
        bridge_id = f"{self._prefix}-{name}"
        making = asyncio.ensure_future(self._ari.create_bridge(bridge_id, name=bridge_id))

        async def delete() -> None:
            # If the call ended meanwhile, the deletion must not overtake the creation.
            await asyncio.gather(making, return_exceptions=True)
            await self._ari.delete_bridge(bridge_id, missing_ok=True)

        self._free(delete)
        await asyncio.shield(making)
        await self._ari.add_to_bridge(bridge_id, *channel_ids)

    def _own(self, channel_id: str) -> asyncio.Future[None]:
        """Take charge of a channel that is about to be made; the future is done when it may be used."""
        arrived = self._arrivals.expect(channel_id)
        self._resources.callback(self._arrivals.forget, channel_id)
        self._free(lambda: self._ari.hangup(channel_id, missing_ok=True))
        return arrived

    def _free(self, request: Callable[[], Awaitable[None]]) -> None:
        async def contained() -> None:
            try:
                await request()
            except AriError as error:
                # The rest must be freed all the same.
                log.warning("could not clear up in Asterisk: %s", error, extra={"call_id": self._call_id})

        self._resources.push_async_callback(contained)

    @staticmethod
    async def _wait(arrived: asyncio.Future[None], channel_id: str) -> None:
        try:
            async with asyncio.timeout(ARRIVAL_SECONDS):
                await arrived
        except TimeoutError:
            raise AudioPathError(
                f"Asterisk made the channel {channel_id} but did not hand it over within {ARRIVAL_SECONDS:g} s"
            ) from None


async def _together(*work: Awaitable[_T]) -> list[_T]:
    """Do things side by side, and wait for all; then raise the first failure, if any.

    Not a task group: one that fails while it is cancelled forgets that it was cancelled.
    """
    results = await asyncio.gather(*work, return_exceptions=True)
    done = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        done.append(result)
    return done

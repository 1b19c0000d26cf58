"""A scripted SIP telephone that is called: it rings, answers or refuses, and then talks as a `SipCaller` does.

    async with SipCallee() as phone:
        channel = await ari.originate(phone.endpoint, channel_id="call-1")
        await phone.answered.wait()
        await phone.play("hello.wav")
        await phone.hang_up()

    SipCallee("486 Busy Here")              # refuses
    SipCallee("", rings=True)               # rings, and nobody answers

No registration: Asterisk dials the telephone's own address through the endpoint `callers` (`conf/pjsip.conf`).
"""

from __future__ import annotations

import asyncio
import random
from types import TracebackType
from typing import Final, Literal, Self

from asterisk.caller_audio import CallerAudio
from asterisk.rtp_packet import CODECS
from asterisk.sip_message import SipMessage, audio_address, offer

HOST: Final = "127.0.0.1"
CLEARING_SECONDS: Final = 2.0
"""How long to wait for the answer to BYE."""


class SipCallee(CallerAudio, asyncio.DatagramProtocol):
    """One telephone on this machine that takes one call, signalling and audio."""

    def __init__(
        self,
        answer: str = "200 OK",
        *,
        after_seconds: float = 0.1,
        rings: bool = True,
        number: str = "200",
        codec: str = "ulaw",
    ) -> None:
        """`answer`: the final status line, `after_seconds` after the INVITE; empty for none. `rings`: send 180."""
        super().__init__(CODECS[codec])
        self.number = number
        self.ringing = asyncio.Event()
        self.answered = asyncio.Event()
        self.caller = ""
        """The header `From` of the call: who is calling."""
        self.ended_by: Literal["", "callee", "asterisk", "refused", "cancelled"] = ""
        self._answer = answer
        self._after_seconds = after_seconds
        self._rings = rings
        self._tag = f"{random.getrandbits(32):08x}"
        self._invite: SipMessage | None = None
        self._server = (HOST, 0)
        self._bye_answered = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.open_audio(HOST)
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(HOST, 0))
        self._port: int = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.hang_up()
        finally:
            self.close_audio()
            self._transport.close()

    @property
    def endpoint(self) -> str:
        """What ARI and the dialplan's `Dial` call this telephone."""
        return f"PJSIP/callers/sip:{self.number}@{HOST}:{self._port}"

    async def hang_up(self) -> None:
        """Send BYE and wait for its answer; nothing to do on a call that is over or never was."""
        if self.ended.is_set() or not self.answered.is_set():
            return
        self._end("callee")
        invite = self._invite
        assert invite is not None
        target = invite.header("Contact").partition("<")[2].partition(">")[0]
        headers = (
            ("Via", f"SIP/2.0/UDP {HOST}:{self._port};branch=z9hG4bK{random.getrandbits(64):016x};rport"),
            ("Max-Forwards", "70"),
            ("From", f"{invite.header('To')};tag={self._tag}"),
            ("To", invite.header("From")),
            ("Call-ID", invite.header("Call-ID")),
            ("CSeq", "1 BYE"),
        )
        self._send(SipMessage(f"BYE {target} SIP/2.0", headers))
        async with asyncio.timeout(CLEARING_SECONDS):
            await self._bye_answered.wait()

    async def wait_ended(self, timeout_seconds: float = 10.0) -> None:
        """Wait until the call is over. TimeoutError if it still lasts then."""
        async with asyncio.timeout(timeout_seconds):
            await self.ended.wait()

    # --- Messages ---------------------------------------------------------------------------------------

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = SipMessage.parse(data)
        if message.is_response:
            self._bye_answered.set()  # the only request that is sent here
            return
        self._server = addr
        match message.method:
            case "INVITE" if self._invite is None:
                self._on_invite(message)
            case "CANCEL" if self._invite is not None:
                self._reply(message, "200 OK")
                self._reply(self._invite, "487 Request Terminated")
                self._end("cancelled")
            case "BYE":
                self._reply(message, "200 OK")
                self._end("asterisk")

    def _on_invite(self, invite: SipMessage) -> None:
        self._invite, self.caller = invite, invite.header("From")
        self._reply(invite, "100 Trying")
        if self._rings:
            self._reply(invite, "180 Ringing")
            self.ringing.set()
        if self._answer:
            asyncio.get_running_loop().call_later(self._after_seconds, self._finally, invite)

    def _finally(self, invite: SipMessage) -> None:
        if self.ended.is_set():
            return
        if not self._answer.startswith("2"):
            self._reply(invite, self._answer)
            self._end("refused")
            return
        self._reply(
            invite, self._answer, offer(HOST, self.audio_port, [(self.codec.payload_type, self.codec.name)])
        )
        self.connect_audio(audio_address(invite.body)[0], self.codec.payload_type)
        self.answered.set()

    def _reply(self, request: SipMessage, status_line: str, body: str = "") -> None:
        extra = [("Contact", f"<sip:{self.number}@{HOST}:{self._port}>")]
        if body:
            extra.append(("Content-Type", "application/sdp"))
        answer = request.answer(status_line, extra, body)
        tagged = (
            (name, f"{value};tag={self._tag}" if name.lower() == "to" and ";tag=" not in value else value)
            for name, value in answer.headers
        )
        self._send(SipMessage(answer.first_line, tuple(tagged), body))

    def _send(self, message: SipMessage) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(message.encode(), self._server)

    def _end(self, by: Literal["callee", "asterisk", "refused", "cancelled"]) -> None:
        if not self.ended.is_set():
            self.ended_by = by
            self.end_audio()

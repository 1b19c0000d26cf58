"""A scripted SIP caller: dials an extension of a lab, talks, presses keys, listens and hangs up.

    async with SipCaller(asterisk.sip_address, "7000", variables={"APP_DTMF_MAX_DIGITS": "4"}) as caller:
        assert await caller.call() == 200
        await caller.play("question.wav")
        await caller.wait_heard()
        await caller.press("12#")
        await caller.hang_up()
        caller.save("heard.wav")

Enough of RFC 3261 for one caller on loopback: INVITE with retransmission, ACK, CANCEL, BYE from either side,
INFO digits. Audio and RFC 4733 digits come with `CallerAudio`. Hundreds of callers can run in one event loop.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Final, Literal, Self
from urllib.parse import quote

from asterisk.caller_audio import CallEndedError, CallerAudio
from asterisk.rtp_packet import CODECS
from asterisk.sip_message import SipMessage, audio_address, offer

HOST: Final = "127.0.0.1"
T1_SECONDS: Final = 0.5
"""How long to wait for a sign of life before a request is sent again (RFC 3261 §17.1.1.1)."""
REQUEST_SECONDS: Final = 5.0
LONGEST_VARIABLES: Final = 4000
CLEARING_SECONDS: Final = 2.0
"""How long to wait for the answer to BYE or CANCEL."""


class _Transaction:
    """A request under way: has anything been heard of it, and its final response."""

    def __init__(self, request: SipMessage) -> None:
        self.method = request.method
        self.heard_back = asyncio.Event()
        self.final = asyncio.Event()
        self.response: SipMessage | None = None

    def on_response(self, response: SipMessage) -> None:
        self.heard_back.set()
        if response.status >= 200:
            self.response = response
            self.final.set()


class SipCaller(CallerAudio, asyncio.DatagramProtocol):
    """One call from this machine, signalling and audio. `number` identifies it in `Lab.result()`."""

    def __init__(
        self,
        sip_address: tuple[str, int],
        extension: str,
        *,
        variables: Mapping[str, str] | None = None,
        codecs: tuple[str, ...] = ("ulaw",),
        number: str = "",
        send_silence: bool = True,
    ) -> None:
        """`variables` become channel variables before `Stasis()`; `codecs`: `ulaw`, `alaw`, best first."""
        self.codecs = tuple(CODECS[name] for name in codecs)
        super().__init__(self.codecs[0], send_silence=send_silence)
        self.server = sip_address
        self.extension = extension
        self.variables = dict(variables or {})
        self.number = number or str(random.randrange(10**9, 10**10))
        self.status = 0
        """The latest status that the INVITE got; 0 if none."""
        self.ended_by: Literal["", "caller", "asterisk", "rejected"] = ""
        self.hangup_reason = ""
        """The header `Reason` of Asterisk's BYE or refusal."""
        self.rang = asyncio.Event()
        self.answered = asyncio.Event()
        self.answered_at: float | None = None
        """When the 200 came (clock of `time.time()`)."""
        self.ended_at: float | None = None
        self.sip_log: list[tuple[float, str]] = []
        """Time and first line of each message, `<` received or `>` sent."""
        self._call_id = f"{random.getrandbits(64):016x}@{HOST}"
        self._tag = f"{random.getrandbits(32):08x}"
        self._to_tag = ""
        self._target = f"sip:{extension}@{sip_address[0]}:{sip_address[1]}"
        self._dialled = self._target
        self._branch = ""
        self._cseq = 0
        self._cancelled = False
        self._transactions: dict[int, _Transaction] = {}

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
            if not self.answered.is_set():
                await self.cancel()
            await self.hang_up()
        finally:
            self.close_audio()
            self._transport.close()

    # --- What the caller does ---------------------------------------------------------------------------

    async def call(self, timeout_seconds: float = 30.0) -> int:
        """Dial, and wait for the final answer; its status: 200, or why there is no call.

        TimeoutError if none comes in time; the call attempt is then cancelled.
        """
        headers = [("Contact", self._contact), ("Content-Type", "application/sdp")]
        if self.variables:
            pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in self.variables.items())
            if len(pairs) > LONGEST_VARIABLES:
                raise ValueError(
                    f"{len(pairs)} bytes of variables; Asterisk reads {LONGEST_VARIABLES} of a header"
                )
            headers.append(("X-Vars", pairs))
        sdp = offer(HOST, self.audio_port, [(codec.payload_type, codec.name) for codec in self.codecs])
        self._branch = _branch()
        self._cseq += 1
        invite = self._request("INVITE", self._target, self._cseq, self._branch, headers, sdp)
        try:
            return (await self._transact(invite, timeout_seconds)).status
        except TimeoutError:
            await self.cancel()
            raise

    async def cancel(self) -> None:
        """Give up before the answer. If the answer crosses the CANCEL, hang up (RFC 3261 §9.1)."""
        if self.ended.is_set() or self.answered.is_set():
            return
        self._cancelled = True
        if invite := self._transactions.get(1):
            with suppress(TimeoutError):
                async with asyncio.timeout(CLEARING_SECONDS):
                    await invite.heard_back.wait()  # before any response a CANCEL may not be sent
                    self._send_message(self._request("CANCEL", self._dialled, 1, self._branch))
                    await invite.final.wait()
        if self.answered.is_set():
            await self.hang_up()
        self._end("caller")

    async def hang_up(self) -> None:
        """Send BYE and wait for its answer; nothing to do on a call that is over or never was.

        An Asterisk that does not answer is no error for someone who puts the receiver down; `sip_log` tells.
        """
        if self.ended.is_set() or not self.answered.is_set():
            return
        self._end("caller")
        with suppress(TimeoutError):
            await self._send_in_dialog("BYE", timeout_seconds=CLEARING_SECONDS)

    async def press_info(self, digits: str, gap_seconds: float = 0.2) -> None:
        """Press keys as SIP INFO (`application/dtmf-relay`). CallEndedError if the call is over."""
        for digit in digits:
            if self.ended.is_set():
                raise CallEndedError(f"the call ended before the digit {digit!r} of {digits!r}")
            await self._send_in_dialog(
                "INFO", [("Content-Type", "application/dtmf-relay")], f"Signal={digit}\r\nDuration=160\r\n"
            )
            await asyncio.sleep(gap_seconds)

    async def wait_ended(self, timeout_seconds: float = 30.0) -> None:
        """Wait until the call is over. TimeoutError if it still lasts then."""
        async with asyncio.timeout(timeout_seconds):
            await self.ended.wait()

    # --- Messages out -----------------------------------------------------------------------------------

    @property
    def _contact(self) -> str:
        return f"<sip:{self.number}@{HOST}:{self._port}>"

    def _request(
        self,
        method: str,
        target: str,
        cseq: int,
        branch: str,
        extra: list[tuple[str, str]] | None = None,
        body: str = "",
    ) -> SipMessage:
        to_tag = f";tag={self._to_tag}" if self._to_tag and method != "CANCEL" else ""
        headers = [
            ("Via", f"SIP/2.0/UDP {HOST}:{self._port};branch={branch};rport"),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{self.number}@{HOST}>;tag={self._tag}"),
            ("To", f"<{self._dialled}>{to_tag}"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
        return SipMessage(f"{method} {target} SIP/2.0", (*headers, *(extra or ())), body)

    async def _send_in_dialog(
        self,
        method: str,
        extra: list[tuple[str, str]] | None = None,
        body: str = "",
        timeout_seconds: float = REQUEST_SECONDS,
    ) -> SipMessage:
        self._cseq += 1
        request = self._request(method, self._target, self._cseq, _branch(), extra, body)
        return await self._transact(request, timeout_seconds)

    async def _transact(self, request: SipMessage, timeout_seconds: float) -> SipMessage:
        """Send a request, again until there is any response, and wait for the final one."""
        transaction = self._transactions[request.cseq] = _Transaction(request)
        pause = T1_SECONDS
        async with asyncio.timeout(timeout_seconds):
            while not transaction.heard_back.is_set():
                self._send_message(request)
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await transaction.heard_back.wait()
                pause = min(2 * pause, 4.0)
            await transaction.final.wait()
        assert transaction.response is not None
        return transaction.response

    def _send_message(self, message: SipMessage) -> None:
        self.sip_log.append((time.time(), f"> {message.first_line}"))
        self._transport.sendto(message.encode(), self.server)

    # --- Messages in ------------------------------------------------------------------------------------

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = SipMessage.parse(data)
        self.sip_log.append((time.time(), f"< {message.first_line}"))
        if not message.is_response:
            self._on_request(message)
            return
        if message.method == "INVITE":
            self._on_invite_response(message)
        transaction = self._transactions.get(message.cseq)
        if transaction and transaction.method == message.method:  # CANCEL has the number of its INVITE
            transaction.on_response(message)

    def _on_invite_response(self, message: SipMessage) -> None:
        self.status = message.status
        if self.status < 200:
            if self.status > 100:
                self.rang.set()
            return
        self._to_tag = message.header("To").partition(";tag=")[2]
        if self.status >= 300:
            # This ACK belongs to the INVITE's own transaction (RFC 3261 §17.1.1.3).
            self._send_message(self._request("ACK", self._dialled, message.cseq, self._branch))
            self.hangup_reason = message.header("Reason")
            self._end("caller" if self._cancelled else "rejected")
            return
        self._target = message.header("Contact").partition("<")[2].partition(">")[0]
        self._send_message(self._request("ACK", self._target, message.cseq, _branch()))
        if not self.answered.is_set():  # else the 200 came once more: another ACK is all that it wants
            self.answered_at = time.time()
            self.connect_audio(*audio_address(message.body))
            self.answered.set()

    def _on_request(self, message: SipMessage) -> None:
        if message.method == "ACK":
            return
        extra, body = [("Contact", self._contact)], ""
        if message.method == "INVITE":  # a re-INVITE gets the same audio again
            extra.append(("Content-Type", "application/sdp"))
            body = offer(HOST, self.audio_port, [(self.codec.payload_type, self.codec.name)])
        self._send_message(message.answer("200 OK", extra, body))
        if message.method == "BYE":
            self.hangup_reason = message.header("Reason")
            self._end("asterisk")

    def _end(self, by: Literal["caller", "asterisk", "rejected"]) -> None:
        if not self.ended.is_set():
            self.ended_by, self.ended_at = by, time.time()
            self.end_audio()


def _branch() -> str:
    return f"z9hG4bK{random.getrandbits(64):016x}"

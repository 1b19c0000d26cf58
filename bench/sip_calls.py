"""Many callers of a real Asterisk: SIP over one UDP socket for all, and a phone for each.

As much of RFC 3261 as hundreds of plain calls on loopback need: INVITE, ACK, BYE, and a request that is repeated until
something comes back. The tests' `SipCaller` can do much more, at a cost for each call.
"""

from __future__ import annotations

import asyncio
import random
from typing import Final

from asterisk.sip_message import SipMessage, audio_address, offer
from phones import FIRST_NUMBER, Phone, Phones

HOST: Final = "127.0.0.1"
REPEAT_SECONDS: Final = 0.5
SET_UP_SECONDS: Final = 20.0
END_SECONDS: Final = 5.0
EXTENSION: Final = "7000"
"""Of the first caller."""


class Dialog:
    """One call's signalling."""

    def __init__(self, number: int, server: tuple[str, int], phone: Phone) -> None:
        self.phone = phone
        self.id = f"bench-{number}-{random.getrandbits(48):012x}"
        self.tag = f"{random.getrandbits(32):08x}"
        self.user = str(FIRST_NUMBER + number)
        self.dialled = f"sip:{EXTENSION}@{server[0]}:{server[1]}"
        self.target = self.dialled
        self.to_tag = ""
        self.over = False
        loop = asyncio.get_running_loop()
        self.heard_back: asyncio.Future[None] = loop.create_future()
        self.answered: asyncio.Future[int] = loop.create_future()
        """The final status of the INVITE."""
        self.ended: asyncio.Future[None] = loop.create_future()


class SipCalls(asyncio.DatagramProtocol):
    """All callers. Use `start`, then `dial`."""

    def __init__(self, server: tuple[str, int], phones: Phones) -> None:
        self._server = server
        self._phones = phones
        self._dialogs: dict[str, Dialog] = {}
        self._of_number: dict[int, Dialog] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._port = 0

    async def start(self) -> None:
        """Bind the socket."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(HOST, 0))
        self._transport = transport
        self._port = transport.get_extra_info("sockname")[1]

    async def dial(self, number: int) -> Phone | None:
        """Call the host's extension; the phone once it is answered, or None if it is not."""
        dialog = Dialog(number, self._server, Phone(self._phones, number))
        self._dialogs[dialog.id] = self._of_number[number] = dialog
        body = offer(HOST, dialog.phone.port, [(0, "PCMU/8000")])
        headers = (("Contact", self._contact(dialog)), ("Content-Type", "application/sdp"))
        invite = self._request(dialog, "INVITE", 1, headers, body)
        try:
            async with asyncio.timeout(SET_UP_SECONDS):
                await self._until(dialog.heard_back, invite)
                status = await dialog.answered
        except TimeoutError:
            return None
        return dialog.phone if status == 200 else None

    async def hang_up(self, number: int) -> None:
        """Put the receiver down."""
        dialog = self._of_number[number]
        dialog.phone.close()
        if dialog.over or not dialog.answered.done() or dialog.answered.result() != 200:
            return
        dialog.over = True
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._until(dialog.ended, self._request(dialog, "BYE", 2))
        except TimeoutError:
            pass  # nobody waits for a caller who has gone

    async def _until(self, done: asyncio.Future[None], request: SipMessage) -> None:
        """Send a request, again and again, until something has come back."""
        while not done.done():
            self._send(request)
            await asyncio.wait([done], timeout=REPEAT_SECONDS)

    def _contact(self, dialog: Dialog) -> str:
        return f"<sip:{dialog.user}@{HOST}:{self._port}>"

    def _request(
        self, dialog: Dialog, method: str, cseq: int, extra: tuple[tuple[str, str], ...] = (), body: str = ""
    ) -> SipMessage:
        branch = f"z9hG4bK{random.getrandbits(64):016x}"
        headers = (
            ("Via", f"SIP/2.0/UDP {HOST}:{self._port};branch={branch};rport"),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{dialog.user}@{HOST}>;tag={dialog.tag}"),
            ("To", f"<{dialog.dialled}>{dialog.to_tag}"),
            ("Call-ID", dialog.id),
            ("CSeq", f"{cseq} {method}"),
        )
        return SipMessage(f"{method} {dialog.target} SIP/2.0", (*headers, *extra), body)

    def _send(self, message: SipMessage) -> None:
        if self._transport is not None:
            self._transport.sendto(message.encode(), self._server)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = SipMessage.parse(data)
        dialog = self._dialogs.get(message.header("Call-ID"))
        if dialog is None:
            return
        if not message.is_response:
            self._asked(dialog, message)
        elif message.method == "INVITE":
            self._invite_answered(dialog, message)
        elif message.method == "BYE" and not dialog.ended.done():
            dialog.ended.set_result(None)

    def _asked(self, dialog: Dialog, message: SipMessage) -> None:
        if message.method == "ACK":
            return
        self._send(message.answer("200 OK", (("Contact", self._contact(dialog)),)))
        if message.method == "BYE":
            dialog.over = True
            dialog.phone.close()

    def _invite_answered(self, dialog: Dialog, message: SipMessage) -> None:
        if not dialog.heard_back.done():
            dialog.heard_back.set_result(None)
        if message.status < 200:
            return
        to_tag = message.header("To").partition(";tag=")[2]
        dialog.to_tag = f";tag={to_tag}" if to_tag else ""
        if message.status == 200:
            dialog.target = message.header("Contact").partition("<")[2].partition(">")[0]
        self._send(self._request(dialog, "ACK", message.cseq))
        if not dialog.answered.done():  # else the answer came once more
            if message.status == 200:
                dialog.phone.connect(audio_address(message.body)[0])
            dialog.answered.set_result(message.status)

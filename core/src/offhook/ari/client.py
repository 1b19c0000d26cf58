"""ARI's REST interface: one method for each request that the host makes, typed both ways.

Every method raises a subclass of `AriError` (errors.py); nothing is retried here, the caller of a method
knows best. Creating with an id of one's own is safe to repeat all the same: what an earlier attempt made
is returned. ARI's reference: https://docs.asterisk.org, "Asterisk REST Interface".
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import aiohttp

from . import variables
from .connection import AriConnection
from .errors import AriError, BadRequest, Conflict, NotFound, ServerError
from .event_socket import EventSocket
from .models import AsteriskInfo, Bridge, Channel, Playback, rtp_address_of
from .parsing import FormatError, bridge_from, channel_from, info_from, playback_from

log = logging.getLogger("offhook.ari")

_T = TypeVar("_T")

_PARALLEL_READS = 16
"""Variables read at a time where EVAL is missing; more at a time is not faster."""


class AriClient:
    """A client of one Stasis application on one Asterisk.

    `url` is Asterisk's address (`http://HOST:8088`, a path prefix is all right; `ValueError` if it cannot be
    one), `app` the application's name. Use it as an async context manager. Without a `session` the
    client makes its own; one that is passed in is left open. `timeout_seconds` bounds each request.
    """

    def __init__(
        self,
        url: str,
        username: str,
        password: str,
        app: str,
        *,
        session: aiohttp.ClientSession | None = None,
        timeout_seconds: float = 10.0,
    ) -> None:
        self.app = app
        self._http = AriConnection(url, username, password, session=session, timeout_seconds=timeout_seconds)
        self._has_eval = True

    @property
    def base_url(self) -> str:
        """Where ARI is, for messages: `http://HOST:PORT/ari`."""
        return str(self._http.base_url)

    async def __aenter__(self) -> Self:
        await self._http.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def connect_events(self, heartbeat_seconds: float) -> EventSocket:
        """Open the event WebSocket, which registers the application; `AriEvents` does this and reads it."""
        query = {"app": self.app, "subscribeAll": "false"}
        return await self._http.event_socket("/events", query, heartbeat_seconds)

    # --- Asterisk ------------------------------------------------------------------------------------

    async def info(self) -> AsteriskInfo:
        """Version and name of the Asterisk; also the cheapest way to try login and URL."""
        return await self._http.get("/asterisk/info", info_from)

    # --- Channels ------------------------------------------------------------------------------------

    async def channels(self) -> list[Channel]:
        """All channels that Asterisk has, not only this application's."""
        return await self._http.get("/channels", _list_of(channel_from))

    async def channel(self, channel_id: str) -> Channel:
        """One channel as it is now; `NotFound` if it is gone."""
        return await self._http.get(f"/channels/{_segment(channel_id)}", channel_from)

    async def originate(
        self,
        endpoint: str,
        *,
        channel_id: str,
        caller_id: str = "",
        timeout_seconds: float = 30.0,
        app_args: str = "",
        variables: Mapping[str, str] | None = None,
        formats: str = "",
    ) -> Channel:
        """Call `endpoint` (`PJSIP/alice`, `Local/600@sales` …): once answered, it enters the application.

        Returns as soon as Asterisk has taken the request; the channel is `Down` then. What becomes of it, the
        events `Dial`, `StasisStart` and `ChannelDestroyed` tell (see `Dial`); the application has to be
        connected, or there are none. `caller_id`, as `Ann <4711>`, is what the callee sees. `timeout_seconds`:
        how long it may ring, rounded up to whole seconds; -1 is for ever. `app_args`, comma-separated, are the
        `args` of the StasisStart. `formats`, comma-separated (`ulaw,alaw`): what the channel carries, else
        Asterisk chooses. To repeat the request does no harm as long as the channel lives, and calls again after.

        `ServerError`: Asterisk has no such endpoint, or no phone is registered for it. `BadRequest`: no
        `TECHNOLOGY/RESOURCE`, or an unknown format. `ValueError`: the time is none of these.
        """
        if not (timeout_seconds == -1 or 0 < timeout_seconds < math.inf):
            raise ValueError(
                f"timeout_seconds {timeout_seconds:g}: allowed is a time above 0, or -1 for no limit"
            )
        path = f"/channels/{_segment(channel_id)}"
        wanted = {
            "endpoint": endpoint,
            "app": self.app,
            "appArgs": app_args,
            "callerId": caller_id,
            "timeout": str(math.ceil(timeout_seconds)),
            "formats": formats,
        }
        query = {name: value for name, value in wanted.items() if value}
        body = {"variables": dict(variables)} if variables else None
        try:
            return await self._create(path, path, channel_from, body=body, **query)
        except (Conflict, ServerError) as error:
            # 500 "Allocation failed", or 409 though no channel has the id: Asterisk looks at an `errno` that may
            # be left over from an earlier request on the same HTTP connection.
            if error.status not in (409, 500):
                raise
            why = f"{endpoint} cannot be called: no such endpoint, or no phone is registered there"
            raise ServerError("POST", path, error.status, f"{why} ({error.reason})") from None
        except BadRequest as error:
            given = f"endpoint {endpoint!r}" + (f", formats {formats!r}" if formats else "")
            raise BadRequest("POST", path, error.status, f"{error.reason} ({given})") from None

    async def answer(self, channel_id: str) -> None:
        """Answer the channel; not an error if it is up already."""
        await self._http.post(f"/channels/{_segment(channel_id)}/answer")

    async def hangup(self, channel_id: str, reason: str = "normal", *, missing_ok: bool = False) -> None:
        """Hang up any channel, external media and snoop too. `missing_ok`: one that is gone is done.

        `reason` of a channel that was not answered makes the SIP status: `busy` 486, `congestion` 503,
        `no_answer` 480.
        """
        await self._http.delete(f"/channels/{_segment(channel_id)}", missing_ok, reason=reason)

    async def continue_in_dialplan(
        self, channel_id: str, context: str = "", extension: str = "", priority: int = 0
    ) -> None:
        """Give the channel back to the dialplan: after `Stasis()`, or at what is given."""
        where = {"context": context, "extension": extension, "priority": str(priority) if priority else ""}
        await self._http.post(
            f"/channels/{_segment(channel_id)}/continue",
            {name: value for name, value in where.items() if value},
        )

    async def send_dtmf(self, channel_id: str, digits: str) -> None:
        """Send digits (`0-9 * # A-D`) to the channel's far end; returns before they are sent."""
        await self._http.post(f"/channels/{_segment(channel_id)}/dtmf", {"dtmf": digits})

    async def snoop(self, channel_id: str, snoop_id: str, spy: str = "in") -> Channel:
        """Make a channel that hears another: `in` is what its caller says, `out` what it is sent, or `both`.

        It takes part in the application: wait for its `StasisStart` before it goes into a bridge.
        """
        path = f"/channels/{_segment(channel_id)}/snoop/{_segment(snoop_id)}"
        return await self._create(
            path, f"/channels/{_segment(snoop_id)}", channel_from, spy=spy, app=self.app
        )

    async def external_media(
        self,
        channel_id: str,
        external_host: str,
        audio_format: str,
        *,
        transport: str = "udp",
        encapsulation: str = "rtp",
        connection_type: str = "client",
    ) -> Channel:
        """Make a channel that carries its audio to and from `external_host` (`HOST:PORT`, for RTP ours).

        `audio_format` is Asterisk's name of a codec: `ulaw`, `alaw`, `slin24` … The channel's own address is
        `rtp_address(channel)`. For chan_websocket: transport `websocket`, encapsulation `none`, and
        `external_host` a client of websocket_client.conf or, with connection type `server`, `INCOMING`.
        Wait for the channel's `StasisStart` before it goes into a bridge, else that fails at times (422).
        """
        return await self._create(
            "/channels/externalMedia",
            f"/channels/{_segment(channel_id)}",
            channel_from,
            app=self.app,
            channelId=channel_id,
            external_host=external_host,
            format=audio_format,
            transport=transport,
            encapsulation=encapsulation,
            connection_type=connection_type,
        )

    async def rtp_address(self, channel: Channel) -> tuple[str, int]:
        """Asterisk's own address and port of an RTP external media channel; `AriError` if it has none."""
        address = channel.rtp_address
        if address is None:
            names = ["UNICASTRTP_LOCAL_ADDRESS", "UNICASTRTP_LOCAL_PORT"]
            address = rtp_address_of(await self.read_variables(channel.id, names))
        if address is None:
            raise AriError(
                "GET", f"/channels/{channel.id}", None, "the channel has no RTP address of its own"
            )
        return address

    # --- Variables -----------------------------------------------------------------------------------

    async def get_variable(self, channel_id: str, name: str) -> str | None:
        """A channel variable, or a dialplan function such as `CALLERID(num)`. None if it is not set.

        `NotFound` if the channel is gone.
        """
        path = f"/channels/{_segment(channel_id)}/variable"
        try:
            return await self._http.get(path, _value_from, variable=name)
        except NotFound as error:
            if "variable" in error.reason.lower():
                return None
            raise

    async def set_variable(self, channel_id: str, name: str, value: str) -> None:
        """Set a channel variable, or write a dialplan function such as `TALK_DETECT(set)`.

        ARI writes any function, `SHELL()` too: a name that comes from outside has to be checked before; one
        that does not exist is not reported. Asterisk 16 answers before it has set the variable, yet does so
        before whatever is asked for the channel next, such as `continue_in_dialplan`.
        """
        # In the body, as a request line ends at 4 KB.
        body = {"variable": name, "value": value}
        await self._http.post(f"/channels/{_segment(channel_id)}/variable", body=body)

    async def set_variables(self, channel_id: str, values: Mapping[str, str]) -> None:
        """Set several channel variables with one request (see variables.py); none is set where that fails.

        Where Asterisk has not shown yet that it has no func_strings, it is taken to have them: read variables first.
        `ValueError` for a name that is not plain.
        """
        variables.check_names(values)
        if self._has_eval and values:
            await self.set_variable(channel_id, *variables.assignment(values))
            return
        for name, value in values.items():
            await self.set_variable(channel_id, name, value)

    async def read_variables(self, channel_id: str, names: Iterable[str]) -> dict[str, str]:
        """Those of the named channel variables that are set, cheaply (see variables.py).

        A variable that is set but empty counts as not set, as it does in the dialplan; so does one that holds
        no valid UTF-8, which Asterisk refuses to pass on (logged). `ValueError` for a name that is not plain.
        """
        wanted = list(dict.fromkeys(names))
        variables.check_names(wanted)
        separator = secrets.token_hex(4)
        found: dict[str, str] = {}
        for chunk in variables.chunks(wanted, separator):
            found |= await self._read_chunk(channel_id, chunk, separator)
        return found

    async def _read_chunk(self, channel_id: str, names: Sequence[str], separator: str) -> dict[str, str]:
        if not self._has_eval:
            return await self._read_singly(channel_id, names)
        try:
            text = await self.get_variable(channel_id, variables.expression(names, separator))
        except ServerError as error:
            if "function" in error.reason.lower():
                if self._has_eval:
                    log.warning("Asterisk has no function EVAL (func_strings): variables are read one by one")
                self._has_eval = False
                return await self._read_singly(channel_id, names)
            # One value cannot be written as JSON. Look for it in halves, so that the others are not lost.
            if len(names) == 1:
                log.warning("Channel variable %s left out: %s", names[0], error)
                return {}
            half = len(names) // 2
            first = await self._read_chunk(channel_id, names[:half], separator)
            return first | await self._read_chunk(channel_id, names[half:], separator)
        found = variables.values(names, separator, text or "")
        return await self._read_singly(channel_id, names) if found is None else found

    async def _read_singly(self, channel_id: str, names: Sequence[str]) -> dict[str, str]:
        """One request a variable, some of them at a time."""
        slots = asyncio.Semaphore(_PARALLEL_READS)

        async def read(name: str) -> str | None:
            async with slots:
                return await self.get_variable(channel_id, name)

        found: dict[str, str] = {}
        answers = await asyncio.gather(*map(read, names), return_exceptions=True)
        for name, answer in zip(names, answers, strict=True):
            match answer:
                case ServerError():
                    log.warning("Channel variable %s left out: %s", name, answer)
                case BaseException():
                    raise answer
                case str() if answer:
                    found[name] = answer
        return found

    # --- Playbacks -----------------------------------------------------------------------------------

    async def play(self, channel_id: str, media: str, playback_id: str) -> Playback:
        """Play a media URI (`sound:hello-world`, `tone:ring`, `digits:42` …) after those already queued.

        Do not repeat it: Asterisk queues a second playback of the same id. A URI of an unknown scheme is
        accepted too, and never finishes.
        """
        path = f"/channels/{_segment(channel_id)}/play/{_segment(playback_id)}"
        return await self._http.create(path, playback_from, media=media)

    async def stop_playback(self, playback_id: str, *, missing_ok: bool = False) -> None:
        """Stop a playback; its `PlaybackFinished` still comes. `missing_ok`: one that is over is done."""
        await self._http.delete(f"/playbacks/{_segment(playback_id)}", missing_ok)

    # --- Bridges -------------------------------------------------------------------------------------

    async def bridges(self) -> list[Bridge]:
        """All bridges that Asterisk has, not only this application's."""
        return await self._http.get("/bridges", _list_of(bridge_from))

    async def create_bridge(self, bridge_id: str, name: str) -> Bridge:
        """Make a mixing bridge, or return the one of that id."""
        path = f"/bridges/{_segment(bridge_id)}"
        return await self._create(path, path, bridge_from, type="mixing", name=name)

    async def add_to_bridge(self, bridge_id: str, *channel_ids: str) -> None:
        """Put channels into the bridge.

        `NotFound` for an unknown bridge, `BadRequest` for an unknown channel, `Unprocessable` for a channel
        that is not in Stasis, or not yet.
        """
        path = f"/bridges/{_segment(bridge_id)}/addChannel"
        await self._http.post(path, {"channel": ",".join(channel_ids)})

    async def delete_bridge(self, bridge_id: str, *, missing_ok: bool = False) -> None:
        """Delete the bridge; its channels stay. `missing_ok`: one that is gone is done."""
        await self._http.delete(f"/bridges/{_segment(bridge_id)}", missing_ok)

    async def _create(
        self,
        path: str,
        made: str,
        parse: Callable[[object], _T],
        *,
        body: Mapping[str, object] | None = None,
        **query: str,
    ) -> _T:
        """Make what will be found at `made`. Ids are ours: what is there already, an earlier attempt made."""
        try:
            return await self._http.create(path, parse, body=body, **query)
        except (Conflict, ServerError) as error:
            # An id that is taken is 500 for external media and a snoop, 409 for an originated channel and for a
            # bridge (500 on Asterisk 16).
            try:
                return await self._http.get(made, parse)
            except AriError:
                raise error from None


def _segment(name: str) -> str:
    """An id as one segment of a path."""
    return quote(name, safe="")


def _list_of(parse: Callable[[object], _T]) -> Callable[[object], list[_T]]:
    def parse_list(data: object) -> list[_T]:
        if not isinstance(data, list):
            raise FormatError(f"a list was expected, not {data!r:.80}")
        return [parse(item) for item in data]

    return parse_list


def _value_from(data: object) -> str:
    value: Any = data.get("value") if isinstance(data, Mapping) else None
    if not isinstance(value, str):
        raise FormatError(f"a value was expected, not {data!r:.80}")
    return value

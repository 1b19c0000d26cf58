"""The server: its port, its addresses and keys, and its sessions."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Literal, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from offhook.simulators.realtime.dialogue import Dialogue, FixedDialogue, RuleDialogue
from offhook.simulators.realtime.engines import Engines
from offhook.simulators.realtime.errors import RequestError
from offhook.simulators.realtime.quirks import Quirks
from offhook.simulators.realtime.session import Session
from offhook.simulators.realtime.speech import (
    MISSING,
    RECORDED_ANSWER,
    UNWANTED,
    MoonshineRecognizer,
    PiperVoice,
    Recognizer,
    RecordedVoice,
    Voice,
    speech_available,
)

log = logging.getLogger("offhook.simulators.realtime")

PATHS = ("/v1/realtime", "/openai/v1/realtime", "/openai/realtime")
"""Where the API is: OpenAI's path, Azure's, and that of older Azure resources."""
NO_QUIRKS = Quirks()
_LARGEST_MESSAGE_BYTES = 24 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Options:
    """How the server behaves; see `SimulatedRealtime`."""

    received_limit_bytes: int | None
    log_messages: int
    audio_pace: float
    answer_delay_seconds: float
    quirks: Quirks
    session_age_limit_seconds: float


class SimulatedRealtime:
    """A Realtime server that listens and speaks, for tests, demonstrations and load.

    `async with SimulatedRealtime() as server:` serves at `server.url` (as `OPENAI_BASE_URL` takes it) until the
    block ends. Any key is taken unless `api_key` is given.

    speech: True needs the engines of `offhook[speech]` and raises `RuntimeError` without them; False never
    uses them: the server transcribes nothing and answers everything with a recording; `"auto"` takes what is
    there. `recognizer` and `voice` replace either engine. dialogue: what the model says (default: `RULES`).

    received_limit_bytes: how much of each session's audio is kept in `session.received` (None: all of it).
    log_messages: how many messages each session keeps in `session.messages` (0: none).
    audio_pace: audio is sent so many times faster than it plays; 0 is as fast as it is made, as the real one.
    answer_delay_seconds: how long the model thinks. quirks: faults of the live service to imitate.
    session_age_limit_seconds: after this a session expires.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        speech: bool | Literal["auto"] = "auto",
        dialogue: Dialogue | None = None,
        recognizer: Recognizer | None = None,
        voice: Voice | None = None,
        api_key: str = "",
        received_limit_bytes: int | None = None,
        log_messages: int = 2000,
        audio_pace: float = 0.0,
        answer_delay_seconds: float = 0.0,
        quirks: Quirks = NO_QUIRKS,
        session_age_limit_seconds: float = 3600.0,
    ) -> None:
        if speech is True and not speech_available():
            raise RuntimeError("speech=True needs the engines of offhook[speech], which are not installed")
        has_speech = speech_available() if speech == "auto" else speech
        self.sessions: list[Session] = []
        """All sessions since the start, also those that are over, in the order of their connecting."""
        self._recognizer = recognizer or (MoonshineRecognizer() if has_speech else None)
        self._why_deaf = UNWANTED if speech is False else MISSING
        self._voice = voice or (PiperVoice() if has_speech else RecordedVoice())
        self._dialogue: Dialogue = dialogue or (
            RuleDialogue() if self._recognizer else FixedDialogue(RECORDED_ANSWER)
        )
        self._api_key = api_key
        self._address = (host, port)
        self._server: Server | None = None
        self._engines: Engines | None = None
        self._options = Options(
            received_limit_bytes,
            log_messages,
            audio_pace,
            answer_delay_seconds,
            quirks,
            session_age_limit_seconds,
        )

    @property
    def transcribes(self) -> bool:
        """False where the server cannot understand speech."""
        return self._recognizer is not None

    @property
    def port(self) -> int:
        """The port that is served."""
        if self._server is None:
            raise RuntimeError("the simulated Realtime server is not running")
        return int(next(iter(self._server.sockets)).getsockname()[1])

    @property
    def url(self) -> str:
        """The base address, `ws://HOST:PORT/v1`; `/realtime?model=…` is appended by the client."""
        host = self._address[0]
        return f"ws://{f'[{host}]' if ':' in host else host}:{self.port}/v1"

    async def start(self) -> None:
        """Load the engines and open the port. Raises `OSError`, and what an engine raises."""
        if not self.transcribes:
            log.warning("no speech recognition here: %s", self._why_deaf)
        self._engines = Engines(self._recognizer, self._voice, self._why_deaf)
        try:
            await self._engines.load()
            self._server = await serve(
                self._serve,
                *self._address,
                process_request=self._admit,
                compression=None,
                max_size=_LARGEST_MESSAGE_BYTES,
                server_header="offhook-simulated-realtime",
            )
        except BaseException:
            self._engines.close()
            raise

    async def stop(self) -> None:
        """Close all sessions and the port."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        if self._engines is not None:
            self._engines.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse a wrong path or key before the WebSocket opens; None lets it open."""
        if urlsplit(request.path).path.rstrip("/") not in PATHS:
            return _refusal(
                HTTPStatus.NOT_FOUND, "invalid_url", f"Invalid URL (GET {urlsplit(request.path).path})"
            )
        given = request.headers.get("api-key") or ""
        if authorization := request.headers.get("Authorization"):
            given = authorization.removeprefix("Bearer ")
        if self._api_key and given != self._api_key:
            shown = f"{given[:3]}***" if given else "none"
            return _refusal(
                HTTPStatus.UNAUTHORIZED, "invalid_api_key", f"Incorrect API key provided: {shown}."
            )
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        assert self._engines is not None and connection.request is not None
        query = parse_qs(urlsplit(connection.request.path).query)
        model = (query.get("model") or query.get("deployment") or [""])[0]
        session = Session(connection, self._options, self._engines, self._dialogue, model)
        self.sessions.append(session)
        if not model and query.get("intent") != ["transcription"]:
            session.refuse(
                RequestError("missing_model", "You must provide a model parameter.", "model", close_code=4000)
            )
        await session.run()


def _refusal(status: HTTPStatus, code: str, message: str) -> Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    body = json.dumps({"error": error}).encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body))})
    return Response(status.value, status.phrase, headers, body)

"""`appConfig`: what a call does, from the moment to listen to what a tool may reach."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, SecretStr

from .addresses import HOST, HostName, HttpUrl, OptionalHostName
from .section import Section, folded, setting

LONGEST_SECONDS = 86_400
MEDIA_SCHEMES = ("sound", "recording", "number", "digits", "characters", "tone")
"""The media URI schemes of ARI's play operation. Asterisk never reports the end of an unknown one."""

_MODES = {folded(mode): mode for mode in ("IMMEDIATE", "FIXED_DELAY", "VAD")}


def mode_name(name: str) -> str:
    """The usual spelling of an activation mode: `fixedDelay` → `FIXED_DELAY`; a stranger's stays as it is."""
    if not folded(name):
        raise ValueError("empty")
    return _MODES.get(folded(name), name.strip())


def media_uri(uri: str) -> str:
    """An Asterisk media URI: a bare word means a sound; empty is none.

    Raises:
        ValueError: the scheme is not one that Asterisk plays.
    """
    if not uri:
        return ""
    scheme, colon, rest = uri.partition(":")
    if not colon:
        return f"sound:{uri}"
    if scheme.lower() not in MEDIA_SCHEMES or not rest:
        raise ValueError(f"unknown scheme {scheme!r}")
    return f"{scheme.lower()}:{rest}"


def terminator(digit: str) -> str:
    if digit and (len(digit) > 1 or digit.upper() not in "0123456789*#ABCD"):
        raise ValueError("not a digit")
    return digit.upper()


def transfer_target(target: str) -> str:
    """An extension of the call's own context, or of the named one."""
    if not re.fullmatch(r"([A-Za-z0-9_.-]+/)?[A-Za-z0-9_*#+.-]+", target):
        raise ValueError("not an extension")
    return target


def variable_name(name: str) -> str:
    """A plain channel variable: ARI would also write dialplan functions such as `SHELL()`."""
    if not re.fullmatch(r"_{0,2}[A-Za-z][A-Za-z0-9_]*", name):
        raise ValueError("not a plain variable name")
    return name


def _seconds(default: float, description: str, **more: Any) -> Any:
    return setting(default, description, ge=0, le=LONGEST_SECONDS, **more)


class VadConfig(Section):
    """How Asterisk's TALK_DETECT tells speech from silence."""

    PER_CALL: ClassVar[bool] = True

    vad_silence_threshold_ms: int = setting(
        250, "Silence in milliseconds after which Asterisk reports that talking ended.", ge=1, le=60_000
    )
    vad_recognition_activation_ms: int = setting(
        40, "Speech in milliseconds that it takes before talking counts; 0: any.", ge=0, le=60_000
    )
    vad_talk_threshold: int = setting(
        256,
        "Average amplitude of a frame, from 1 to 32767, above which Asterisk counts it as talking.",
        ge=1,
        le=32_767,
    )


class RecognitionConfig(Section):
    """When listening starts, and the timers around it."""

    PER_CALL: ClassVar[bool] = True

    recognition_activation_mode: Annotated[str, AfterValidator(mode_name)] = setting(
        "VAD",
        "What decides when the Realtime stream starts: IMMEDIATE, FIXED_DELAY, VAD, or a mode of a plugin.",
        allowed="the name of an activation mode (IMMEDIATE, FIXED_DELAY, VAD, or one of a plugin)",
    )
    no_speech_begin_timeout_seconds: float = _seconds(
        3.0, "Seconds that the caller has to begin speaking; 0 disables the timer."
    )
    speech_complete_timeout_seconds: float = _seconds(
        5.0,
        "Seconds of silence after an interim transcript that end the utterance; 0 disables the timer.",
        aliases=("speechEndSilenceTimeoutSeconds",),
    )
    max_recognition_duration_seconds: float = _seconds(
        30.0,
        "Longest recognition, or turn of the caller in a conversation, in seconds; 0 disables the timer.",
    )
    greeting_audio_path: Annotated[str, AfterValidator(media_uri)] = setting(
        "sound:hello-world",
        "Asterisk media URI that is played first; none plays nothing.",
        allowed="none, a sound's name, or a media URI that begins with "
        + ", ".join(f"{scheme}:" for scheme in MEDIA_SCHEMES),
        none_is_empty=True,
    )
    greeting_text: str = setting(
        "",
        "Greeting that the model speaks, in place of one that Asterisk plays; only in a conversation.",
        none_is_empty=True,
    )
    barge_in_delay_seconds: float = _seconds(
        0.5, "Seconds from the end of the greeting to listening, in the mode FIXED_DELAY."
    )
    initial_openai_stream_idle_timeout_seconds: float = _seconds(
        10.0,
        "Seconds that the provider has to show a sign of life on a new stream; 0 disables the timer.",
        json_name="initialOpenAIStreamIdleTimeoutSeconds",
    )
    vad_config: VadConfig = VadConfig()
    vad_recog_activation: Literal["afterPrompt", "vadMode"] = setting(
        "afterPrompt", "In the mode VAD: listen after the greeting, or as soon as the delays have passed."
    )
    vad_initial_silence_delay_seconds: float = _seconds(
        0.0, "Seconds at the start in which speech is noted and does not start listening yet (vadMode)."
    )
    vad_activation_delay_seconds: float = _seconds(
        0.0, "A second delay in seconds of the same kind, which runs beside the first (vadMode)."
    )
    vad_max_wait_after_prompt_seconds: float = _seconds(
        5.0, "Seconds to wait for speech after the greeting (afterPrompt); 0 disables the timer."
    )
    vad_buffer_seconds: float = setting(
        30.0, "Longest caller audio in seconds that is kept until listening starts.", ge=0, le=300
    )


class DtmfConfig(Section):
    """The keypad."""

    PER_CALL: ClassVar[bool] = True

    dtmf_enabled: bool = setting(
        True, "Whether digits are collected; false ignores them.", aliases=("enableDtmfRecognition",)
    )
    dtmf_interdigit_timeout_seconds: float = _seconds(
        2.0,
        "Seconds without a further digit that end the collection; 0 disables the timer.",
        aliases=("dtmfInterDigitTimeoutSeconds",),
    )
    dtmf_max_digits: int = setting(16, "Number of digits that ends the collection.", ge=1, le=256)
    dtmf_terminator_digit: Annotated[str, AfterValidator(terminator)] = setting(
        "#",
        "Digit that ends the collection and is left out of the result; none means that no digit does.",
        allowed="one of 0-9 * # A-D, or none",
        none_is_empty=True,
    )
    dtmf_final_timeout_seconds: float = _seconds(
        3.0, "Seconds after the last digit that end the collection; 0 disables the timer."
    )
    dtmf_mode: Literal["interrupt", "converse"] = setting(
        "interrupt", "Whether digits end the talk with the model, or are handed to the model as a message."
    )
    dtmf_sensitive: bool = setting(False, "Whether digits are masked in logs, console and journal.")


class BargeInConfig(Section):
    """The caller speaks over a prompt or over the model."""

    PER_CALL: ClassVar[bool] = True

    barge_in_mode_enabled: bool = setting(
        True, "Whether speech stops a playback or the model's answer; digits always do."
    )
    barge_in_source: Literal["provider", "asterisk", "either"] = setting(
        "provider", "Who is believed that the caller speaks over the model's answer."
    )
    resume_after_false_barge_in: bool = setting(
        False,
        "Whether a sound only pauses the model's answer, until words follow. The model then answers a turn when its "
        "words are known, a little later.",
    )
    false_barge_in_seconds: float = _seconds(
        1.5, "Seconds after a sound within which its words must come; without any the answer goes on."
    )


class CallConfig(Section):
    """The call as a whole: its kind, its limits, and where it goes at its end."""

    PER_CALL: ClassVar[bool] = True

    session_kind: Literal["conversation", "recognition"] = setting(
        "conversation", "Whether the caller talks with the model, or one utterance is recognised."
    )
    endpointing: Literal["auto", "provider", "asterisk"] = setting(
        "auto", "Who says that the caller's utterance is over; auto takes the provider where it can."
    )
    end_action: Literal["continue", "hangup"] = setting(
        "continue", "Whether the call goes on in the dialplan at its end, or is hung up."
    )
    result_context: str = setting("", "Dialplan context to continue in; empty: where the call came from.")
    result_extension: str = setting(
        "", "Extension to continue at; empty: the next priority, or s of resultContext."
    )
    max_call_duration_seconds: float = _seconds(
        3600.0, "Longest conversation in seconds; 0 disables the timer."
    )
    conversation_idle_seconds: float = _seconds(
        60.0, "Seconds of silence of both sides that end a conversation; 0 disables the timer."
    )


class MediaConfig(Section):
    """How the audio of a call reaches the host."""

    PER_CALL: ClassVar[bool] = True

    media_topology: Literal["auto", "split", "bridge"] = setting(
        "auto",
        "How the audio is wired in Asterisk; auto takes the leanest that keeps every word of the caller.",
    )
    media_transport: Literal["rtp", "websocket"] = setting(
        "rtp", "What carries the audio between Asterisk and the host.", per_call=False
    )
    input_frame_ms: int = setting(
        20,
        "Caller's audio in milliseconds that goes to the provider in one message, in whole packets of 20; "
        "more saves a little CPU time, and the model hears the caller so much later.",
        ge=20,
        le=200,
        multiple_of=20,
    )
    rtp_host_ip: HostName = setting(
        "127.0.0.1", "Address of this host to which Asterisk sends RTP.", per_call=False, allowed=HOST
    )
    rtp_bind_ip: OptionalHostName = setting(
        "", "Address on which RTP is received; empty: the same as rtpHostIp.", per_call=False, allowed=HOST
    )
    rtp_port_min: int = setting(30_000, "First UDP port for RTP.", ge=1, le=65_535, per_call=False)
    rtp_port_max: int = setting(31_999, "Last UDP port for RTP.", ge=1, le=65_535, per_call=False)


class McpServer(Section):
    """A remote MCP server, which the provider calls by itself."""

    server_label: str = setting(..., "Name of the server, as the model sees it.", pattern="^[A-Za-z0-9_-]+$")
    server_url: HttpUrl = setting(..., "Address of the server.")
    authorization: SecretStr = setting(SecretStr(""), "Token that the provider sends to the server.")
    allowed_tools: tuple[str, ...] = setting((), "Tools that the model may use; empty: all of the server.")


class ToolsConfig(Section):
    """What the model's tools may reach: nothing at first, since a caller can talk a model into anything."""

    tool_timeout_seconds: float = setting(
        10.0, "Seconds that a tool has to answer.", gt=0, le=600, per_call=True
    )
    transfer_targets: tuple[Annotated[str, AfterValidator(transfer_target)], ...] = setting(
        (),
        "Extensions to which the model may transfer the caller, as extension or context/extension.",
        allowed="a list of extension or context/extension",
    )
    settable_variables: tuple[Annotated[str, AfterValidator(variable_name)], ...] = setting(
        (),
        "Channel variables that the model may set.",
        allowed="a list of plain variable names (letters, digits and _)",
    )
    http_endpoints: dict[str, HttpUrl] = setting(
        {}, "Web services that the model may call: name and address.", allowed="name=http(s)://… pairs"
    )
    mcp_servers: tuple[McpServer, ...] = setting(
        (),
        "Remote MCP servers that are passed on to the Realtime API.",
        allowed="a JSON list of objects with serverLabel, serverUrl, authorization and allowedTools",
    )


class AppConfig(Section):
    """All that is about calls."""

    recognition: RecognitionConfig = setting(
        RecognitionConfig(), "When listening starts.", json_name="appRecognitionConfig"
    )
    dtmf: DtmfConfig = setting(DtmfConfig(), "The keypad.", json_name="dtmfConfig")
    barge_in: BargeInConfig = setting(BargeInConfig(), "Barge-in.", json_name="bargeInConfig")
    call: CallConfig = setting(CallConfig(), "The call as a whole.", json_name="callConfig")
    media: MediaConfig = setting(MediaConfig(), "The road of the audio.", json_name="mediaConfig")
    tools: ToolsConfig = setting(ToolsConfig(), "What tools may reach.", json_name="toolsConfig")

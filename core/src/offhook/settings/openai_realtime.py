"""`openAIRealtimeAPI`: the provider, and how it is to listen, think and speak."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from .addresses import WEB_ADDRESS, OptionalWebUrl, WebUrl
from .legacy import audio_format, modalities, successor
from .section import Section, setting

AudioFormat = Literal["audio/pcmu", "audio/pcma", "audio/pcm"]
SAMPLE_RATES: dict[str, int] = {"audio/pcmu": 8000, "audio/pcma": 8000, "audio/pcm": 24_000}
"""Samples a second of each audio format of the Realtime API; each has this one and no other."""

MODELS_WITHOUT_TURN_DETECTION = frozenset({"gpt-realtime-whisper", "gpt-live-transcribe"})
"""Transcription models that refuse any `turn_detection` but null: their turns end by a commit alone."""

INSTRUCTIONS = (
    "You are a friendly assistant on a telephone call. Speak the caller's language. Answer in one or two "
    "short sentences, without lists or markup. Ask when something is unclear. When the caller says goodbye, "
    "say goodbye and end the call."
)


def key(secret: SecretStr) -> SecretStr:
    """A key as it can stand in an HTTP header; a file that it was read from may end with a line break."""
    text = secret.get_secret_value().strip()
    if not all("!" <= character <= "~" for character in text):
        raise ValueError("not a key")
    return SecretStr(text)


Key = Annotated[SecretStr, AfterValidator(key)]
KEY = "a key of visible ASCII characters, without blanks"


def language_code(language: str) -> str:
    """`en-US` and `en_US` → `en`: the API takes ISO 639-1."""
    code = re.split("[-_]", language)[0].lower()
    if code and not re.fullmatch("[a-z]{2,3}", code):
        raise ValueError("not a language code")
    return code


_FORMATS = "audio/pcmu, audio/pcma or audio/pcm (or their older names g711_ulaw, g711_alaw, pcm16)"


class OpenAIRealtimeAPI(Section):
    """The session with the Realtime API."""

    ENV_PREFIX: ClassVar[str] = "OPENAI_"
    PER_CALL: ClassVar[bool] = True

    ai_provider: Literal["openai", "azure"] = setting(
        "openai", "Who serves the Realtime API.", env="AI_PROVIDER", per_call=False
    )
    api_key: Key = setting(SecretStr(""), "Key of the OpenAI API.", per_call=False, allowed=KEY)
    base_url: WebUrl = setting(
        "https://api.openai.com/v1",
        "Address of the API, normally ending in /v1; /realtime is appended to it.",
        per_call=False,
        allowed=WEB_ADDRESS,
    )
    azure_api_key: Key = setting(
        SecretStr(""),
        "Key of the Azure resource.",
        env="AZURE_OPENAI_API_KEY",
        per_call=False,
        allowed=KEY,
    )
    azure_endpoint: OptionalWebUrl = setting(
        "",
        "Address of the Azure resource, such as https://example.openai.azure.com.",
        env="AZURE_OPENAI_ENDPOINT",
        per_call=False,
        allowed=WEB_ADDRESS,
    )
    azure_deployment_id: str = setting(
        "", "Name of the Azure deployment, in place of the model.", env="AZURE_OPENAI_DEPLOYMENT_ID"
    )
    azure_api_version: str = setting(
        "",
        "API version for an older Azure resource; empty: today's /openai/v1.",
        env="AZURE_OPENAI_API_VERSION",
    )
    model: Annotated[str, Field(min_length=1), AfterValidator(successor)] = setting(
        "gpt-realtime-2.1",
        "Realtime model that talks with the caller.",
        env="OPENAI_STT_MODEL",
        env_aliases=("OPENAI_REALTIME_MODEL", "OPENAI_MODEL"),
        allowed="the name of a Realtime model",
    )
    language: Annotated[str, AfterValidator(language_code)] = setting(
        "",
        "Language of the caller as ISO 639-1, such as en; none lets the provider find out.",
        allowed="a language code such as en or en-US, or none",
        none_is_empty=True,
    )
    input_audio_format: Annotated[AudioFormat, BeforeValidator(audio_format)] = setting(
        "audio/pcmu", "Format of the caller's audio.", allowed=_FORMATS
    )
    input_audio_sample_rate: Literal[8000, 24_000] = setting(
        8000, "Samples a second of the caller's audio; follows from the format.", allowed="8000 or 24000"
    )
    output_audio_format: Annotated[AudioFormat, BeforeValidator(audio_format)] = setting(
        "audio/pcmu", "Format of the model's audio.", allowed=_FORMATS
    )
    output_audio_sample_rate: Literal[8000, 24_000] = setting(
        8000, "Samples a second of the model's audio; follows from the format.", allowed="8000 or 24000"
    )
    voice: str = setting(
        "marin",
        "Voice of the model.",
        env="OPENAI_TTS_VOICE",
        env_aliases=("OPENAI_VOICE",),
        aliases=("ttsVoice",),
        min_length=1,
        allowed="the name of a voice",
    )
    instructions: str = setting(INSTRUCTIONS, "What the model is told about its task and its manner.")
    speed: float = setting(1.0, "Pace of the voice, as a multiple of the usual one.", ge=0.25, le=1.5)
    transcription_model: str = setting(
        "gpt-transcribe",
        "Model that writes down what the caller says.",
        min_length=1,
        allowed="the name of a transcription model",
    )
    turn_detection: Literal["server_vad", "semantic_vad", "none"] = setting(
        "server_vad", "How the provider finds the end of the caller's turn."
    )
    threshold: float = setting(0.5, "Loudness from 0 to 1 that server_vad takes for speech.", ge=0, le=1)
    prefix_padding_ms: int = setting(
        300, "Audio in milliseconds before the speech that belongs to the turn (server_vad).", ge=0, le=10_000
    )
    silence_duration_ms: int = setting(
        500, "Silence in milliseconds that ends the turn (server_vad).", ge=1, le=60_000
    )
    eagerness: Literal["auto", "low", "medium", "high"] = setting(
        "auto", "How soon semantic_vad takes a turn for finished."
    )
    idle_timeout_ms: int = setting(
        0,
        "Silence in milliseconds after which the model speaks up by itself (server_vad); 0: it never does.",
        ge=0,
        le=3_600_000,
    )
    noise_reduction: Literal["none", "near_field", "far_field"] = setting(
        "none", "Noise reduction of the caller's audio: for a handset, or for a speakerphone."
    )
    max_output_tokens: int = setting(0, "Longest answer in tokens; 0 sets no limit.", ge=0, le=4096)
    tool_choice: Literal["auto", "none", "required"] = setting(
        "auto", "Whether the model may or must use a tool."
    )
    initial_user_prompt: str = setting(
        "",
        "A first message in the caller's name, so that the model speaks first; none lets the caller begin.",
        env="INITIAL_USER_PROMPT",
        none_is_empty=True,
    )
    response_modalities: Annotated[tuple[Literal["audio", "text"], ...], AfterValidator(modalities)] = (
        setting(("audio",), "Whether the model answers with its voice or with text.", allowed="audio or text")
    )
    preconnect: bool = setting(
        True, "Whether the stream opens while the greeting still plays.", json_name="openAIPreconnect"
    )
    connect_timeout_seconds: float = setting(
        10.0, "Seconds that the provider has to accept a stream.", gt=0, le=120
    )
